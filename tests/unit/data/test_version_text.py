"""What a terminal is told of a difference is true also where two versions have little in common."""

import pytest

from toolkit.data.version_diff import Diff
from toolkit.data.version_text import show_diff
from toolkit.data.versions import Version

ONE = {"column": "x", "changed": 0, "distance": 0.0}
CASES = [  # rows before, after, added (None: other keys), columns, what is told
    (3, 4, 1, [ONE], "Values: the same"),
    (3, 4, 4, [ONE], "Values: distributed the same; no row is in both"),
    (3, 4, None, [ONE], "Values: distributed the same"),
    (3, 4, 4, [], "Values: nothing to compare, as no column but the key is in both"),
]


@pytest.mark.parametrize(("before", "after", "added", "columns", "told"), CASES)
def test_values_are_the_same_only_where_there_are_values_in_both(
    before: int, after: int, added: int | None, columns: list[dict[str, object]], told: str
) -> None:
    rows = {"before": before, "after": after}
    if added is not None:
        rows |= {"added": added, "removed": before - after + added, "changed": 0}
    diff = Diff([], [], rows, columns, {}, {})
    assert told in show_diff(diff, Version("1" * 8, {}), Version("2" * 8, {}), 100).splitlines()
