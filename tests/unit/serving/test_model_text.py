import re

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import ModelError
from toolkit.features import load_features
from toolkit.serving.model_text import check_model_text

TASKS = ["binary", "multiclass", "regression"]


@pytest.mark.parametrize("task", TASKS)
def test_what_lightgbm_writes_passes(make_packaged, task):
    packaged = make_packaged(task)
    head = check_model_text((packaged.folder / "model.txt").read_bytes())
    assert head.trees == {"binary": 20, "multiclass": 60, "regression": 20}[task]
    assert head.outputs == {"binary": 1, "multiclass": 3, "regression": 1}[task]
    assert len(head.features) == len(load_features(packaged.folder / "features.json").names)


def test_a_split_of_missing_values_from_all_others_passes():
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.normal(size=400), rng.normal(size=400)])
    lost = rng.random(400) < 0.4
    matrix[lost, 0] = np.nan
    options = {"objective": "binary", "verbose": -1, "num_leaves": 3, "min_data_in_leaf": 5}
    text = lightgbm.train(options, lightgbm.Dataset(matrix, lost.astype(float)), 3).model_to_string()
    infinite = re.compile(r"^(threshold=(?:\S+ )*)inf\b", re.MULTILINE)
    assert infinite.search(text) and check_model_text(text.encode()).trees == 3
    with pytest.raises(ModelError, match="threshold must be numbers"):
        check_model_text(infinite.sub(r"\1nan", text).encode())


def test_a_model_of_constant_trees_passes():
    import lightgbm

    data = lightgbm.Dataset(np.ones((50, 2)), np.r_[np.zeros(20), np.ones(30)])
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, 2)
    assert check_model_text(booster.model_to_string().encode()).trees >= 1


REPLACEMENTS = [
    ("tree\n", "bush\n", "must begin with 'tree'"),
    ("end of trees", "end of tree", "end of trees"),
    ("num_leaves=7", "num_leaves=8", "num_leaves|leaf_value|split"),
    ("num_leaves=7", "num_leaves=-7", "out of range|tree_sizes"),
    ("left_child=1", "left_child=9", "reach each node"),
    ("left_child=1", "left_child=0", "reach each node"),
    ("leaf_value=", "leaf_value=nan ", "tree_sizes|leaf_value"),
    ("split_feature=", "split_feature=x", "tree_sizes|split_feature"),
    ("num_class=1", "num_class=2", "num_class"),
    ("max_feature_idx=29", "max_feature_idx=28", "max_feature_idx"),
    ("Tree=3\n", "Tree=4\n", "tree 3"),
    ("shrinkage=0.1", "shrinkage=-.1", "shrinkage"),
    ("\nsplit_gain=1", "\nsplit_gain=h", "split_gain"),
    ("\nleaf_count=1", "\nleaf_count=_", "leaf_count"),
    ("\nfeature_infos=[", "\nfeature_infos=(", "feature_infos"),
    ("shrinkage=0.1", "shrinkage=nan", "shrinkage"),
    ("is_linear=0", "is_linear=1", "linear"),
]


@pytest.mark.parametrize(("old", "new", "words"), REPLACEMENTS)
def test_a_change_that_matters_is_refused(make_packaged, old, new, words):
    text = (make_packaged().folder / "model.txt").read_text()
    assert old in text
    with pytest.raises(ModelError, match=words):
        check_model_text(text.replace(old, new, 1).encode())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_text_is_refused_or_reads_as_some_sound_model(make_packaged, data):
    text = bytearray((make_packaged("regression").folder / "model.txt").read_bytes())
    end = text.index(b"end of trees")
    kind = data.draw(st.sampled_from(["flip", "cut", "swap", "repeat"]))
    place = data.draw(st.integers(0, end))
    if kind == "flip":
        text[place] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del text[place : place + data.draw(st.integers(1, len(text)))]
    else:
        lines = text.split(b"\n")
        first, second = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        lines[first], lines[second] = (lines[second], lines[first] if kind == "swap" else lines[second])
        text = bytearray(b"\n".join(lines))
    try:
        check_model_text(bytes(text))
    except ModelError as error:
        assert len(str(error)) > 20
