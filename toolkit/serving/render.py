"""Answers as the bytes of JSON: for many rows written column by column, which takes a third of the time of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from toolkit.serving.model import Predictions
from toolkit.serving.rows import Ids


def render_one(version: str, ids: Ids, predictions: Predictions) -> bytes:
    """Give the answer to a single row: its id, the model's version and the output."""
    return orjson.dumps({"id": ids[0], "version": version, **predictions.rows()[0]})


def render_many(version: str, ids: Ids, predictions: Predictions) -> bytes:
    """Give the answer to a list of rows: ``{"version", "predictions": [{"id", ...output}, ...]}``.

    The bytes are those that ``orjson.dumps`` would give of the objects.
    """
    start = orjson.dumps(ids.start)[1:-1]
    if predictions.probabilities is None:
        template = b'{"id":"%b%%08x","value":%%b}' % _escape(start)
        parts: list[Any] = [_write_numbers(np.asarray(predictions.values))]
    else:
        names = [orjson.dumps(name) for name in predictions.classes]
        shares = b",".join(_escape(name) + b":%b" for name in names)
        template = b'{"id":"%b%%08x","label":%%b,"probabilities":{%b}}' % (_escape(start), shares)
        numbers = _write_numbers(predictions.probabilities)
        labels = [names[code] for code in predictions.codes.tolist()]
        parts = [labels, *(numbers[place :: len(names)] for place in range(len(names)))]
    rows: Iterator[Any] = zip(range(ids.first, ids.first + len(ids)), *parts, strict=True)
    body = b",".join(map(template.__mod__, rows))
    return b'{"version":%b,"predictions":[%b]}' % (orjson.dumps(version), body)


def _write_numbers(numbers: np.ndarray) -> list[bytes]:
    """Write floats (of rows after each other) as JSON has them, each apart."""
    flat = np.ascontiguousarray(numbers, dtype=np.float64).ravel()
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def _escape(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
