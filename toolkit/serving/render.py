"""Answers as the bytes of JSON: for many rows written column by column, which takes a third of the time of objects."""

from __future__ import annotations

import numpy as np
import orjson

from toolkit.serving.model import Predictions
from toolkit.serving.rows import Ids


def render_one(version: str, id_: str, predictions: Predictions) -> bytes:
    """Give the answer to a single row: its id, the model's version and the output."""
    answer = {"id": id_, "version": version}
    if predictions.probabilities is None:
        return orjson.dumps({**answer, "value": float(np.asarray(predictions.values)[0])})
    shares = predictions.probabilities[0]
    label, listed = predictions.classes[int(shares.argmax())], shares.tolist()
    return orjson.dumps(
        {**answer, "label": label, "probabilities": dict(zip(predictions.classes, listed, strict=True))}
    )


def render_many(version: str, ids: Ids, predictions: Predictions) -> bytes:
    """Give the answer to a list of rows: ``{"version", "predictions": [{"id", ...output}, ...]}``.

    The bytes are those that ``orjson.dumps`` would give of the objects.
    """
    output, parts = plan_outputs(predictions)
    template = b'{"id":"%b%%08x",%b}' % (escape(orjson.dumps(ids.start)[1:-1]), output)
    rows = zip(range(ids.first, ids.first + len(ids)), *parts, strict=True)
    body = b",".join(map(template.__mod__, rows))
    return b'{"version":%b,"predictions":[%b]}' % (orjson.dumps(version), body)


def plan_outputs(predictions: Predictions) -> tuple[bytes, list[list[bytes]]]:
    """Give what each row's output is written by: a template for ``%``, and the values of its places, row by row."""
    if predictions.probabilities is None:
        return b'"value":%b', [write_numbers(np.asarray(predictions.values))]
    names = [orjson.dumps(name) for name in predictions.classes]
    shares = b",".join(escape(name) + b":%b" for name in names)
    numbers = write_numbers(predictions.probabilities)
    labels = [names[code] for code in predictions.codes.tolist()]
    parts = [labels, *(numbers[place :: len(names)] for place in range(len(names)))]
    return b'"label":%%b,"probabilities":{%b}' % shares, parts


def write_numbers(numbers: np.ndarray) -> list[bytes]:
    """Write numbers (of rows after each other) as JSON has them, each apart; NaN is null."""
    flat = np.ascontiguousarray(numbers).ravel()
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def escape(text: bytes) -> bytes:
    """Write text so that it stays as it is in a template for ``%``."""
    return text.replace(b"%", b"%%")
