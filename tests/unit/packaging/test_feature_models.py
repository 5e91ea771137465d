"""A model uses a feature if it computes the same, whatever is said of it for people."""

import json

import pytest

from toolkit.packaging.feature_models import load_features_of, load_texts, match_models

SOURCE = '''"""Of a cell."""
from math import floor
from toolkit.features import category, feature

LIMIT = 3


def cut(value):
    return min(value, LIMIT)


@feature(meaning="size, cut")
def size(a: float) -> float:
    return cut(a)  # at the limit


@feature(meaning="half")
def half(a: float) -> float:
    return a / 2


kind = category("b", rare=2)
'''


def _write(folder, source: str):
    folder.mkdir(exist_ok=True)
    functions = [
        {"name": name, "maker": "function", "inputs": ["a"], "params": {}, "state": {}}
        for name in ("size", "half")
    ]
    kind = {
        "name": "kind",
        "maker": "category",
        "inputs": ["b"],
        "params": {"rare": 2},
        "state": {"categories": ["x"]},
    }
    more = [{**kind, "name": "more", "inputs": ["c"]}] if "more =" in source else []
    (folder / "features.json").write_text(json.dumps({"features": [*functions, kind, *more]}))
    (folder / "definitions.py").write_text(source)
    return load_features_of(folder.name, folder / "features.json")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("", "", {"size", "half", "kind"}),
        ("a / 2", "a / 3", {"size", "kind"}),
        ("LIMIT = 3", "LIMIT = 4", {"half", "kind"}),
        ("  # at the limit", "", {"size", "half", "kind"}),
        ('"half"', '"a half"', {"size", "half", "kind"}),
        ('"""Of a cell."""', '"""Of a nucleus."""', {"size", "half", "kind"}),
        ("import floor", "import floor, ceil", {"size", "half", "kind"}),
        ("rare=2)", 'rare=2)\nmore = category("c")', {"size", "half", "kind"}),
        ("return cut(a)", "return cut(floor(a))", {"half", "kind"}),
    ],
)
def test_code_counts_and_words_do_not(tmp_path, old: str, new: str, same: set[str]) -> None:
    ours = _write(tmp_path / "ours", SOURCE)
    theirs = _write(tmp_path / "theirs", SOURCE.replace(old, new, 1))
    assert {name for name in ("size", "half", "kind") if list(match_models(ours, name, [theirs]))} == same


def test_what_a_function_imports_counts(tmp_path) -> None:
    source = SOURCE.replace("a / 2", "floor(a / 2)")
    ours = _write(tmp_path / "ours", source)
    theirs = _write(tmp_path / "theirs", source.replace("import floor", "import ceil as floor"))
    assert not list(match_models(ours, "half", [theirs]))


def test_the_text_of_a_function_has_its_decorator_and_comments(tmp_path) -> None:
    _write(tmp_path, SOURCE)
    texts = load_texts(tmp_path / "definitions.py")
    assert texts["size"].splitlines() == [
        '@feature(meaning="size, cut")',
        "def size(a: float) -> float:",
        "    return cut(a)  # at the limit",
    ]
    assert load_texts(tmp_path / "none.py") == {}
