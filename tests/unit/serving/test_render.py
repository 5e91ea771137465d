"""Answers that are written column by column are the bytes of the objects that they stand for."""

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving.model import Predictions
from toolkit.serving.render import render_many, render_one
from toolkit.serving.rows import Ids

NAMES = st.lists(st.text(max_size=8), min_size=2, max_size=4, unique=True)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def as_objects(version, ids, predictions):
    rows = [{"id": id_, **output} for id_, output in zip(ids, predictions.rows(), strict=True)]
    return orjson.dumps({"version": version, "predictions": rows})


@given(NAMES, st.data(), st.text(max_size=5))
def test_classes_of_any_name_and_probabilities_of_any_size(names, data, version):
    rows = data.draw(
        st.lists(st.lists(FLOATS, min_size=len(names), max_size=len(names)), min_size=1, max_size=5)
    )
    predictions, ids = Predictions(tuple(names), np.array(rows), None), Ids("0%d\u00e9", 250, len(rows))
    assert render_many(version, ids, predictions) == as_objects(version, ids, predictions)
    single = Predictions(tuple(names), np.array(rows[:1]), None)
    first = orjson.loads(render_many(version, ids, predictions))["predictions"][0]
    assert orjson.loads(render_one(version, ids[0], single)) == {**first, "version": version}


@given(st.lists(FLOATS, min_size=1, max_size=5))
def test_values(values):
    predictions, ids = Predictions((), None, np.array(values)), Ids("abc", 0, len(values))
    assert render_many("v:1", ids, predictions) == as_objects("v:1", ids, predictions)
    (first,) = orjson.loads(render_many("v:1", ids, predictions))["predictions"][:1]
    single = Predictions((), None, np.array(values[:1]))
    assert orjson.loads(render_one("v:1", ids[0], single)) == {**first, "version": "v:1"}


def test_ids_follow_each_other():
    assert list(Ids("ab", 254, 3)) == ["ab000000fe", "ab000000ff", "ab00000100"]
