"""Read the predictions that a service logged (:mod:`toolkit.serving.log`) as a table to label and to train on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.data.log_days import TIME, Columns, Place, iterate_day, take_column
from toolkit.data.log_files import DAY, SEGMENT, check_was_not_compacted, list_log
from toolkit.data.sources.json_lines import JsonLinesReader
from toolkit.errors import DataError

PREFIX = "predicted_"  # of columns that hold what the model said: they are no features
HASHED = (
    "hashed_"  # of columns that hold the hashes of personal values: no features, but they tell groups apart
)
OUTPUTS = (PREFIX, HASHED)
NESTED = {
    "features": "",
    "probabilities": f"{PREFIX}p_",
    "personal": HASHED,
}  # objects of a record; prefix of columns
BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class LogReader:
    """Reads a file of the log, a segment or a compacted day.

    The key column holds the prediction's id, each feature has a column of its name, and what the model said is in
    ``predicted_label`` and ``predicted_p_<class>`` (or ``predicted_value``), ``predicted_time``,
    ``predicted_version`` and ``predicted_latency_ms``. The hash of a personal value is in ``hashed_<name>``.
    """

    key: str = "id"
    text: bool = False

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Find every feature and output: this reads a segment once."""
        types: dict[str, pa.DataType] = {}
        for field in self._load_fields(path, name):
            inner = list(field.type) if field.name in NESTED and pa.types.is_struct(field.type) else [None]
            for child in inner:
                column = self._rename(field.name, child.name if child else "")
                if field.name == "features" and column.startswith(OUTPUTS):
                    raise DataError(
                        f"{name}: a feature's name must not begin with {' or '.join(OUTPUTS)}, as what the model said "
                        f"has such names. Got '{column}'."
                    )
                if column in types:
                    raise DataError(
                        f"{name}: the feature '{column}' has the name of another column of the log. Name another "
                        "collect.key in params.yaml."
                    )
                if column:
                    types[column] = child.type if child else pa.string() if field.type == TIME else field.type
        if self.key not in types or not any(
            not column.startswith(OUTPUTS) for column in types if column != self.key
        ):
            raise DataError(
                f"{name} must be a prediction log: lines with id, features and what was predicted. It has none of a "
                "service's making: check collect.source and collect.format."
            )
        return pa.schema(list(types.items()))

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the predictions."""
        places = {field.name: self._find_place(field.name) for field in schema}
        for columns in self._iterate_columns(path, name, places, schema):
            rows = len(next(iter(columns.values())))
            arrays = [
                columns[places[field.name]].cast(field.type)
                if places[field.name] in columns
                else pa.nulls(rows, field.type)
                for field in schema
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _load_fields(self, path: Path, name: str) -> pa.Schema:
        if path.suffix == SEGMENT:
            return JsonLinesReader(nested=True).load_columns(path, name)
        return pq.read_schema(path)

    def _iterate_columns(
        self, path: Path, name: str, places: Mapping[str, Place], schema: pa.Schema
    ) -> Iterator[Columns]:
        if path.suffix == DAY:
            for columns, _ in iterate_day(path, list(places.values())):
                yield columns
            return
        for batch in JsonLinesReader(nested=True).iterate(path, name, _nest(places, schema)):
            yield {place: take_column(batch, place) for place in places.values()}

    def _rename(self, name: str, child: str) -> str:
        if name in NESTED:
            return NESTED[name] + child if child else ""
        return self.key if name == "id" else PREFIX + name

    def _find_place(self, column: str) -> Place:
        """Find where in a record a column's values are."""
        if column == self.key:
            return ("id",)
        for name in ("probabilities", "personal"):
            if column.startswith(NESTED[name]):
                return (name, column.removeprefix(NESTED[name]))
        if column.startswith(PREFIX):
            return (column.removeprefix(PREFIX),)
        return ("features", column)


def _nest(places: Mapping[str, Place], schema: pa.Schema) -> pa.Schema:
    """Give the fields of a record for the columns of the table."""
    fields: dict[str, pa.DataType] = {}
    for column, place in places.items():
        kind = schema.field(column).type
        if len(place) == 2:
            kind = pa.struct([*fields.get(place[0], ()), pa.field(place[1], kind)])
        fields[place[0]] = kind
    return pa.schema(list(fields.items()))


def copy_log(path: Path, pattern: str, name: str, folder: Path) -> list[Path]:
    """Copy a log as it is now, without the torn last line of a segment that is being written; give the files.

    Raises
    ------
    DataError
        There is no file of a log, or nothing in them yet.
    """
    files = list_log(path, pattern)
    if not files:
        raise DataError(
            f"{name} must be a prediction log, a folder with .jsonl files or one such file, and is none. Check "
            "collect.source and collect.pattern."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copies = []
    for file in files:
        copy = folder / file.name
        try:
            shutil.copyfile(file, copy)
        except FileNotFoundError:  # the service keeps the log within its size
            check_was_not_compacted(file)
            continue
        if copy.suffix == DAY or _cut_torn_line(copy):
            copies.append(copy)
    if not copies:
        raise DataError(f"{name} must hold predictions and has none yet. Send the service some rows first.")
    return copies


def _cut_torn_line(path: Path) -> int:
    """Cut what follows the last line end, and give the bytes that are left."""
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        while end:
            start = max(end - BLOCK_BYTES, 0)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        file.truncate(end)
    return end
