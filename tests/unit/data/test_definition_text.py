"""A cell goes into the definitions file as it stands, and everything else there stays byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.definition_text import compare_cell, put_cell, split_cell
from toolkit.errors import FeatureError

BLANKS = "   "
FILE = f'''"""Ours."""

from toolkit.features import feature

RATE = 2  # of all


# why it is halved
@feature(meaning="half")
def half(a: float) -> float:
    return a / RATE  # blanks at the end:{BLANKS}


def helper():{BLANKS}
    return 1
'''
HALF = '# why it is halved\n@feature(meaning="half")\ndef half(a: float) -> float:\n    return a / 2'


def test_the_first_cell_makes_the_file() -> None:
    assert put_cell("", HALF + "\n\n") == HALF + "\n"


def test_a_definition_of_the_name_is_replaced_and_the_rest_stays() -> None:
    old = FILE[FILE.index("# why") : FILE.index("\n\ndef helper")]
    assert put_cell(FILE, HALF) == FILE.replace(old, HALF + "\n")


def test_a_new_definition_comes_last_and_new_imports_below_the_others() -> None:
    root = "@feature(meaning='m')\ndef root(a: float) -> float:\n    return a**ROOT"
    cell = f"import math\nfrom toolkit.features import feature\n\nROOT = 0.5\n\n{root}"
    head = '"""Ours."""\n\nfrom toolkit.features import feature\n'
    new = put_cell(FILE, cell)
    assert new == head + "import math\n" + FILE.removeprefix(head) + f"\nROOT = 0.5\n\n\n{root}\n"
    assert put_cell(new, cell) == new


def test_of_an_import_what_the_file_lacks_is_added() -> None:
    assert put_cell(FILE, "from toolkit.features import (\n    feature,\n)") == FILE
    head = "from toolkit.features import feature\n"
    new = put_cell(FILE, "from toolkit.features import category, feature, number as n\nimport math, zlib")
    assert new == FILE.replace(
        head, head + "from toolkit.features import category, number as n\nimport math, zlib\n"
    )
    assert put_cell(new, "import zlib\nfrom toolkit.features import number as n") == new
    future = "from __future__ import annotations"
    assert put_cell(FILE, future).startswith(f'"""Ours."""\n{future}\n')


def test_what_a_replaced_definition_needs_stands_above_it() -> None:
    file = 'from toolkit.features import category\n\ncity = category("city")\nplan = category("plan")\n'
    cell = 'RARE = 20\nplan = category("plan", rare=RARE)'
    new = put_cell(file, cell)
    assert new.endswith('city = category("city")\nRARE = 20\n\nplan = category("plan", rare=RARE)\n')
    assert put_cell(new, cell) == new


def test_line_ends_stay_those_of_the_file() -> None:
    new = put_cell(FILE.replace("\n", "\r\n"), HALF)
    assert new.count("\n") == new.count("\r\n")
    assert new.replace("\r\n", "\n") == put_cell(FILE, HALF)


def test_a_file_without_an_end_of_its_last_line_is_continued() -> None:
    assert put_cell("A = 1", "B = 2") == "A = 1\n\nB = 2\n"
    assert put_cell("A = 1", "A = 2") == "A = 2\n"


def test_what_differs_is_shown_and_what_no_eye_sees_is_not() -> None:
    old = FILE[FILE.index("# why") : FILE.index("\n\ndef helper")]
    (same,) = compare_cell(FILE, old.replace(f":{BLANKS}", ":").replace("\n", "\r\n"), "f.py")
    other, new = compare_cell(FILE, HALF + "\n\nEXTRA = 1", "f.py")
    assert (same.name, same.state, same.diff) == ("half", "same", "")
    assert (other.name, other.state, new.name, new.state) == ("half", "other", "EXTRA", "new")
    assert "--- f.py\n+++ this cell\n" in other.diff
    assert "-    return a / RATE  # blanks at the end:\n+    return a / 2" in other.diff


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("print(1)", r"cell:1: the cell must hold what a definitions file does.*Got 'print\(1\)'"),
        ("A = 1\nfor x in []:\n    pass", "cell:2: the cell must hold"),
        ("a, b = 1, 2", "cell:1: the cell must hold"),
        ("A = 1; B = 2", "one statement a line"),
        ("def f(", "cell:1: it must be Python"),
    ],
)
def test_a_cell_that_does_something_else_is_refused(cell: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        split_cell(cell)


NAMES = st.sampled_from(["a", "b", "c"])
STATEMENTS = st.builds(
    lambda name, body: body.format(name=name),
    NAMES,
    st.sampled_from(
        [
            "{name} = 1",
            "def {name}():\n    return '''\n#x\n'''",
            "# note\n{name} = [\n  2,\n]",
            "# é\n@f\ndef {name}(x): ...",
        ]
    ),
)


@given(st.lists(STATEMENTS, max_size=4), STATEMENTS, st.sampled_from(["\n", "\n\n", "\n\n\n# apart\n\n"]))
def test_putting_twice_is_putting_once_and_others_keep_their_text(
    file: list[str], cell: str, between: str
) -> None:
    text = between.join(file)
    once = put_cell(text, cell)
    assert put_cell(once, cell) == once
    name = split_cell(cell)[0].name
    assert [each.state for each in compare_cell(once, cell, "f.py")] == ["same"]
    kept = [piece for piece in (split_cell(text) if text else []) if piece.name != name]
    assert [piece.text.strip() for piece in split_cell(once) if piece.name != name] == [
        p.text.strip() for p in kept
    ]
