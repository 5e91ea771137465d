"""Contributions are LightGBM's own, add up to the raw score, and are summed by the raw columns they come from."""

import json
import math
from unittest.mock import MagicMock

import lightgbm
import numpy as np
import pytest

from toolkit.errors import RequestError
from toolkit.features import Features, mean_by
from toolkit.features.definitions import parse_definitions
from toolkit.serving.endpoints import Endpoints
from toolkit.serving.explain import parse_top, share_features
from toolkit.serving.model import load_model

TASKS = ("binary", "multiclass", "regression")
SOURCE = """
from toolkit.features import feature

@feature(meaning="size of an item")
def each(size: float, count: float) -> float:
    return size / (1 + abs(count))
"""


@pytest.fixture(params=TASKS)
def packaged(request, make_packaged):
    return make_packaged(request.param)


def ask(packaged, rows, query=b""):
    model = load_model(packaged.folder, threads=1)
    endpoints = Endpoints(model, MagicMock(), {})
    answer = endpoints.explain(json.dumps(rows).encode(), query)
    assert endpoints.monitor.recorder.mock_calls == []
    return model, json.loads(answer.body)


def test_contributions_are_those_of_lightgbm_and_add_up(packaged):
    rows = packaged.rows(20)
    model, answer = ask(packaged, rows)
    assert answer["version"] == model.version
    matrix = model.features.matrix({name: [row[name] for row in rows] for name in model.inputs})
    booster = lightgbm.Booster(model_file=packaged.folder / "model.txt")
    outputs = 1 if model.task != "multiclass" else len(model.classes)
    expected = booster.predict(matrix, pred_contrib=True).reshape(len(rows), outputs, -1)
    scores = booster.predict(matrix, raw_score=True).reshape(len(rows), outputs)
    predicted = model.predict_rows(rows).rows()
    for row, found in enumerate(answer["explanations"]):
        assert {name: found[name] for name in predicted[row]} == predicted[row]
        assert len(found["scores"]) == outputs
        for place, each in enumerate(found["scores"]):
            added = each["features"]["added"]
            assert [added[name] for name in model.features.names] == expected[row, place, :-1].tolist()
            assert each["base"] == expected[row, place, -1]
            assert each["score"] == scores[row, place]
            for parts in (added, each["columns"]["added"]):
                assert math.fsum([each["base"], *parts.values()]) == pytest.approx(each["score"], abs=1e-9)
            assert set(each["columns"]["added"]) == set(model.inputs)
            sizes = [abs(part) for part in added.values()]
            assert sizes == sorted(sizes, reverse=True)


def test_each_score_speaks_for_a_class(packaged):
    model, answer = ask(packaged, packaged.rows(1)[0])
    classes = [score.get("class") for score in answer["explanations"][0]["scores"]]
    wanted = {"binary": list(model.classes[1:]), "multiclass": list(model.classes), "regression": [None]}
    assert classes == wanted[model.task]


def test_what_is_not_among_the_top_is_there_as_one_sum(packaged):
    rows = packaged.rows(5)
    model, whole = ask(packaged, rows)
    _, short = ask(packaged, rows, b"top=2")
    assert ask(packaged, {"rows": rows, "top": 2})[1] == short
    for full, cut in zip(whole["explanations"], short["explanations"], strict=True):
        for one, other in zip(full["scores"], cut["scores"], strict=True):
            for parts, count in (("features", len(model.features.names)), ("columns", len(model.inputs))):
                added = one[parts]["added"]
                assert other[parts]["added"] == dict(list(added.items())[:2])
                assert other[parts]["others"]["count"] == count - 2
                assert one[parts]["others"] == {"count": 0, "added": 0.0}
                left = math.fsum(list(added.values())[2:])
                assert other[parts]["others"]["added"] == pytest.approx(left, abs=1e-12)


def test_a_feature_of_several_columns_shares_what_it_adds_among_them():
    columns = {
        "size": np.array([1.0, 2.0, 5.0, 4.0]),
        "count": np.array([1.0, 2.0, 3.0, 1.0]),
        "city": np.array(["a", "b", "a", "b"], dtype=object),
    }
    kinds = {"size": "number", "count": "number", "city": "category"}
    by_city = mean_by("size", "city")
    named = type(by_city)(**{**by_city.__dict__, "name": "mean"})
    features = Features.fit(columns, kinds, [*parse_definitions(SOURCE, "features/mine.py"), named])
    shares = share_features(features)
    table = dict(zip(features.names, shares.tolist(), strict=True))
    order = list(features.inputs)
    assert table["each"] == [0.5 if name in ("size", "count") else 0.0 for name in order]
    assert table["mean"] == [0.5 if name in ("size", "city") else 0.0 for name in order]
    assert table["size"] == [float(name == "size") for name in order]
    np.testing.assert_array_equal(shares.sum(axis=1), 1)


WRONG = "top=0|top=-1|top=x|top=1.5|top=3&top=4|more=1|top|top=9999999|top=\xff"


@pytest.mark.parametrize("query", WRONG.split("|"))
def test_another_query_is_refused(query):
    with pytest.raises(RequestError, match="top=5"):
        parse_top(query.encode("latin-1"))
    assert (parse_top(b""), parse_top(b"top=12")) == (None, 12)


@pytest.mark.parametrize("top", [0, -1, "2", 1.5, True, 10**6, [1]])
def test_a_wrong_option_beside_the_rows_is_told(packaged, top):
    with pytest.raises(RequestError, match="'top' must be a whole number from 1"):
        ask(packaged, {"rows": packaged.rows(1), "top": top})


def test_the_option_is_given_once_and_beside_rows_alone(packaged):
    row = packaged.rows(1)
    with pytest.raises(RequestError, match="given once"):
        ask(packaged, {"rows": row, "top": 2}, b"top=2")
    with pytest.raises(RequestError, match="'top' is not a feature"):
        ask(packaged, row[0] | {"top": 2})
    with pytest.raises(RequestError, match="Got 'more' beside it"):
        ask(packaged, {"rows": row, "top": 2, "more": 1})


def test_rows_to_explain_have_their_own_bound(packaged):
    with pytest.raises(RequestError) as caught:
        ask(packaged, packaged.rows(1) * 101)
    assert (caught.value.status, caught.value.kind) == (413, "too_many_rows")
