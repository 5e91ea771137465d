"""Predicts a table with the packaged model: the service's checks and the service's numbers, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import DataError, count_of, suggest
from toolkit.serving.faults import MAX_FINDINGS, find_rule_faults, find_type_faults, suggest_meant
from toolkit.serving.model import Model, Predictions

if TYPE_CHECKING:
    import pyarrow as pa

    GetColumns = Callable[[pa.Table, Sequence[str]], Mapping[str, np.ndarray]]

LABEL, TRUE_LABEL = "label", "true_label"


def find_key(model: Model) -> str:
    """Give the name of the column that named the rows of the training table; empty if that is not known."""
    record = load_json(model.folder / "lineage.json")["stages"].get("collect", {})
    return record.get("params", {}).get("key", "")


def find_reading(model: Model) -> dict[str, Any]:
    """Say how the training table was read, so that a table to predict is read alike.

    Returns
    -------
    dict
        ``options``: the section ``collect`` of its run. ``columns``: type, zone and format of each raw column that
        the model needs; of ``label``, number for a regression, category else; of the key, text.
    """
    record = load_json(model.folder / "lineage.json")["stages"].get("collect", {})
    path = model.folder / "contract.json"
    said = {column["name"]: column for column in load_json(path)["columns"]} if path.is_file() else {}
    columns = {
        name: {
            "type": kind,
            "zone": said.get(name, {}).get("zone") or ("UTC" if name in model.zoned else ""),
            "format": said.get(name, {}).get("format", ""),
        }
        for name, kind in model.inputs.items()
    }
    columns.setdefault(LABEL, {"type": "number" if model.task == "regression" else "category"})
    if key := find_key(model):
        columns.setdefault(key, {"type": "text"})
    return {"options": record.get("params", {}), "columns": columns}


def predict_table(model: Model, table: pa.Table, get_columns: GetColumns, key: str = "") -> pa.Table:
    """Predict the rows of a table.

    Parameters
    ----------
    model : Model
        The packaged model.
    table : pyarrow.Table
        With every feature of the model; other columns but the key and ``label`` are left out.
    get_columns : callable
        Gives columns of the table as arrays: :func:`toolkit.columns.get_columns`.
    key : str
        Column that names a row; empty or absent: there is none.

    Returns
    -------
    pyarrow.Table
        The key, the features, ``label`` and ``p_<class>`` (or ``value``), ``version``, and the table's own ``label``
        as ``true_label``.

    Raises
    ------
    DataError
        A feature is missing, or a value is one that the service would refuse; names row and feature.
    """
    import pyarrow as pa

    check_zones(model, table.schema)
    columns = get_columns(table, [name for name in model.inputs if name in table.column_names])
    check_table(model, columns, table.column_names)
    predictions = model.predict(columns)
    result: dict[str, Any] = {}
    if key in table.column_names:
        result[key] = table[key]
    result |= {name: table[name] for name in model.inputs}
    result |= name_outputs(predictions)
    result["version"] = pa.array([model.version]).take(pa.array(np.zeros(len(predictions), dtype=np.int32)))
    if LABEL in table.column_names and LABEL not in model.inputs:
        result[TRUE_LABEL] = table[LABEL]
    return pa.table(result)


def name_outputs(predictions: Predictions) -> dict[str, Any]:
    """Give predictions as columns: ``label`` and ``p_<class>``, or ``value``."""
    if predictions.probabilities is None:
        return {"value": predictions.values}
    shares = predictions.probabilities
    return {LABEL: predictions.labels} | {
        f"p_{name}": shares[:, i] for i, name in enumerate(predictions.classes)
    }


def check_zones(model: Model, schema: pa.Schema) -> None:
    """Check that times have an offset where the model's have, and none where they have not.

    Raises
    ------
    DataError
        All findings. A time without zone taken for one in UTC would be wrong by hours, unseen.
    """
    found = []
    for name, kind in model.inputs.items():
        if kind != "time" or name not in schema.names:
            continue
        zone = getattr(schema.field(name).type, "tz", "")  # texts are judged one by one
        if zone != "" and (zone is not None) is not (name in model.zoned):
            want, has = ("a", "none") if name in model.zoned else ("no", zone)
            found.append(
                f"feature '{name}' must have {want} time zone, as the training table had. It has {has}."
            )
    if found:
        raise DataError("\n".join(found) + " Convert the column.")


def check_table(model: Model, columns: Mapping[str, np.ndarray], names: Sequence[str]) -> None:
    """Check that a table's columns are what a request may hold.

    Raises
    ------
    DataError
        All findings, up to 20.
    """
    missing = [name for name in model.inputs if name not in columns]
    if missing:
        raise DataError(
            f"The table must have every feature of the model and lacks {', '.join(missing)}."
            f"{suggest(missing[0], names)} Its columns are {', '.join(names)}."
        )
    faults = []
    for name, kind in model.inputs.items():
        values = {name: _as_json(columns[name])}
        faults += find_type_faults(values, {name: kind}, model.nullable, model.zoned)
        faults += find_rule_faults(values, model.rules)
    if faults:
        shown = "\n".join(f"  {_tell_row(fault)}" for fault in suggest_meant(faults[:MAX_FINDINGS]))
        more = f"\n  and {len(faults) - MAX_FINDINGS} more" if len(faults) > MAX_FINDINGS else ""
        raise DataError(
            f"The table must hold what the service would accept. Got "
            f"{count_of(len(faults), 'other value')}:\n{shown}{more}"
        )


def _tell_row(fault: Mapping[str, Any]) -> str:
    """Give the message of a finding as that of a table, whose rows count from 1; a request's count from 0."""
    row, message = fault["row"], fault["message"]
    return f"row {row + 1}: {message.removeprefix(f'row {row}: ')}"


def _as_json(values: np.ndarray) -> list[Any]:
    """Give a column as the values that JSON would have given: NaN is null."""
    plain = values.tolist()
    if values.dtype.kind == "f" and not np.isnan(values).any():
        return plain
    return [None if value != value else value for value in plain]  # noqa: PLR0124  # NaN alone differs from itself
