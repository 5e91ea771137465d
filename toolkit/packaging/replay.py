"""Replays training rows through what was packaged: a feature that differs anywhere from training stops the build.

Four looks, each at what the others cannot see:

- the features are fitted anew on the train split, from the kinds of the raw table's schema, and must be the packaged
  ones: whatever was learnt from other rows, or edited since, shows;
- rows that the train stage recorded the model's columns of must give these columns again: whatever changed in code or
  data since the model was trained shows, even if both of today's ways agree;
- values that the stage prepare kept, which training read instead of computing them, are computed, every one;
- training rows are sent as a request would bring them, through JSON, and must give the bits of the table.

Fitting anew, and the values that were kept, cost what the stage prepare spent on them; the other looks take
``REPLAYED_ROWS`` rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from toolkit.columns import ParquetColumns, iterate_columns
from toolkit.errors import FeatureError, PackageError
from toolkit.feature_values import iterate_matrix, load_values
from toolkit.features import Definition, Features
from toolkit.features.recorded import REPLAYED_ROWS, record_columns

LABEL = "label"  # in train.parquet
EXTRA_ROWS = 3  # of each column, rows that lack it, and rows with its rarest text, that are replayed besides
AGAIN = "Run './run dvc repro train' to fit and train anew, then package."


def check_refit(
    features: Features,
    train: Path,
    columns: Sequence[Mapping[str, Any]],
    definitions: Sequence[Definition] = (),
) -> None:
    """Check that fitting on the train split gives the packaged features.

    Parameters
    ----------
    features : Features
        The packaged ones.
    train : Path
        train.parquet of the stage prepare.
    columns : sequence of mapping
        Those of data/raw/schema.json: name, type, role and zone.
    definitions : sequence of Definition
        What the packaged definitions.py defines.

    Raises
    ------
    PackageError
        Names the first feature that differs, and in what.
    """
    rows = ParquetColumns([train])
    raw = set(rows) - {LABEL}  # the raw table's own column of that name, too, is the label
    used = [column for column in columns if column["role"] == "feature" and column["name"] in raw]
    kinds = {column["name"]: column["type"] for column in used}
    zones = {
        column["name"]: column["zone"] for column in used if column["type"] == "time" and column.get("zone")
    }
    try:
        again = Features.fit(rows, kinds, definitions, zones)
    except FeatureError as error:
        raise PackageError(f"The features cannot be fitted anew on the train split. {error}") from None
    difference = compare_features(features.to_dict(), again.to_dict())
    if difference:
        raise PackageError(
            f"The packaged features must be those that the train split gives, and are not: {difference}. {AGAIN}"
        )


def check_recorded(features: Features, train: Path, recorded: Mapping[str, str]) -> None:
    """Check that the first training rows give the columns that the model was trained on.

    Raises
    ------
    PackageError
        Names the columns that differ, and the raw columns that they are made of.
    """
    found = record_columns(features, next(iterate_columns(train, list(features.inputs), REPLAYED_ROWS)))
    differ = [name for name in recorded if found.get(name) != recorded[name]]
    differ += [name for name in found if name not in recorded]
    if differ:
        raise PackageError(
            f"The first rows of train.parquet must give the model's columns as they were in training. Others are "
            f"{', '.join(tell_origin(features, name) for name in differ[:5])}"
            f"{f' and {len(differ) - 5} more' if len(differ) > 5 else ''}: a feature's code, its state or the data was "
            f"changed since. {AGAIN}"
        )


def check_kept(features: Features, prepared: Path) -> None:
    """Check that the values which were read instead of computed are the computed ones, in every row of every split.

    Raises
    ------
    PackageError
        Names the feature, the split and the row.
    """
    for split in ("train", "valid", "test"):
        path = prepared / f"{split}.parquet"
        for name, file in load_values(prepared, split).items():
            one, first = features.only(name), 1
            for kept, computed in zip(
                iterate_matrix(one, path, {name: file}), iterate_matrix(one, path, {}), strict=True
            ):
                differs = (kept != computed) & ~(np.isnan(kept) & np.isnan(computed))
                if differs.any():
                    row, column = np.argwhere(differs)[0].tolist()
                    raise PackageError(
                        f"The values that prepare kept of {tell_origin(features, one.names[column])} must be what it "
                        f"gives. Row {first + row} of {path.name} has {kept[row, column]:.17g} instead of "
                        f"{computed[row, column]:.17g} in {file.name}. Remove what was imported into the folder "
                        f"features, and .toolkit/values. Then run './run dvc repro -f prepare'."
                    )
                first += len(kept)


def check_requests(features: Features, train: Path) -> None:
    """Check that training rows give the same bits in a request as in the table.

    Raises
    ------
    PackageError
        Names the first feature that differs, with both values and the row.
    """
    difference = find_difference(features, select_rows(train, features.inputs))
    if difference:
        raise PackageError(
            f"A row must give the same features in a request as in the table, to the last bit. {difference}. Mend the "
            "feature."
        )


def select_rows(train: Path, inputs: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Choose the rows to replay from the first block: the first ones, some that lack each column, and rare texts."""
    columns = next(iterate_columns(train, list(inputs)))
    chosen = set(range(min(REPLAYED_ROWS, len(next(iter(columns.values()))))))
    for name, kind in inputs.items():
        values = columns[name]
        texts = kind in ("category", "text")
        lacks = np.array([value is None or value != value for value in values.tolist()])  # noqa: PLR0124  # NaN
        chosen.update(np.flatnonzero(lacks)[:EXTRA_ROWS].tolist())
        if texts and not lacks.all():
            known = np.flatnonzero(~lacks)
            _, first, counts = np.unique(values[known].astype(str), return_index=True, return_counts=True)
            rare = first[np.argsort(counts, kind="stable")[:EXTRA_ROWS]]
            chosen.update(known[rare].tolist())
    places = sorted(chosen)
    return {name: values[places] for name, values in columns.items()}


def as_requests(columns: Mapping[str, np.ndarray], zoned: frozenset[str]) -> list[dict[str, Any]]:
    """Give rows of a table as a request would bring them: through JSON, times as ISO 8601, NaN as null."""
    lists = [
        [_as_json(value, name in zoned) for value in column.tolist()] for name, column in columns.items()
    ]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    return orjson.loads(orjson.dumps(rows))


def find_difference(features: Features, columns: Mapping[str, np.ndarray]) -> str:
    """Name the first model column that is another number for a request than for the table; empty if none is."""
    matrix = features.matrix(columns)
    requests = as_requests(columns, features.zoned)
    single = np.stack([features.row(row) for row in requests]) if requests else matrix
    differs = (matrix != single) & ~(np.isnan(matrix) & np.isnan(single))
    if not differs.any():
        return ""
    row, column = np.argwhere(differs)[0].tolist()
    values = {name: requests[row][name] for name in _inputs_of(features, features.names[column])}
    return (
        f"{tell_origin(features, features.names[column])} is {matrix[row, column]:.17g} in the table and "
        f"{single[row, column]:.17g} in a request, for {values!r:.200}"
    )


def compare_features(packaged: Mapping[str, Any], again: Mapping[str, Any]) -> str:
    """Say what differs first between two fitted transforms, in words; empty if nothing does."""
    for part, what in (("inputs", "raw column"), ("features", "feature")):
        ours, theirs = ({each["name"]: each for each in value[part]} for value in (packaged, again))
        more, less = (
            [name for name in ours if name not in theirs],
            [name for name in theirs if name not in ours],
        )
        if more or less:
            return (
                f"{what} '{(more or less)[0]}' is {'in the package alone' if more else 'not in the package'}"
            )
        for name in ours:
            place = _find_place(ours[name], theirs[name])
            if place:
                return f"{what} '{name}' has {place}"
        if list(ours) != list(theirs):
            name = next(one for one, other in zip(ours, theirs, strict=True) if one != other)
            return f"{what} '{name}' stands at another place in their order"
    return "" if packaged == again else "they were defined by another definitions.py"


def tell_origin(features: Features, name: str) -> str:
    """Name a model column with the raw columns that it is made of."""
    inputs = [each for each in _inputs_of(features, name) if each != name]
    return f"feature '{name}'" + (f" (of {', '.join(inputs)})" if inputs else "")


def _inputs_of(features: Features, name: str) -> Sequence[str]:
    return next((each.definition.inputs for each in features.features if name in each.outputs), ())


def _find_place(ours: Any, theirs: Any, path: str = "") -> str:
    """Give where two JSON values first differ, and both values."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in dict.fromkeys((*theirs, *ours)):
            place = f"{path}.{key}" if path else str(key)
            if key not in ours or key not in theirs:
                return f"{place} in {'the package' if key in ours else 'the train split'} alone"
            if found := _find_place(ours[key], theirs[key], place):
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next(
            (found for at, (one, other) in pairs if (found := _find_place(one, other, f"{path}[{at}]"))), ""
        )
    same = type(ours) is type(theirs) and ours == theirs
    return "" if same else f"{path} {ours!r:.60} where the train split gives {theirs!r:.60}"


def _as_json(value: Any, zoned: bool) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if zoned else "")
    return None if value is not None and value != value else value  # noqa: PLR0124  # NaN alone differs from itself
