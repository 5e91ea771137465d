"""Find what params.yaml names as the source: its format, and the files that are its parts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from toolkit.data.rounding import Rounded
from toolkit.data.sources.arrow_file import ArrowReader, ParquetReader
from toolkit.data.sources.columns import list_some
from toolkit.data.sources.csv_file import CsvReader
from toolkit.data.sources.database import copy_query
from toolkit.data.sources.generator import GeneratedSource
from toolkit.data.sources.json_lines import JsonLinesReader
from toolkit.data.sources.prediction_log import OUTPUTS, LogReader, copy_log
from toolkit.data.sources.raw_bytes import COMPRESSED
from toolkit.data.sources.source import Part, Reader, Source
from toolkit.errors import DataError
from toolkit.known_hashes import KnownHashes
from toolkit.paths import is_address, is_aside, tell_path

ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".sql": "sql",
}


def open_source(params: Any, root: Path, path: Path) -> Source | GeneratedSource:
    """Open the raw table that the section ``collect`` describes; its rows are read later, batch by batch.

    Parameters
    ----------
    params : Collect
        Its format, pattern, delimiter, encoding and database are used; with a generator, its rows come last.
    root : Path
        The project.
    path : Path
        Where the source is: what ``stage.input(params.source)`` gave.

    Raises
    ------
    DataError
        There is nothing to read, of no known format, or of several.
    """
    source = _open_rows(params, root, path)
    if params.generator:
        return GeneratedSource(source, root / params.generator, params.key, params.decimal)
    return source


def _open_rows(params: Any, root: Path, path: Path) -> Source:
    if params.format == "log":
        return _open_log(params, root, path)
    files = find_parts(path, params.pattern)
    names = [_tell(params.source, path, file) for file in files]
    format_ = find_format(files, params.format, names)
    if format_ == "sql":
        name = names[0]
        place = root / ".toolkit" / "downloads" / "query.arrow"
        rounded: dict[str, Rounded] = {}
        copy = copy_query(name, path, params.database, root, place, exclude=params.exclude, rounded=rounded)
        return Source(format_, [Part(name, copy, ArrowReader(), exclude=params.exclude)], rounded=rounded)
    reader = make_reader(format_, params.delimiter, params.encoding)
    known = KnownHashes(root / ".toolkit" / "hashes" / "collect.json")
    memory = root / ".toolkit" / "cache" / "columns" if format_ == "jsonl" and len(files) > 1 else None
    parts = [
        Part(name, file, reader, known=known, exclude=params.exclude, memory=memory)
        for name, file in zip(names, files, strict=True)
    ]
    if memory:
        _forget_others(memory, parts)
    # A contract says which columns may be missing, and widening takes what comes.
    strict = params.on_violation != "widen" and not (root / params.contract).is_file()
    return Source(format_, parts, reader.text, strict=strict)


def _tell(source: str, path: Path, file: Path) -> str:
    """Name a part in messages: by its path in the project, or by its address."""
    if not is_address(source):
        return tell_path(file)
    return source if file == path else f"{source.rstrip('/')}/{file.relative_to(path).as_posix()}"


def _forget_others(memory: Path, parts: list[Part]) -> None:
    """Remove what is remembered of files that are no parts any more."""
    names = {f"{part.hash.partition(':')[2]}.arrow" for part in parts}
    for entry in memory.glob("*.arrow"):
        if entry.name not in names:
            entry.unlink(missing_ok=True)


def _open_log(params: Any, root: Path, path: Path) -> Source:
    name = params.source.rstrip("/") if is_address(params.source) else tell_path(path)
    reader = LogReader(params.key)
    segments = copy_log(path, params.pattern, name, root / ".toolkit" / "downloads" / "log")
    names = [f"{name}/{segment.name}" if path.is_dir() else name for segment in segments]
    parts = [Part(told, segment, reader) for told, segment in zip(names, segments, strict=True)]
    return Source("log", parts, outputs=OUTPUTS)


def open_file(path: Path) -> Source:
    """Open one file by its ending.

    Raises
    ------
    DataError
        There is no such file, or its ending is unknown.
    """
    format_ = find_format([path], "auto")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{tell_path(path)} must be a file and {what}. Check its name in params.yaml.")
    reader = make_reader(format_)
    return Source(format_, [Part(tell_path(path), path, reader)], reader.text)


def find_parts(path: Path, pattern: str = "*") -> list[Path]:
    """List the files of a source, sorted by name: itself, or those in the folder that match the pattern.

    Names that begin with a dot or an underscore are no parts, as other programs leave such files beside theirs.

    Raises
    ------
    DataError
        There is none, or the folder cannot be read.
    """
    try:
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise DataError(f"{tell_path(path)} must exist and does not. Check its name in params.yaml.")
        for _ in os.walk(path, onerror=_raise):  # a search passes over what it may not read
            pass
    except PermissionError as error:
        place = tell_path(Path(error.filename or path))
        raise DataError(
            f"{place} must be readable, and you may not read it. Change its permissions."
        ) from None
    try:
        if ".." in Path(pattern).parts:
            raise ValueError("It must stay in the folder, without '..'")
        found = [
            file
            for file in path.glob(pattern)
            if file.is_file() and not is_aside(file.relative_to(path).as_posix())
        ]
    except (ValueError, NotImplementedError) as error:
        raise DataError(
            f"collect.pattern must be a pattern such as '2026-*.csv' or '**/*.parquet'. {error}."
        ) from None
    if not found:
        others = sorted(file.name for file in path.iterdir())
        held = f"It holds {list_some(others)}" if others else "It is empty"
        raise DataError(
            f"{tell_path(path)} must hold parts named {pattern!r} and has none. {held}. Check collect.source and "
            "collect.pattern."
        )
    return sorted(found, key=lambda file: file.relative_to(path).as_posix())


def find_format(files: Iterable[Path], declared: str, names: Iterable[str] = ()) -> str:
    """Give the declared format, or the one that all endings tell.

    Parameters
    ----------
    files : iterable of Path
        The parts.
    declared : str
        What params.yaml says, or ``auto``.
    names : iterable of str
        What messages call the parts, if not by their paths.

    Raises
    ------
    DataError
        An ending is unknown, or they tell several formats.
    """
    if declared != "auto":
        return declared
    first: dict[str, str] = {}
    for file, name in zip_longest(files, names):
        told = name or tell_path(file)
        format_ = ENDINGS.get(_find_ending(file))
        if format_ is None:
            raise DataError(
                f"{told} must end in {', '.join(ENDINGS)}, or (CSV, JSON Lines) in one of them and "
                f"{', '.join(COMPRESSED)}. Convert it, say what it is in collect.format, or choose the parts by "
                "collect.pattern."
            )
        first.setdefault(format_, told)
    if len(first) > 1:
        both = " and ".join(f"{told} is {format_}" for format_, told in first.items())
        raise DataError(f"All parts must be of one format. {both}: choose the parts by collect.pattern.")
    return next(iter(first))


def make_reader(format_: str, delimiter: str = ",", encoding: str = "utf-8") -> Reader:
    """Give what reads files of a format."""
    readers: dict[str, Reader] = {
        "csv": CsvReader(delimiter, encoding),
        "jsonl": JsonLinesReader(),
        "parquet": ParquetReader(),
        "arrow": ArrowReader(),
    }
    return readers[format_]


def _raise(error: OSError) -> None:
    raise error


def _find_ending(file: Path) -> str:
    name = file.name.lower()
    for packed in COMPRESSED:
        name = name.removesuffix(packed)
    return Path(name).suffix
