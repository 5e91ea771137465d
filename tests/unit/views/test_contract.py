"""The notebook collect shows the contract, what is put aside and what would change, and Markdown keeps out of names."""

import pyarrow as pa

from toolkit.data.collect import Collected
from toolkit.data.contract.changes import Change
from toolkit.data.contract.rules import Contract
from toolkit.data.schema import Column, Schema
from toolkit.views import contract as views

COLUMNS = (
    Column("id", "text", "key"),
    Column(
        "age",
        "integer",
        "feature",
        2,
        18,
        90,
        unit="years",
        optional=True,
        minimum=0,
        maximum=120,
        personal=True,
    ),
    Column("plan", "category", "feature", categories=("a", "b"), allowed=("a", "b", "c", "d", "e", "f")),
    Column("size", "number", "excluded", 0, 0.5, 1234567.5, maximum=2e6),
)
REFUSED = pa.table(
    {"part": ["t.csv"], "row": [3], "reason": ["age must be a whole number; " * 5], "age": ["x" * 100]}
)


def make(**parts: object) -> Collected:
    empty = {"sample": pa.table({}), "refused": REFUSED.slice(0, 0), "metrics": {}, "notices": []}
    return Collected(Schema("id", 9, (), COLUMNS), Contract("id", ()), **{**empty, **parts})  # type: ignore[arg-type]


def test_the_contract_and_what_was_found_stand_side_by_side() -> None:
    table = views.table_contract(make())
    assert list(table.columns) == ["role", "type", "unit", "personal", "missing", "allowed", "found"]
    assert table.loc["age"].tolist() == ["feature", "integer", "years", "yes", "2", "0 to 120", "18 to 90"]
    assert (
        table.loc["plan", "allowed"] == "only a, b, c, d, e and 1 more"
        and table.loc["plan", "found"] == "a, b"
    )
    assert table.loc["size", "allowed"] == "at most 2e+06" and table.loc["id", "missing"] == "not allowed"


def test_rows_put_aside_are_shown_with_the_whole_reason() -> None:
    table = views.table_refused(make(refused=REFUSED))
    html, reason = table._repr_html_(), REFUSED["reason"][0].as_py().strip()
    assert len(reason) > 100 and reason in html and reason in repr(table)
    assert "t.csv" in html and "x" * 60 + "..." in html and "x" * 61 not in html
    assert "No row was put aside" in repr(views.table_refused(make()))


def test_changes_are_shown_as_now_and_then() -> None:
    changes = [
        Change("age", "maximum", 99, 104),
        Change("plan", "categories", ["a"], ["a", "b"]),
        Change("new", "", None, {"type": "boolean", "missing": True}),
        Change("gone", "", {"type": "text"}, None),
    ]
    table = views.table_changes(make(changes=changes)).reset_index()
    assert table.values.tolist() == [
        ["age", "maximum", "99", "104"],
        ["plan", "categories", "a", "also b"],
        ["new", "(all)", "", "type: boolean, missing: true"],
        ["gone", "(all)", "type: text", ""],
    ]
    assert "No change" in repr(views.table_changes(make()))


def test_names_keep_their_marks() -> None:
    shown = views.list_notices(make(notices=["column '*a_b_*' has `x` and $y$ in <b>."]))._repr_markdown_()
    assert shown == "- column '\\*a\\_b\\_\\*' has \\`x\\` and \\$y\\$ in \\<b>."
    assert "Nothing" in views.list_notices(make())._repr_markdown_()
