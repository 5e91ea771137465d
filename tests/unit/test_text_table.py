"""Tables of text are aligned and no wider than the terminal."""

from hypothesis import given
from hypothesis import strategies as st

from toolkit.text_table import show_table

ROWS = [{"name": "a" * 30, "n": 1234567, "share": 0.123456, "note": "long words " * 20}] * 2


@given(st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = show_table(ROWS, width).splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= max(width, 50)


def test_what_is_cut_says_so_and_numbers_stand_to_the_right() -> None:
    header, first, _ = show_table(ROWS, 80).splitlines()
    assert first.endswith("…") and "1,234,567" in first and "0.1235" in first
    assert header.index("n ") > 0 and header.split()[:3] == ["name", "n", "share"]
    assert show_table([]) == ""
