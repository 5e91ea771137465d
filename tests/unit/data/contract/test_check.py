"""A batch is checked against its contract: every violation with column, rows and values, whatever the batches."""

from typing import Any

import pyarrow as pa
import pytest

from toolkit.data.contract.check import Checker, find_column_faults
from toolkit.data.contract.parse import parse_contract
from toolkit.data.contract.rules import Contract

CONTRACT = parse_contract(
    """
key: id
columns:
  id: {type: text}
  n: {type: number, minimum: 0, maximum: 10}
  c: {type: category, categories: [a, b], unseen: refuse, missing: true}
  t: {type: time, minimum: 2024-01-01, missing: true}
""",
    "schemas/x.yaml",
)
GOOD = {
    "id": ["k1", "k2", "k3"],
    "n": ["0", "10", "5"],
    "c": ["a", None, "b"],
    "t": ["2024-01-01", None, "2025-01-01"],
}


def check(
    columns: dict[str, Any], cut: int = 100, aside: bool = False, contract: Contract = CONTRACT
) -> Checker:
    batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
    checker = Checker(contract, batch.schema, aside=aside)
    for at in range(0, batch.num_rows, cut):
        checker.take(batch.slice(at, cut))
    return checker


def tell(checker: Checker) -> str:
    return checker.faults.tell(checker.rows, "t.csv", "schemas/x.yaml", "Correct it.")


def test_a_good_table_has_no_fault_and_its_facts_are_gathered() -> None:
    checker = check(GOOD, cut=2)
    assert len(checker.faults) == 0 and checker.rows == 3
    facts = checker.facts
    assert facts["n"].ends == (0.0, 10.0) and facts["c"].categories == ("a", "b") and facts["c"].missing == 1
    assert facts["t"].ends == ("2024-01-01", "2025-01-01") and facts["id"].ends == (None, None)


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_every_violation_is_told_at_once_whatever_the_batches(cut: int) -> None:
    bad = {
        "id": ["k1", "k2", "k1", None, ""],
        "n": ["-1", "x", "11", None, "3"],
        "c": ["a", "z", "y", "z", None],
        "t": ["2023-12-31", None, "soon", None, None],
    }
    text = tell(check(bad, cut))
    assert "t.csv must hold what schemas/x.yaml says. Got 9 violations:" in text
    for words in (
        "column 'n' must be at least 0. 1 of 5 rows breaks this: row 1 (got '-1').",
        "column 'n' must be at most 10. 1 of 5 rows breaks this: row 3 (got '11').",
        "column 'n' must be a number. 1 of 5 rows breaks this: row 2 (got 'x').",
        "column 'n' must have a value in every row. 1 of 5 rows breaks this: row 4. Fill it",
        "column 'c' must be one of a, b. 3 of 5 rows break this: rows 2, 3, 4 (got 'z', 'y').",
        "column 't' must be at least 2024-01-01. 1 of 5 rows breaks this: row 1 (got '2023-12-31').",
        "column 't' must be a time in ISO 8601, such as",
        "column 'id' is the key and must have a value in every row. 2 of 5 rows break this: rows 4, 5.",
        "an earlier row has the same. 1 of 5 rows breaks this: row 3 like row 1 (got 'k1').",
    ):
        assert words in text, text
    assert text.endswith("\nCorrect it.")


def test_many_rows_are_counted_and_the_first_named() -> None:
    text = tell(
        check(
            {
                **GOOD,
                "id": [f"k{n}" for n in range(1500)],
                "n": ["x"] * 1500,
                "c": ["a"] * 1500,
                "t": [None] * 1500,
            },
            cut=400,
        )
    )
    assert "1,500 of 1,500 rows break this: rows 1, 2, 3, 4, 5 and 1,495 more (got 'x')." in text


def test_rows_put_aside_do_not_take_a_key() -> None:
    columns = {"id": ["k1", "k1", "k1"], "n": ["x", "1", "2"], "c": ["a"] * 3, "t": [None] * 3}
    batch = pa.record_batch({name: pa.array(values, pa.string()) for name, values in columns.items()})
    checker = Checker(CONTRACT, batch.schema, aside=True)
    checked = checker.take(batch)
    assert checked.rows.to_pylist() == [{"id": "k1", "n": 1.0, "c": "a", "t": None}]
    assert checked.places.tolist() == [1] and checked.refused_places.tolist() == [0, 2]
    assert checked.refused["n"].to_pylist() == ["x", "2"]
    assert checked.reasons[0] == "n must be a number" and "earlier row" in checked.reasons[1]
    assert check(columns).faults.tell(3, "t", "c", "").count("column") == 2


def test_columns_are_compared() -> None:
    findings = find_column_faults(CONTRACT, ["id", "n", "cc", "t", "new"])
    assert findings[0].startswith("column 'c' must be there and is not.")
    assert [finding[:12] for finding in findings[1:]] == ["column 'cc' ", "column 'new'"]
    renamed = find_column_faults(CONTRACT, ["ID", "n", "c", "t"])
    assert "Was it renamed to 'ID'?" in renamed[0] and "Did you mean 'id'?" in renamed[1]
    (other,) = find_column_faults(CONTRACT, ["x", "y"])
    assert "lacks 4: id, n, c, t. If it is another table" in other and "collect.contract" in other
    assert find_column_faults(CONTRACT, ["id", "n", "c", "t", "generated"], ["generated"]) == []


def test_nan_is_missing() -> None:
    text = tell(check({**GOOD, "n": [1.0, float("nan"), 2.0]}))
    assert "column 'n' must have a value in every row. 1 of 3 rows breaks this: row 2." in text


def test_categories_that_are_allowed_though_not_listed_are_counted() -> None:
    contract = parse_contract(
        "key: id\ncolumns:\n  id: {type: text}\n  c: {type: category, categories: [a]}\n"
    )
    checker = check({"id": ["1", "2", "3"], "c": ["a", "z", "z"]}, contract=contract)
    assert len(checker.faults) == 0 and checker.facts["c"].count_unseen() == {"z": 2}
