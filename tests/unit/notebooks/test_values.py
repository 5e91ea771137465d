"""Values of the command line are YAML, checked like those of params.yaml, and win over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import ParamsError
from toolkit.notebooks.values import load_secrets, load_values, parse_pairs

ROOT = Path(__file__).resolve().parents[3]


def test_pairs_are_typed_as_yaml_has_it() -> None:
    pairs = ["a=1", "b=1e-3", "c=true", "d=x=y", "e=[1, b]", "f={low: 1}", "g='1'", "h=", "i=~"]
    values = {
        "a": 1,
        "b": 0.001,
        "c": True,
        "d": "x=y",
        "e": [1, "b"],
        "f": {"low": 1},
        "g": "1",
        "h": None,
        "i": None,
    }
    assert parse_pairs(pairs) == values


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["a"], "-p must be given KEY=VALUE. Got 'a' instead."),
        (["=1"], "-p must be given KEY=VALUE. Got '=1' instead."),
        (["a=1", "a=2"], "-p a must be given once. Keep one."),
        (["a=[1"], "-p a must be a YAML value. Got '[1' instead."),
    ],
)
def test_wrong_pair_is_refused(pairs: list[str], message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        parse_pairs(pairs)
    assert message in str(caught.value)


def test_override_wins_and_the_rest_comes_from_the_file() -> None:
    plain, settings = load_values(ROOT, "train", {})
    values, _ = load_values(ROOT, "train", {"learning_rate": 0.5})
    assert values == {**plain, "learning_rate": 0.5} and plain["learning_rate"] != 0.5
    assert settings.cell_timeout_s >= 1


def test_values_are_plain_literals_without_none() -> None:
    values, _ = load_values(ROOT, "sweep", {})
    assert all("None" not in repr(dimension) for dimension in values["space"].values())
    assert values == eval(repr(values))


@pytest.mark.parametrize(
    ("stage", "overrides", "message"),
    [
        ("trian", {}, "'trian' must be a stage: one of collect, annotate, "),
        ("runner", {}, "'runner' must be a stage"),
        ("train", {"sed": 1, "x": 2}, "-p sed: unknown key of train. Did you mean 'seed'?"),
        ("train", {"seed": -1}, "-p: train.seed: must be at least 0. Got -1 instead."),
        ("collect", {"source": "/etc/passwd"}, "must be a path inside the project"),
        ("collect", {"source": "s3://a:" + "b@c/d"}, "-p source: must not look like a secret"),
    ],
)
def test_wrong_value_is_refused(stage: str, overrides: dict, message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        load_values(ROOT, stage, overrides)
    assert message in str(caught.value)


def test_secrets_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_KEY", "value")
    monkeypatch.setenv("EMPTY_KEY", "")
    monkeypatch.delenv("NO_KEY", raising=False)
    assert load_secrets(["ONE_KEY", "EMPTY_KEY", "NO_KEY"]) == {"ONE_KEY": "value"}
