"""Read the predictions that a service logged (:mod:`toolkit.serving.log`) as a table to label and to train on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from toolkit.data.sources.json_lines import JsonLinesReader
from toolkit.errors import DataError

PREFIX = "predicted_"  # of columns that hold what the model said: they are no features
ENDING = ".jsonl"
BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class LogReader:
    """Reads a segment of the log.

    The key column holds the prediction's id, each feature has a column of its name, and what the model said is in
    ``predicted_label`` and ``predicted_p_<class>`` (or ``predicted_value``), ``predicted_time`` and
    ``predicted_version``.
    """

    key: str = "id"
    text: bool = False

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Find every feature and output: this reads the segment once."""
        types: dict[str, pa.DataType] = {}
        for field in JsonLinesReader(nested=True).load_columns(path, name):
            inner = list(field.type) if field.name in ("features", "probabilities") else [None]
            for child in inner:
                column = self._rename(field.name, child.name if child else "")
                if column in types:
                    raise DataError(
                        f"{name}: the feature '{column}' has the name of another column of the log. Name another "
                        "collect.key in params.yaml."
                    )
                if column:
                    types[column] = child.type if child else field.type
        if self.key not in types or not any(
            not column.startswith(PREFIX) for column in types if column != self.key
        ):
            raise DataError(
                f"{name} must be a prediction log: lines with id, features and what was predicted. It has none of a "
                "service's making: check collect.source and collect.format."
            )
        return pa.schema(list(types.items()))

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the predictions."""
        nested = self._nest(schema)
        for batch in JsonLinesReader(nested=True).iterate(path, name, nested):
            columns: dict[str, pa.Array] = {}
            for field in nested:
                column = batch.column(field.name)
                if pa.types.is_struct(field.type):
                    held = zip(field.type, column.flatten(), strict=True)
                    columns |= {self._rename(field.name, child.name): values for child, values in held}
                else:
                    columns[self._rename(field.name, "")] = column
            yield pa.RecordBatch.from_arrays([columns[field.name] for field in schema], schema=schema)

    def _rename(self, name: str, child: str) -> str:
        if name == "features":
            return child
        if name == "probabilities":
            return f"{PREFIX}p_{child}"
        if name == "id":
            return self.key
        return f"{PREFIX}{name}"

    def _nest(self, schema: pa.Schema) -> pa.Schema:
        """Give the fields of a record for the columns of the table."""
        plain, features, scores = {"id": pa.string()}, [], []
        for field in schema:
            name = field.name
            if name.startswith(f"{PREFIX}p_"):
                scores.append(pa.field(name.removeprefix(f"{PREFIX}p_"), field.type))
            elif name.startswith(PREFIX):
                plain[name.removeprefix(PREFIX)] = field.type
            elif name != self.key:
                features.append(field)
        fields = [*plain.items(), ("features", pa.struct(features))]
        return pa.schema([*fields, ("probabilities", pa.struct(scores))] if scores else fields)


def copy_log(path: Path, pattern: str, name: str, folder: Path) -> list[Path]:
    """Copy a log as it is now, without the torn last line of a segment that is being written; give the segments.

    Raises
    ------
    DataError
        There is no segment, or nothing in them yet.
    """
    segments = sorted(path.glob(pattern)) if path.is_dir() else [path]
    segments = [segment for segment in segments if segment.suffix == ENDING and segment.is_file()]
    if not segments:
        raise DataError(
            f"{name} must be a prediction log, a folder with .jsonl files or one such file, and is none. Check "
            "collect.source and collect.pattern."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copies = []
    for segment in segments:
        copy = folder / segment.name
        # The service removes its oldest segments: one may be gone by now.
        with suppress(FileNotFoundError), segment.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        if copy.exists() and _cut_torn_line(copy):
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
