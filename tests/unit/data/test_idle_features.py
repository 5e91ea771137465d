"""A feature that held-out rows cannot use is told, with why; one that is the same by chance is not."""

from dataclasses import replace

import numpy as np
import pytest

from toolkit.data.idle_features import find_idle
from toolkit.features import Features, category, last_before, mean_by, number
from toolkit.params import Prepare

BY_CUSTOMER = Prepare(split="group", group="customer")
KINDS = {"amount": "number", "customer": "category", "at": "time"}


def make_columns(rows: int, customers: range, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.lognormal(3, 1, rows),
        "customer": np.array([f"c{rng.choice(customers)}" for _ in range(rows)], dtype=object),
        "at": np.datetime64("2025-01-01", "us") + rng.integers(0, 10**13, rows).astype("timedelta64[us]"),
    }


@pytest.fixture
def features() -> Features:
    declared = {
        "last": last_before("amount", "customer", "at"),
        "usual": mean_by("amount", "customer"),
        "amount": number("amount"),
    }
    return Features.fit(
        make_columns(600, range(50), 1),
        KINDS,
        [replace(definition, name=name) for name, definition in declared.items()],
    )


def find(features: Features, held_out: dict[str, np.ndarray], params: Prepare = BY_CUSTOMER) -> list[str]:
    train = features.matrix(make_columns(600, range(50), 1))
    return find_idle(features, train, features.matrix(held_out), params)


def test_what_is_known_of_training_customers_alone_is_told_where_splits_are_by_customer(
    features: Features,
) -> None:
    told = find(features, make_columns(300, range(50, 100), 2))
    assert [text.split("'")[1] for text in told] == ["customer", "last", "usual"]
    why = "in all held-out rows. It is computed from 'customer', and prepare.split: group leaves no row of a held-out"
    assert f"'last' has no value {why}" in told[1] and f"'usual' is the same {why}" in told[2]
    (elsewhere, *_) = find(features, make_columns(300, range(50, 100), 2), Prepare(split="hash"))
    assert "see how it is computed" in elsewhere


def test_the_same_customers_later_are_no_finding(features: Features) -> None:
    assert find(features, make_columns(300, range(50), 2), Prepare(split="hash")) == []


def test_few_rows_may_be_alike_by_chance() -> None:
    columns = {"kind": np.array(["a"] * 95 + ["b"] * 5, dtype=object)}
    features = Features.fit(columns, {"kind": "category"}, [replace(category("kind"), name="kind")])
    train = features.matrix(columns)
    for rows, found in ((100, 0), (400, 1)):  # 0.95 to the power of 100 is 0.006
        held_out = features.matrix({"kind": np.array(["a"] * rows, dtype=object)})
        assert len(find_idle(features, train, held_out, Prepare())) == found
    assert find_idle(features, train, train[:0], Prepare()) == []
    assert find_idle(features, train[:90], train[:90], Prepare()) == []  # alike in train too
