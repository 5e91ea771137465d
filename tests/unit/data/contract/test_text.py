"""A contract is written for people, read back as it was, and changed without touching what they wrote."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.contract.changes import Change, complete, list_changes, loosen, tell_change, widen
from toolkit.data.contract.check import Checker
from toolkit.data.contract.parse import parse_contract
from toolkit.data.contract.rules import Contract, Rule
from toolkit.data.contract.text import edit_contract, write_contract_text
from toolkit.errors import DataError

TEXT = """\
key: id # the key
columns:
  id: {type: text}
  # how many
  n:
    type: integer
    maximum: 10   # no more
  c:
    type: category
    categories:
      - a # the first
      - b
    unseen: refuse

  gone:
    type: text # not long
# the end
"""


def gather(contract: Contract, columns: dict[str, list[object]]) -> Checker:
    batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
    checker = Checker(contract, batch.schema)
    checker.take(batch)
    assert not len(checker.faults), checker.faults.tell(0, "", "", "")
    return checker


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: name.strip()
)
RULES = st.one_of(
    st.builds(
        Rule,
        NAMES,
        st.sampled_from(["text", "boolean"]),
        meaning=NAMES,
        missing=st.booleans(),
        personal=st.booleans(),
    ),
    st.builds(
        Rule,
        NAMES,
        st.just("number"),
        unit=NAMES,
        minimum=st.none() | st.floats(-9, 0),
        maximum=st.none() | st.floats(1, 9),
    ),
    st.builds(Rule, NAMES, st.just("integer"), minimum=st.none() | st.integers(-9, 0)),
    st.builds(
        Rule,
        NAMES,
        st.just("category"),
        categories=st.lists(NAMES, min_size=1, unique=True).map(tuple),
        unseen=st.sampled_from(["allow", "refuse"]),
    ),
    st.builds(
        Rule,
        NAMES,
        st.just("time"),
        zone=st.sampled_from(["", "UTC", "Europe/Berlin"]),
        minimum=st.sampled_from([None, "2024-01-01"]),
    ),
)


@given(st.lists(RULES, max_size=5, unique_by=lambda rule: rule.name))
def test_what_is_written_is_read_back(rules: list[Rule]) -> None:
    contract = Contract(
        "the key", (Rule("the key", "text"), *(rule for rule in rules if rule.name != "the key")), "x.yaml"
    )
    assert parse_contract(write_contract_text(contract, {}, "t.csv"), "x.yaml") == contract


def test_a_new_contract_shows_what_was_seen() -> None:
    rules = (Rule("id", "text"), Rule("n", "number", missing=True), Rule("c", "category"))
    checker = gather(Contract("id", rules), {"id": ["1", "2"], "n": ["0.5", None], "c": ["x", "x"]})
    contract = Contract("id", tuple(complete(fact.rule, fact) for fact in checker.facts.values()))
    text = write_contract_text(contract, checker.facts, "t.csv")
    assert "# What t.csv must hold, written from its 2 rows." in text
    assert '  "n":\n    type: number # seen 0.5 to 0.5\n    unit: ""\n' in text
    assert "missing: true # in 1 of 2 rows" in text
    assert "type: category # 1 seen" in text and "categories: [x]\n    unseen: allow\n" in text


def test_many_categories_stand_in_lines() -> None:
    rule = Rule("id", "text"), Rule("c", "category", categories=tuple(f"name {n}" for n in range(30)))
    assert "    categories:\n      - name 0\n      - name 1\n" in write_contract_text(
        Contract("id", rule), {}, "t"
    )


def test_a_table_widens_its_contract_and_the_file_keeps_its_comments() -> None:
    old = parse_contract(TEXT, "x.yaml")
    columns: dict[str, list[object]] = {
        "id": ["1", "2"],
        "n": ["7.5", None],
        "c": ["a", "z"],
        "new": ["5", "6"],
    }
    seen = [Rule("id", "text"), Rule("n", "number"), Rule("c", "category"), Rule("new", "integer")]
    checker = gather(loosen(old, seen), columns)
    new = widen(old, checker.facts)
    changes = list_changes(old, new)
    assert [tell_change(change) for change in changes] == [
        "n: type from integer to number",
        "n: missing from false to true",
        "c: categories with z",
        "new: is new: type integer, missing false",
        "gone: is gone",
    ]
    text = edit_contract(TEXT, changes, "x.yaml")
    assert text == (
        TEXT.replace("type: integer", "type: number")
        .replace("maximum: 10   # no more\n", "maximum: 10   # no more\n    missing: true\n")
        .replace("      - b\n", "      - b\n      - z\n")
        .replace("  gone:\n    type: text # not long\n", "")
        .replace(
            "    unseen: refuse\n",
            '    unseen: refuse\n  new:\n    type: integer\n    unit: ""\n    meaning: ""\n'
            "    personal: false\n    missing: false\n",
        )
    )
    assert parse_contract(text, "x.yaml") == new
    assert list_changes(new, widen(new, checker.facts)) == []


def test_ranges_grow_to_what_was_seen_and_no_further() -> None:
    old = parse_contract(
        "key: id\ncolumns:\n  id: {type: text}\n  n: {type: number, minimum: 0, maximum: 9}\n"
        "  t: {type: time, zone: UTC, maximum: 2024-01-01}\n"
    )
    columns: dict[str, list[object]] = {
        "id": ["1", "2"],
        "n": ["1", "9.5"],
        "t": ["2023-01-01", "2024-05-01"],
    }
    seen = [Rule("id", "text"), Rule("n", "number"), Rule("t", "time")]
    new = widen(old, gather(loosen(old, seen), columns).facts)
    assert (new.by_name["n"].minimum, new.by_name["n"].maximum) == (0, 9.5)
    assert new.by_name["t"].maximum == "2024-05-01T00:00:00Z"


@pytest.mark.parametrize("text", [TEXT.replace("maximum: 10", "maximum: 11"), TEXT.replace("  n:", "  m:")])
def test_a_contract_that_changed_since_is_left_alone(text: str) -> None:
    with pytest.raises(
        DataError, match=r"must be as it was when the change was proposed.*n: maximum from 10 to 12"
    ):
        edit_contract(text, [Change("n", "maximum", 10, 12)], "x.yaml")


def test_line_ends_and_odd_names_are_kept() -> None:
    text = TEXT.replace("\n", "\r\n")
    rule = {"type": "number", "missing": False, "unit": "km"}
    new = edit_contract(text, [Change("a: b #1", "", None, rule)], "x.yaml")
    assert new.replace("\r\n", "").count("\n") == 0 and "# not long\r\n" in new
    assert parse_contract(new).by_name["a: b #1"] == Rule("a: b #1", "number", unit="km")


def test_columns_in_flow_style_are_changed_by_hand() -> None:
    with pytest.raises(DataError, match="Change it by hand: n: is new"):
        edit_contract(
            "key: id\ncolumns: {id: {type: text}}\n",
            [Change("n", "", None, {"type": "text", "missing": False})],
            "x",
        )
