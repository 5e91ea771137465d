"""Read a table file into Arrow, or say exactly why not; write it as Parquet, the same bytes every time."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from toolkit.artifacts import atomic
from toolkit.errors import DataError, suggest
from toolkit.paths import tell_path

NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]  # missing in a CSV's numbers, dates and booleans
CONVERT = "convert it, for example with iconv"
FIRST = 5  # how many findings of a kind a message shows


def load_table(path: Path, key: str | None, text: Iterable[str] = ()) -> pa.Table:
    """Read a .csv, .parquet or .jsonl file; the key (None: it needs none) and the columns in ``text`` come as strings.

    Raises
    ------
    DataError
        The file is missing, empty, cut short or in another encoding; columns are unnamed, doubled or nested; the
        key column is missing, or its values are missing or doubled.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{tell_path(path)} must end in {', '.join(_READERS)}. Convert it, or mend the name in params.yaml."
        )
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{tell_path(path)} must be a file and {what}. Check 'source' in params.yaml.")
    if path.stat().st_size == 0:
        raise DataError(f"{tell_path(path)} must hold a table and is empty (0 bytes).")
    strings = {*text, *([] if key is None else [key])}
    table = reader(path, strings)
    check_columns(table, tell_path(path))
    if table.num_rows == 0:
        raise DataError(
            f"{tell_path(path)} must have rows and has none, only the columns {_list(table.column_names)}."
        )
    if key is not None and key not in table.column_names:
        raise DataError(
            f"{tell_path(path)} must have the key column '{key}' and has not.{suggest(key, table.column_names)} "
            f"Its columns are {_list(table.column_names)}. Name the key in params.yaml."
        )
    for name in strings & set(table.column_names):
        table = table.set_column(table.column_names.index(name), name, as_strings(table[name]))
    if key is not None:
        check_key(table, key, tell_path(path))
    return table


def check_columns(table: pa.Table, file: str) -> None:
    """Check that columns have names of their own and plain values.

    Raises
    ------
    DataError
        All findings.
    """
    names = table.column_names
    findings = []
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        findings.append(f"{file}: column names must differ. {_list(doubled)} appear more than once.")
    unnamed = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        findings.append(f"{file}: every column must have a name. Column {', '.join(unnamed)} has none.")
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_nested(column.type):
            findings.append(
                f"{file}: column '{name}' must hold plain values. Got {column.type} instead: flatten it."
            )
        elif _is_binary(column.type):
            findings.append(
                f"{file}: column '{name}' must be UTF-8 text. Got other bytes: convert the file to UTF-8."
            )
    if findings:
        raise DataError("\n".join(findings))


def check_key(table: pa.Table, key: str, file: str) -> None:
    """Check that the key (strings) names each row: none missing, none doubled.

    Raises
    ------
    DataError
        With the first rows that are wrong, counted from 1.
    """
    column = table[key].combine_chunks()
    missing = np.flatnonzero(
        pc.or_kleene(pc.is_null(column), pc.equal(column, "")).fill_null(True).to_numpy(False)
    )
    if len(missing):
        raise DataError(
            f"{file}: every row must have a key in '{key}'. {len(missing)} of {len(column)} have none, "
            f"first row {missing[0] + 1}. Fill it, or name another key in params.yaml."
        )
    counts = column.value_counts()
    doubled = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    if doubled:
        rows = [row + 1 for row, value in enumerate(column.to_pylist()) if value == doubled[0]]
        raise DataError(
            f"{file}: the key '{key}' must be unique. {len(doubled)} values appear more than once, first "
            f"'{doubled[0]}' in rows {_list(rows)}. Remove the repeated rows, or name another key in params.yaml."
        )


def as_strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column as strings: 7 and 7.0 both as "7"; "007" stays."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_floating(kind) and all(v is None or v.is_integer() for v in column.to_pylist()):
        column = column.cast(pa.int64())
    return column.cast(pa.string())


def tell_mixed(column: pa.ChunkedArray) -> str:
    """Name the first text in a column whose values are numbers otherwise, as a sentence with a leading blank."""
    filled = [(row, value) for row, value in enumerate(column.to_pylist(), 1) if value is not None]
    texts = [(row, value) for row, value in filled if not _is_number(value)]
    if not texts or len(texts) > len(filled) / 2:
        return ""
    row, value = texts[0]
    return (
        f" {len(filled) - len(texts)} of its {len(filled)} values are numbers; the first that is none is "
        f"{value[:40]!r} in row {row}: correct it, or leave it empty."
    )


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file atomically, without metadata of other programs."""
    with atomic(path) as temporary:
        pyarrow.parquet.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def load_parquet(path: Path) -> pa.Table:
    """Read a Parquet file that another stage wrote.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    return _load_parquet(path, set())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _load_csv(path: Path, strings: set[str]) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(strings, pa.string()), null_values=NULLS, strings_can_be_null=False
    )
    _check_header(path)
    # Types are inferred from the first block: one block sees the whole file. One thread counts rows in messages.
    blocks = pyarrow.csv.ReadOptions(use_threads=False, block_size=min(path.stat().st_size + 1, 2**31 - 1))
    newlines = pyarrow.csv.ParseOptions(newlines_in_values=True)
    try:
        table = pyarrow.csv.read_csv(
            path, read_options=blocks, parse_options=newlines, convert_options=options
        )
    except pa.ArrowInvalid as error:
        raise DataError(_explain_csv(path, str(error))) from None
    return _blank_to_null(table)


def _check_header(path: Path) -> None:
    """Check that a CSV's first line is text with columns between commas."""
    with path.open("rb") as file:
        line = file.readline()
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{tell_path(path)} must be UTF-8 text. It looks like UTF-16: {CONVERT}.")
    if b"\0" in line:
        raise DataError(f"{tell_path(path)} must be UTF-8 text. It has zero bytes: is it a table at all?")
    try:
        header = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        wrong = line[error.start : error.start + 1]
        raise DataError(
            f"{tell_path(path)} must be UTF-8 text. Its first line has the byte {wrong!r}: {CONVERT}."
        ) from None
    other = next((sign for sign in ";\t|" if sign in header), None)
    if other and "," not in header:
        raise DataError(
            f"{tell_path(path)} must have its columns separated by commas. It looks separated by {other!r}: save it "
            "with commas (and a point in numbers)."
        )


def _blank_to_null(table: pa.Table) -> pa.Table:
    """Make empty text a missing value; by position, since names may still be doubled here."""
    columns = [
        pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _explain_csv(path: Path, reason: str) -> str:
    if "Expected" in reason and "columns" in reason:
        header = next(csv.reader([path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]]))
        return (
            f"{tell_path(path)}: every row must have the {len(header)} columns of the header. "
            f"{reason.split(': ', 1)[-1]}. Look for stray commas, missing quotes, or a file cut short."
        )
    return f"{tell_path(path)} must be a CSV file with a header. {reason}."


def _load_jsonl(path: Path, strings: set[str]) -> pa.Table:
    blocks = pyarrow.json.ReadOptions(use_threads=False, block_size=min(path.stat().st_size + 1, 2**31 - 1))
    try:
        return pyarrow.json.read_json(path, read_options=blocks)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{tell_path(path)} must hold one JSON object a line, each key of one type. {error}."
        ) from None


def _load_parquet(path: Path, strings: set[str]) -> pa.Table:
    try:
        return pyarrow.parquet.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise DataError(f"{tell_path(path)} must exist and does not.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{tell_path(path)} must be a whole Parquet file. {error}") from None


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _list(items: Iterable[object]) -> str:
    shown = [str(item) for item in items]
    more = f" and {len(shown) - FIRST} more" if len(shown) > FIRST else ""
    return ", ".join(shown[:FIRST]) + more


_READERS: dict[str, Callable[[Path, set[str]], pa.Table]] = {
    ".csv": _load_csv,
    ".parquet": _load_parquet,
    ".jsonl": _load_jsonl,
}
