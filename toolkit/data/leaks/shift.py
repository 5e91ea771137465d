"""Train and test that can be told apart: a figure on such a test says little about later rows like train's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.columns import as_array
from toolkit.data.leaks.finding import SHOWN, Finding, Splits, nothing_to_check
from toolkit.monitoring.drift import measure_drift
from toolkit.monitoring.profile import fit_profile

CHECK, MEASURED = "shift", "features whose distribution differs between train and test"
ALPHA = 0.01  # chance that a table whose splits are alike shows any
TOLERANCE = 0.02  # change in a share of rows that is too small to matter
BINS = 20


class _Side(Mapping[str, np.ndarray]):
    """The features of one split as numbers and categories, read one at a time."""

    def __init__(self, splits: Splits, code: int, kinds: Mapping[str, str]) -> None:
        self._splits, self._keep, self._kinds = splits, splits.codes == code, kinds

    def __getitem__(self, name: str) -> np.ndarray:
        column = self._splits.rows.column(name).filter(pa.array(self._keep))
        kind = self._splits.kinds[name]
        if kind == "text":
            return as_array(pc.utf8_length(column).cast(pa.float64()))
        values = as_array(column)
        if kind == "time":
            return np.where(np.isnat(values), np.nan, values.astype("datetime64[s]").astype(np.int64))
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def find_shift(splits: Splits) -> Finding:
    """Find features that are distributed otherwise in test than in train.

    The shares of rows at or below 20 quantiles, in each category, and missing, are compared as the drift report does
    (:func:`toolkit.monitoring.drift.measure_drift`): found is a change of more than 2 percentage points, with a
    chance of at most 1 % that a table whose splits are alike shows any (Bonferroni within a feature, Holm over
    features). Of texts the length is compared. Rows of one group count as independent here, so a split by group of
    few groups may show differences that are chance. What only a combination of features shows is missed. The columns
    of time and group are left out where these decide the split. False alarms: in 1 of 1,000 clean tables
    (tests/unit/data/leaks).
    """
    decides = {"time": splits.params.time, "group": splits.params.group}.get(splits.params.split)
    kinds = {
        name: kind if kind in ("category", "boolean") else "number"
        for name, kind in splits.kinds.items()
        if name != decides
    }
    if not kinds or not splits.counts[0] or not splits.counts[2]:
        return nothing_to_check(CHECK, MEASURED, "There is nothing to compare.")
    train, test = _Side(splits, 0, kinds), _Side(splits, 2, kinds)
    drifted = []
    smallest = 1.0
    for name, kind in kinds.items():
        profile = fit_profile(train, {name: kind}, BINS)
        column = measure_drift(profile, profile.count({name: test[name]}), ALPHA, TOLERANCE).features[0]
        smallest = min(smallest, column.p_value)
        drifted.append(column)
    ranked = sorted(drifted, key=lambda column: (column.p_value, -abs(column.change), column.name))
    found = []
    for place, column in enumerate(ranked):  # Holm (1979) over the features
        if column.p_value * (len(ranked) - place) > ALPHA:
            break
        found.append(column)
    if not found:
        told = f"Train and test are alike in each feature (smallest p-value {smallest:.2g}, {len(kinds)} features)."
        return Finding(CHECK, False, 0, MEASURED, told)
    evidence = [
        {
            "feature": column.name,
            "rows that are": column.where,
            "train": round(column.reference_share, 6),
            "test": round(column.share, 6),
            "p-value": float(f"{column.p_value:.3g}"),
        }
        for column in found[:SHOWN]
    ]
    names = ", ".join(f"'{column.name}'" for column in found[:SHOWN])
    message = (
        f"{len(found)} of {len(kinds)} features are distributed otherwise in test than in train: {names}."
    )
    advice = (
        "A split by time or group may differ so: then the figure on test is an honest one for later rows. If rows were "
        "to be split at random, look at how they were."
    )
    return Finding(CHECK, True, len(found), MEASURED, message, advice, evidence)
