"""What the service answers where a row is allowed, and a person's function cannot do with it."""

import dataclasses
import logging
from unittest.mock import MagicMock

import numpy as np
import orjson
import pytest

from toolkit.errors import RequestError
from toolkit.features import Features
from toolkit.features.definitions import parse_definitions
from toolkit.serving.endpoints import Endpoints, describe_error
from toolkit.serving.model import load_model

SOURCE = """
import math
from toolkit.features import feature

@feature(meaning="log of the price")
def log_price(price: float) -> float:
    return math.log(price)
"""


@pytest.fixture
def endpoints(make_packaged) -> Endpoints:
    """Endpoints over a real model whose features are those of the function above."""
    columns = {"price": np.array([1.0, 2.0, 5.0])}
    features = Features.fit(columns, {"price": "number"}, parse_definitions(SOURCE, "features/mine.py"))
    model = dataclasses.replace(load_model(make_packaged().folder), features=features)
    return Endpoints(model, MagicMock(), {})


@pytest.mark.parametrize(("rows", "row"), [({"price": -7.25}, 0), ([{"price": 3}, {"price": -7.25}], 1)])
def test_a_function_that_fails_for_a_row_is_told_with_row_and_feature(
    endpoints: Endpoints, caplog: pytest.LogCaptureFixture, rows: object, row: int
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(RequestError, match=r"log_price.*-7\.25.*ValueError") as caught,
    ):
        endpoints.predict(orjson.dumps(rows))
    answer = describe_error(caught.value)
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, error["kind"], error["row"], error["feature"]) == (
        422,
        "feature",
        row,
        "log_price",
    )
    assert [finding["row"] for finding in error["findings"]] == [row]
    (record,) = caplog.records
    assert "log_price" in record.message and "7.25" not in record.message and record.exc_info is None
