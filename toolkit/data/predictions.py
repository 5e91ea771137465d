"""Predicted rows, from a batch or a prediction log, counted in the cells of a reference profile block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import orjson

from toolkit.data.log_days import iterate_day
from toolkit.data.log_files import DAY, SEGMENT, check_was_not_compacted, is_day, list_log
from toolkit.errors import DataError, DriftError, suggest
from toolkit.monitoring.cells import Column
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile

BLOCK_ROWS = 65_536  # rows in memory at a time, whatever the file's size


@dataclass
class Window:
    """The predicted rows that drift is measured on.

    Attributes
    ----------
    counts : Counts
        In the cells of the profile.
    profile : Profile
        The reference of the features that were read.
    versions : Counter of str
        Rows by version of the model that predicted them.
    left_out : tuple of str
        Personal features, which a log does not have: they are not measured.
    """

    counts: Counts
    profile: Profile
    versions: Counter[str] = field(default_factory=Counter)
    left_out: tuple[str, ...] = ()


def load_window(path: Path, profile: Profile, personal: Collection[str] = ()) -> Window:
    """Read predicted rows and count them.

    Parameters
    ----------
    path : Path
        The table of the stage ``predict`` (.parquet), or a prediction log: a folder, or a file of one.
    profile : Profile
        The reference.
    personal : collection of str
        Features that the service keeps out of its log.

    Raises
    ------
    DataError
        There is nothing of that kind at ``path``, or it cannot be read; names file and line.
    DriftError
        A column that the profile describes is missing or not of its kind, or the log has no feature at all; names
        the file.
    """
    is_table = path.suffix == ".parquet" and not path.is_dir() and not is_day(path)
    left_out = () if is_table else tuple(cells.name for cells in profile.features if cells.name in personal)
    if left_out:
        profile = _leave_out(profile, left_out, path)
    window = Window(profile.no_rows(), profile, left_out=left_out)
    names = [cells.name for cells in profile.features]
    outputs = [cells.name for cells in profile.predictions]
    blocks = _read_parquet(path, names, outputs) if is_table else _read_log(path, names, outputs)
    for block in blocks:
        try:
            window.counts += profile.count(block.features, block.predictions)
        except DriftError as error:
            raise DriftError(f"{path.name}: {error}") from None
        window.versions.update(block.versions)
    return window


def _leave_out(profile: Profile, names: Collection[str], path: Path) -> Profile:
    kept = tuple(cells for cells in profile.features if cells.name not in names)
    if not kept:
        raise DriftError(
            f"{path.name} must have a feature to measure and has none: the contract calls all of them personal, and "
            "the service keeps such values out of its log. The service's own metrics watch them (GET /metrics)."
        )
    return replace(profile, features=kept)


@dataclass(frozen=True)
class _Block:
    features: Mapping[str, Column]
    predictions: Mapping[str, Column]
    versions: Sequence[str]


def _read_parquet(path: Path, names: Sequence[str], outputs: Sequence[str]) -> Iterator[_Block]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow.names
            wanted = [name for name in (*names, *outputs) if name not in found]
            if wanted:
                raise DriftError(
                    f"{path.name} must have the column{'s' if len(wanted) > 1 else ''} {', '.join(wanted)} that the "
                    f"reference profile describes.{suggest(wanted[0], found)} "
                    "Predict the table with the packaged model."
                )
            columns = [*names, *outputs, *(["version"] if "version" in found else [])]
            for batch in file.iter_batches(BLOCK_ROWS, columns=columns):
                values = {name: _take_column(batch.column(name)) for name in columns}
                yield _Block(
                    values, {name: values[name] for name in outputs}, list(values.get("version", []))
                )
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a Parquet file. {error}") from None


def _take_column(column: Any) -> Column:
    from pyarrow import types

    kind = column.type
    if types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind):
        return column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
    return column.to_pylist()


def _read_log(path: Path, names: Sequence[str], outputs: Sequence[str]) -> Iterator[_Block]:
    for ending, files in groupby(_list_files(path), lambda file: file.suffix):
        if ending == DAY:
            for day in files:
                yield from _read_day(day, names, outputs)
            continue
        records = _iterate_segments(files)
        while block := list(islice(records, BLOCK_ROWS)):
            try:
                features = {name: [record["features"][name] for _, record in block] for name in names}
                predictions = {name: [_take_output(record, name) for _, record in block] for name in outputs}
            except (KeyError, TypeError):
                raise _name_bad_record(block, names, outputs) from None
            versions = [str(record.get("version", "unknown")) for _, record in block]
            yield _Block(features, predictions, versions)


def _read_day(day: Path, names: Sequence[str], outputs: Sequence[str]) -> Iterator[_Block]:
    """Read a compacted day: of the records only what is counted."""
    features = {name: ("features", name) for name in names}
    predictions = {
        name: (name,) if name in ("label", "value") else ("probabilities", name.removeprefix("p_"))
        for name in outputs
    }
    wanted = [*features.values(), *predictions.values()]
    for batch, missing in iterate_day(day, [*wanted, ("version",)], BLOCK_ROWS):
        told = [".".join(place) for place in missing if place != ("version",)]
        if told:
            raise _make_fault(day.name, told, "hold predictions")
        values = {place: _take_column(column) for place, column in batch.items()}
        yield _Block(
            {name: values[place] for name, place in features.items()},
            {name: values[place] for name, place in predictions.items()},
            list(values.get(("version",), ())),
        )


def _take_output(record: Mapping[str, Any], name: str) -> Any:
    return record[name] if name in ("label", "value") else record["probabilities"][name.removeprefix("p_")]


def _name_bad_record(
    block: Sequence[tuple[str, Any]], names: Sequence[str], outputs: Sequence[str]
) -> DataError:
    for place, record in block:
        missing: list[str] = []
        features = record.get("features") if isinstance(record, dict) else None
        held = features if isinstance(features, dict) else {}
        missing += [f"features.{name}" for name in names if name not in held]
        for name in outputs:
            try:
                _take_output(record, name)
            except (KeyError, TypeError):
                missing.append(f"probabilities.{name[2:]}" if name.startswith("p_") else name)
        if missing:
            return _make_fault(place, missing, "be a prediction")
    return DataError(f"{block[0][0]} and the lines after it must be predictions of the packaged model.")


def _make_fault(place: str, missing: Sequence[str], what: str) -> DataError:
    told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return DataError(f"{place} must {what} of the packaged model. It has no {told}.")


def iterate_log(path: Path) -> Iterator[tuple[str, Any]]:
    """Read a prediction log, a folder or one of its files: each record with its file and line.

    A torn last line of a segment (its writer was killed) is passed over. Records of a compacted day have every key
    that one of them has, and None where they had none; their time is a text as in a segment.

    Raises
    ------
    DataError
        There is no log, or a line other than a segment's last is no record; names file and line.
    """
    for ending, files in groupby(_list_files(path), lambda file: file.suffix):
        if ending == SEGMENT:
            yield from _iterate_segments(files)
            continue
        for day in files:
            number = 0
            for batch, _ in iterate_day(day, None, BLOCK_ROWS):
                columns = {place[0]: column.to_pylist() for place, column in batch.items()}
                for values in zip(*columns.values(), strict=True):
                    number += 1
                    yield f"{day.name}, row {number}", dict(zip(columns, values, strict=True))


def _list_files(path: Path) -> list[Path]:
    files = list_log(path)
    if not files:
        raise DataError(
            f"{path} must be a .parquet table of predictions, or a prediction log: a folder with .jsonl files (and "
            "days that were compacted), or one such file. Check monitor.input in params.yaml."
        )
    return files


def _iterate_segments(segments: Iterable[Path]) -> Iterator[tuple[str, Any]]:
    for segment in segments:
        try:
            file = segment.open("rb")
        except FileNotFoundError:  # the service keeps the log within its size
            check_was_not_compacted(segment)
            continue
        with file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # only a file's last line has no end
                place = f"{segment.name}, line {number}"
                try:
                    yield place, orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise DataError(f"{place} must be a JSON record. {error}.") from None
