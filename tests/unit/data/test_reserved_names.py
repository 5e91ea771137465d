"""Names that later stages need are told before a table is read."""

import pytest

from toolkit.data.reserved_names import find_reserved
from toolkit.params import Annotate

NAMES = ["id", "n", "label", "value", "p_a", "p_b", "version"]


def find(names: list[str] = NAMES, key: str = "id", exclude: tuple[str, ...] = (), **annotate) -> list[str]:
    found = find_reserved(names, key, exclude, Annotate(**annotate))
    return [finding.split("'")[1] for finding in found]


def test_names_depend_on_the_task() -> None:
    assert find(classes=["a", "c"]) == ["label", "p_a", "version"]
    assert find(classes=[]) == ["label", "version"]
    assert find(task="regression", classes=[]) == ["label", "value", "version"]
    assert find(classes=["a", "b"], exclude=("label", "p_a", "p_b")) == ["version"]
    assert find(["id", "n"]) == []


def test_the_label_itself_may_be_called_so() -> None:
    column = {"classes": ["a", "c"], "format": "column", "label": "label"}
    assert find(**column) == ["p_a", "version"]
    assert find(**column, key="label") == ["label", "p_a", "version"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            "version",
            "collect.key: the key must not be called 'version', as a column of the predicted table is.",
        ),
        (
            "id",
            "Rename it in the source, or add it to collect.exclude; if it holds the labels, set annotate.format: ",
        ),
    ],
)
def test_what_to_do_is_told(key: str, told: str) -> None:
    (found,) = find_reserved(["id", "version"], key, (), Annotate())
    assert told in found
