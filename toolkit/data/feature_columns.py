"""Say which columns are features."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.data.reserved_names import list_outputs
from toolkit.data.schema import Schema
from toolkit.errors import DataError


def select_features(
    schema: Schema, reserved: Sequence[str] = (), classes: Sequence[str] = ()
) -> dict[str, str]:
    """Give the kind of each feature column.

    Parameters
    ----------
    schema : Schema
        Of the raw table.
    reserved : sequence of str
        Columns that hold the label itself, which are no features.
    classes : sequence of str
        Of the task; empty for a regression. The predicted table has a column for each.

    Raises
    ------
    DataError
        No feature is left, or the key or a feature has the name of a column that labels or predictions get.
    """
    kinds = {name: kind for name, kind in schema.kinds.items() if name not in reserved}
    if not kinds:
        raise DataError(
            "The table must have at least one feature besides key, label and excluded columns, and has none."
        )
    outputs = list_outputs(classes)
    taken = [name for name in (schema.key, *kinds) if name in outputs]
    if taken:
        raise DataError(
            f"The key and the features must not be called as a column of the predicted table: "
            f"{', '.join(sorted(outputs))}. Got {', '.join(taken)}. Rename the column, or add it to collect.exclude."
        )
    return kinds
