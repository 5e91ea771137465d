"""Read a table that is to be predicted as the training table was read: how it is written, and what columns hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from toolkit.data.contract.check import Checker
from toolkit.data.contract.convert import Written
from toolkit.data.contract.rules import Contract, Rule
from toolkit.data.sources.opening import find_format, find_parts, make_reader
from toolkit.data.sources.source import Part, Source
from toolkit.errors import DataError
from toolkit.paths import tell_path

FILES = ("csv", "jsonl", "parquet", "arrow")  # formats of a table to predict


def load_batch_input(path: Path, reading: Mapping[str, Any]) -> pa.Table:
    """Read a file, or a folder of parts.

    Parameters
    ----------
    path : Path
        CSV, JSON Lines, Parquet or Arrow.
    reading : mapping
        ``options``: the section ``collect`` by which the training table was read (pattern, format, delimiter, decimal,
        thousands, encoding); what is not there has its default. ``columns``: type, zone and format by name of the
        columns that are wanted; others are left out, whatever they hold.

    Returns
    -------
    pyarrow.Table
        The wanted columns that are there, of the types that the training table had. A missing value stays missing:
        whether the model takes it, is not looked at here.

    Raises
    ------
    DataError
        There is no such table, or values are not what the columns hold: all of them at once.
    """
    options = reading["options"]
    rules = {name: Rule(name, missing=True, **said) for name, said in reading["columns"].items()}
    source = _open(path, options, rules)
    names = [name for name in source.columns.names if name in rules]
    contract = Contract("", tuple(rules[name] for name in names))
    written = Written(options.get("decimal", "."), options.get("thousands", ""))
    checker = Checker(contract, pa.schema([source.columns.field(name) for name in names]), written)
    table = pa.Table.from_batches(_check(source, checker, names), schema=checker.schema)
    if len(checker.faults):
        raise DataError(
            checker.faults.tell(
                checker.rows,
                tell_path(path),
                "the training table's contract",
                "A table to predict is read by the params.yaml that the model was trained with: correct the table.",
                source.locate,
            )
        )
    return table


def _open(path: Path, options: Mapping[str, Any], wanted: Mapping[str, Rule]) -> Source:
    files = find_parts(path, options.get("pattern", "*")) if path.is_dir() else [path]
    if not files[0].exists():
        raise DataError(f"{tell_path(path)} must exist and does not. Check predict.input in params.yaml.")
    declared = options.get("format", "auto")
    try:
        format_ = find_format(files, "auto")
    except DataError:
        if declared not in FILES:
            raise
        format_ = declared
    if format_ not in FILES:
        raise DataError(f"{tell_path(path)} must be CSV, JSON Lines, Parquet or Arrow, and is {format_}.")
    reader = make_reader(format_, options.get("delimiter", ","), options.get("encoding", "utf-8"))
    parts = []
    for file in files:
        name = tell_path(file)
        found = reader.load_columns(file, name).names if file.stat().st_size else []
        parts.append(Part(name, file, reader, exclude=[other for other in found if other not in wanted]))
    return Source(format_, parts, reader.text)


def _check(source: Source, checker: Checker, names: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in source.batches():
        yield checker.take(batch.select(names)).rows
