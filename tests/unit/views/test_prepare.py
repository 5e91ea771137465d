"""What the notebook prepare shows of the splits and their checks."""

from toolkit.data.leaks.finding import Finding
from toolkit.params import Checks
from toolkit.views.prepare import table_evidence, table_leaks, table_splits

FOUND = Finding(
    "groups", True, 2, "groups", "2 groups.", "Split by group.", [{"customer": "c1"}, {"customer": "c2"}]
)
SILENT = Finding("giveaway", False, 0.61, "score", "No feature.")


def test_splits_show_rows_and_what_is_known_of_them() -> None:
    facts = {
        "train": {"rows": 3, "a": 2, "b": 1, "groups": 2},
        "test": {"rows": 1, "a": 1, "b": 0, "from": "2026"},
    }
    table = table_splits(facts, ["a", "b"])
    assert table.loc["train"].to_dict() == {"rows": 3, "a": 2, "b": 1, "groups": 2, "from": ""}
    assert table_splits(facts, [f"c{n}" for n in range(20)] + ["b"]).columns.tolist() == [
        "rows",
        "a",
        "groups",
        "from",
    ]


def test_each_check_is_told_with_its_reaction_and_finding() -> None:
    page = table_leaks([FOUND, SILENT], Checks(shift="off")).to_html()
    for text in ("FOUND", "2 groups. Split by group.", "0.61", "not looked at", "fail", "off"):
        assert text in page
    assert page == table_leaks([FOUND, SILENT], Checks(shift="off")).to_html()  # no id of chance in it


def test_evidence_is_one_table() -> None:
    page = table_evidence([FOUND, SILENT])
    assert not isinstance(page, str)
    assert page.to_html().count("customer: c") == 2
    assert table_evidence([SILENT]) == "No check found anything."
