"""A profile keeps what it was fitted on as counts, and counting is exact whatever the blocks."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import DriftError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import (
    Profile,
    fit_profile,
    fit_scores,
    load_profile,
    scores_from_list,
    scores_to_list,
)

NUMBER = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, 2.0])
ROW = st.tuples(
    NUMBER, st.none() | st.integers(-3, 3), st.none() | st.booleans(), st.none() | st.text(max_size=2)
)
ROWS = st.lists(ROW, min_size=1, max_size=40)
KINDS = {"size": "number", "age": "integer", "member": "boolean", "city": "category"}


def columns_of(rows):
    return {name: [row[index] for row in rows] for index, name in enumerate(KINDS)}


@given(reference=ROWS, live=ROWS, cut=st.integers(0, 40), bins=st.integers(2, 8))
def test_counts_of_two_blocks_add_up_to_those_of_all_rows(reference, live, cut, bins):
    profile = fit_profile(columns_of(reference), KINDS, bins)
    parts = profile.count(columns_of(live[:cut])) + profile.count(columns_of(live[cut:]))
    assert parts == profile.count(columns_of(live))
    assert parts.rows == len(live)
    for index in range(len(KINDS)):
        assert parts.features[profile.feature_group.slice(index)].sum() == len(live)


@given(reference=ROWS, live=ROWS, bins=st.integers(2, 8))
def test_profile_and_counts_survive_json(reference, live, bins):
    profile = fit_profile(columns_of(reference), KINDS, bins, labels=[str(row[2]) for row in reference])
    again = Profile.from_dict(json.loads(json.dumps(profile.to_dict(), allow_nan=False)))
    assert again == profile
    assert again.id == profile.id
    counts = profile.count(columns_of(live))
    assert Counts.from_dict(json.loads(json.dumps(counts.to_dict()))) == counts


@given(values=st.lists(NUMBER, min_size=1, max_size=60), bins=st.integers(2, 10))
def test_bins_hold_the_values_between_their_edges(values, bins):
    cells = fit_profile({"x": values}, {"x": "number"}, bins).features[0]
    present = [value for value in values if value is not None and not np.isnan(value)]
    bounds = [-np.inf, *cells.edges, np.inf]
    expected = [sum(low < value <= high for value in present) for low, high in pairwise(bounds)]
    expected[0] += sum(value == -np.inf for value in present)
    assert cells.counts == (*expected, len(values) - len(present))


def test_bins_are_equally_full_without_ties():
    values = np.random.default_rng(3).normal(size=1000)
    cells = fit_profile({"x": values}, {"x": "number"}, 20).features[0]
    assert cells.counts == (50,) * 20 + (0,)
    assert set(cells.edges) <= set(values)


def test_a_value_that_is_common_has_a_bin_of_its_own():
    cells = fit_profile({"x": [*range(-20, 0), *[0] * 60, *range(1, 21)]}, {"x": "integer"}, 10).features[0]
    assert 60 in cells.counts
    assert "0" not in cells.labels[0]


def test_values_beyond_a_constant_are_told_apart_on_both_sides():
    profile = fit_profile({"x": [0.0] * 9}, {"x": "number"}, 10)
    assert profile.features[0].labels == ("< 0", "0", "> 0", "missing")
    assert profile.count({"x": [-1.0, 0.0, 0.0, 2.0, None]}).features.tolist() == [1, 2, 1, 1]


def test_a_column_without_any_value_can_be_described():
    profile = fit_profile({"x": [None, np.nan]}, {"x": "number"}, 10)
    assert profile.count({"x": [None, 7.0]}).features.tolist() == [1, 1]


def test_unseen_and_missing_categories_are_counted():
    profile = fit_profile({"c": ["b", "a", "a", None]}, {"c": "category"}, 10)
    assert profile.features[0].labels == ("a", "b", "unseen", "missing")
    assert profile.count({"c": ["a", "z", "y", None, float("nan")]}).features.tolist() == [1, 0, 2, 2]


def test_rare_categories_beyond_the_top_are_the_rest():
    values = [f"c{index:03}" for index in range(80) for _ in range(80 - index)]
    cells = fit_profile({"c": values}, {"c": "category"}, 10).features[0]
    assert len(cells.categories) == 50 and {f"c{index:03}" for index in range(30)} < set(cells.categories)
    assert cells.labels[-2:] == ("rest", "missing")
    assert cells.counts[-1] == 0 and sum(cells.counts) == len(values) / 2


def test_numbers_with_holes_count_as_the_same_categories_and_booleans():
    profile = fit_profile({"c": [1, 2, 2], "b": [True, False, True]}, {"c": "category", "b": "boolean"}, 10)
    block = {"c": np.array([1.0, np.nan, 2.0]), "b": np.array([1.0, 0.0, np.nan])}
    assert profile.count(block) == profile.count({"c": ["1", None, "2"], "b": np.array([True, False, None])})


def test_large_blocks_count_as_small_ones():
    values = np.random.default_rng(5).normal(size=5000)
    profile = fit_profile({"x": values}, {"x": "number"}, 20)
    assert tuple(profile.count({"x": values}).features) == profile.features[0].counts


def test_scores_are_counted_beside_the_features():
    rng = np.random.default_rng(1)
    share = rng.random(300)
    profile = fit_profile({"x": share}, {"x": "number"}, 4).with_scores(fit_scores(share, ("no", "yes")))
    assert [cells.name for cells in profile.predictions] == ["label", "p_yes"]
    counts = profile.count({"x": share}, {"label": ["yes"] * 300, "p_yes": share})
    assert counts.predictions[profile.prediction_group.slice(0)].tolist() == [0, 300, 0, 0]
    assert tuple(counts.predictions[profile.prediction_group.slice(1)]) == profile.predictions[1].counts
    assert (
        scores_from_list(json.loads(json.dumps(scores_to_list(profile.predictions)))) == profile.predictions
    )


def test_scores_of_three_classes_and_of_a_regression():
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], size=200)
    assert [cells.name for cells in fit_scores(shares, ("a", "b", "c"))] == ["label", "p_a", "p_b", "p_c"]
    (value,) = fit_scores(shares[:, 0])
    assert (value.name, value.size) == ("value", 21)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, '"schema": 1'),
        ({"features": []}, "at least one"),
        ({"features": {}}, "features: must be a list"),
        ({"edges": [1.0, 1.0, 2.0]}, "edges: must increase"),
        ({"edges": [1.0, "2"]}, "edges: must be finite"),
        ({"edges": [1.0, 10**30, 10**400]}, "edges: must be finite"),
        ({"counts": [1, 2]}, "must have 5 entries, not 2"),
        ({"counts": [1, 2, 3, 4, -1]}, "whole numbers from 0"),
        ({"counts": [1, True, 3, 4, 0]}, "whole numbers from 0"),
        ({"kind": "numbr"}, "kind: must be one of"),
        ({"name": ""}, "name: must be a text"),
        ({"minimum": "low"}, "minimum and maximum"),
    ],
)
def test_a_damaged_profile_is_refused_by_name(change, message):
    values = fit_profile({"x": [1.0, 2.0, 3.0, 4.0]}, {"x": "number"}, 4).to_dict()
    (values["features"][0] if set(change) <= set(values["features"][0]) else values).update(change)
    with pytest.raises(DriftError) as caught:
        Profile.from_dict(values)
    assert message in str(caught.value)


def test_all_findings_are_told_at_once():
    values = fit_profile({"x": [1.0, 2.0], "y": [1.0, 2.0]}, {"x": "number", "y": "number"}, 2).to_dict()
    values["features"][0]["edges"] = None
    values["features"][1]["counts"] = None
    with pytest.raises(DriftError) as caught:
        Profile.from_dict(values)
    assert "features[0].edges" in str(caught.value)
    assert "features[1].counts" in str(caught.value)


def test_the_file_is_named(tmp_path):
    path = tmp_path / "profile.json"
    path.write_text('{"schema": 1}')
    with pytest.raises(DriftError, match=r"profile\.json: .*damaged"):
        load_profile(path)


def test_bad_rows_are_refused_by_name():
    profile = fit_profile({"x": [1.0, 2.0], "y": ["a", "b"]}, {"x": "number", "y": "category"}, 2)
    with pytest.raises(DriftError, match="column y"):
        profile.count({"x": [1.0]})
    with pytest.raises(DriftError, match="'x' has 1 and 'y' has 2"):
        profile.count({"x": [1.0], "y": ["a", "b"]})
    with pytest.raises(DriftError, match="'x' must hold numbers"):
        profile.count({"x": ["one"], "y": ["a"]})
    with pytest.raises(DriftError, match="'y' must hold categories"):
        profile.count({"x": [1.0], "y": [["a"]]})
    with pytest.raises(DriftError, match="Did you mean 'number'"):
        fit_profile({"x": [1.0]}, {"x": "numbr"}, 2)
    with pytest.raises(DriftError, match="at least one feature"):
        fit_profile({}, {}, 2)


def test_the_difference_of_counts_is_what_came_since():
    profile = fit_profile({"x": np.arange(1000.0)}, {"x": "number"}, 10)
    few, many = profile.count({"x": [1.0]}), profile.count({"x": [1.0, 2.0, 900.0]})
    assert many.since(few) == profile.count({"x": [2.0, 900.0]})
    assert few.since(many) is None
    assert profile.count({"x": [900.0]}).since(few) is None


def test_counts_of_different_profiles_do_not_add():
    first = fit_profile({"x": [1.0, 2.0]}, {"x": "number"}, 2)
    second = fit_profile({"x": [1.0, 3.0]}, {"x": "number"}, 2)
    with pytest.raises(DriftError, match="same reference profile"):
        first.no_rows() + second.no_rows()
    with pytest.raises(DriftError, match="another model version"):
        first.check_counts(second.no_rows())


settings.register_profile("monitoring", deadline=None)
settings.load_profile("monitoring")
