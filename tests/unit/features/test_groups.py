"""Statistics of groups equal pandas'; what no training row has is missing."""

import numpy as np
import pandas as pd
import pytest

from toolkit.errors import FeatureError
from toolkit.features import Features, count_by, max_by, mean_by, min_by, std_by

RNG = np.random.default_rng(4)
COLUMNS = {
    "value": np.where(RNG.random(500) < 0.2, np.nan, RNG.normal(size=500)),
    "shop": np.array(
        [None if RNG.random() < 0.1 else f"s{RNG.integers(40)}" for _ in range(500)], dtype=object
    ),
    "floor": RNG.integers(-3, 12, 500).astype(float),
}
KINDS = {"value": "number", "shop": "category", "floor": "integer"}


@pytest.mark.parametrize("group", ["shop", "floor"])
@pytest.mark.parametrize(
    ("declare", "peer"),
    [(mean_by, "mean"), (std_by, "std"), (min_by, "min"), (max_by, "max"), (count_by, "count")],
)
def test_statistics_are_those_of_pandas(declare, peer: str, group: str) -> None:
    features = Features.fit(COLUMNS, KINDS, [declare("value", group)])
    ours = features.matrix(COLUMNS)[:, -1]
    table = pd.DataFrame(COLUMNS)
    theirs = table.groupby(group)["value"].transform(peer).to_numpy(dtype=float).copy()
    if peer == "count":  # a group without any value is one that training had not
        theirs[theirs == 0] = np.nan
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_missing_group_is_missing_and_a_whole_number_is_one_however_it_is_written() -> None:
    features = Features.fit(COLUMNS, KINDS, [mean_by("value", "floor")])
    row = {"value": 1.0, "shop": "s1", "floor": 3}
    assert features.row(row)[-1] == features.row(row | {"floor": 3.0})[-1]
    assert np.isnan(features.row(row | {"floor": None})[-1])


@pytest.mark.parametrize("declare", [mean_by, std_by, min_by, max_by, count_by])
def test_an_unseen_group_gets_what_holds_of_all_rows_as_missing_would_be_taken_for_zero(declare) -> None:
    features = Features.fit(COLUMNS, KINDS, [declare("value", "floor")])
    values = COLUMNS["value"][~np.isnan(COLUMNS["value"])]
    overall = {
        mean_by: values.mean(),
        std_by: values.std(ddof=1),
        min_by: values.min(),
        max_by: values.max(),
        count_by: 0,
    }
    assert features.row({"value": 1.0, "shop": "s1", "floor": 99})[-1] == pytest.approx(overall[declare])


def test_a_group_that_is_no_group_is_refused() -> None:
    with pytest.raises(
        FeatureError,
        match=r"a column of category or text or integer or boolean there. Got 'value', which is number",
    ):
        Features.fit(COLUMNS, KINDS, [mean_by("value", "value")])
    with pytest.raises(FeatureError, match=r"takes 'shops', which must be a column.*Did you mean 'shop'"):
        Features.fit(COLUMNS, KINDS, [mean_by("value", "shops")])


def test_a_spread_beyond_the_largest_number_is_no_infinity() -> None:
    columns = {"value": np.array([1.7e308, -1.7e308, 1.0]), "shop": np.array(["a", "a", "b"], dtype=object)}
    features = Features.fit(columns, {"value": "number", "shop": "category"}, [std_by("value", "shop")])
    assert not np.isinf(features.matrix(columns)).any()
