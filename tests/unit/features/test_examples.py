"""The examples in the modules' docstrings and in features/README.md give what they show."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import toolkit.features

ROOT = Path(__file__).resolve().parents[3]
MODULES = [name for _, name, _ in pkgutil.iter_modules(toolkit.features.__path__, "toolkit.features.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_give_what_they_show(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_modules_have_examples() -> None:
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES) >= 8


def test_the_page_on_definitions_gives_what_it_shows() -> None:
    result = doctest.testfile(str(ROOT / "features/README.md"), module_relative=False)
    assert result.failed == 0 and result.attempted >= 7
