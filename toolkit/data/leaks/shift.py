"""Train and test that can be told apart: a figure on such a test says little about later rows like train's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from toolkit.columns import as_array
from toolkit.data.leaks.finding import SHOWN, Finding, Splits, nothing_to_check
from toolkit.data.splits import TEST, TRAIN, VALID
from toolkit.errors import count_of
from toolkit.monitoring.cell_fit import TOP_CATEGORIES
from toolkit.monitoring.drift import measure_drift
from toolkit.monitoring.profile import fit_profile

CHECK, MEASURED = "shift", "features whose distribution differs between train and test"
ALPHA = 0.01  # chance that a table whose splits are alike shows any
TOLERANCE = 0.02  # change in a share of rows that is too small to matter
BINS = 20
RARE = "any other"


class _Side(Mapping[str, np.ndarray]):
    """The features of one split, read one at a time; times as numbers, rare categories as one.

    Which categories are rare is decided on train and test together: on train alone, those that happen to be common in
    it would count, and test would seem to have more of the rest.
    """

    def __init__(self, splits: Splits, code: int) -> None:
        self._splits, self._code = splits, code

    def __getitem__(self, name: str) -> np.ndarray:
        column, codes = self._splits.rows.column(name), self._splits.codes
        if self._splits.kinds[name] == "category":
            column = _join_rare(column, codes)
        values = as_array(column.filter(pa.array(codes == self._code)))
        if values.dtype.kind == "M":
            return np.where(np.isnat(values), np.nan, values.astype("datetime64[s]").astype(np.int64))
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits.kinds)

    def __len__(self) -> int:
        return len(self._splits.kinds)


def _join_rare(column: pa.ChunkedArray, codes: np.ndarray) -> pa.Array:
    """Put all but the most common categories of train and test together under one name."""
    coded = column.combine_chunks().dictionary_encode()
    if len(coded.dictionary) < TOP_CATEGORIES:
        return column
    indices = coded.indices.fill_null(-1).to_numpy()
    counted = np.bincount(indices[(codes != VALID) & (indices >= 0)], minlength=len(coded.dictionary))
    common = np.sort(np.argsort(-counted, kind="stable")[: TOP_CATEGORIES - 1])
    places = np.full(len(counted) + 1, len(common))
    places[common] = np.arange(len(common))
    names = pa.concat_arrays(
        [coded.dictionary.take(pa.array(common)), pa.array([RARE], coded.dictionary.type)]
    )
    return names.take(pa.array(places[indices], mask=indices < 0))


def find_shift(splits: Splits) -> Finding:
    """Find features that are distributed otherwise in test than in train.

    The shares of rows at or below 20 quantiles, in each category, and missing, are compared as the drift report does
    (:func:`toolkit.monitoring.drift.measure_drift`): found is a change of more than 2 percentage points, with a
    chance of at most 1 % that a table whose splits are alike shows any (Bonferroni within a feature, Holm over
    features). Of texts the length is compared. Rows of one group count as independent here, so a split by group of
    few groups may show differences that are chance. What only a combination of features shows is missed. The columns
    of time and group are left out where these decide the split. False alarms: in 0 of 1,000 clean tables
    (tests/unit/data/leaks).
    """
    decides = {"time": splits.params.time, "group": splits.params.group}.get(splits.params.split)
    kinds = {
        name: "number" if kind == "time" else kind for name, kind in splits.kinds.items() if name != decides
    }
    if not kinds or not splits.counts[0] or not splits.counts[2]:
        return nothing_to_check(CHECK, MEASURED, "There is nothing to compare.")
    train, test = _Side(splits, TRAIN), _Side(splits, TEST)
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
        told = (
            f"Train and test are alike in each feature (smallest p-value {smallest:.2g}, "
            f"{count_of(len(kinds), 'feature')})."
        )
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
        f"There are {len(found)} of {count_of(len(kinds), 'feature')} distributed otherwise in test than in train: "
        f"{names}."
    )
    advice = (
        "A split by time or group may differ so: then the figure on test is an honest one for later rows. If rows were "
        "to be split at random, look at how they were."
    )
    return Finding(CHECK, True, len(found), MEASURED, message, advice, evidence)
