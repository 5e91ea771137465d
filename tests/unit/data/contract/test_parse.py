"""A contract's file says all, and each mistake in it is told with its line."""

import pytest

from toolkit.data.contract.parse import compare_key, load_contract, parse_contract
from toolkit.errors import DataError

GOOD = """\
# a comment
key: id
columns:
  id: {type: text}
  "1": {type: integer, unit: years, minimum: 0, maximum: 120, missing: true, personal: true}
  size: {type: number, minimum: -1.5}
  plan:
    type: category
    categories: [basic, "1", "yes"]
    unseen: refuse
  seen: {type: time, zone: Europe/Berlin, minimum: 2015-01-01, maximum: 2030-01-01T10:00:00}
  day: {type: time, format: "%d/%m/%Y"}
"""


def find(text: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        parse_contract(text, "schemas/x.yaml")
    return str(caught.value).splitlines()


def test_a_contract_is_read() -> None:
    contract = parse_contract(GOOD)
    rules = contract.by_name
    assert contract.key == "id" and list(rules) == ["id", "1", "size", "plan", "seen", "day"]
    assert (rules["1"].minimum, rules["1"].maximum, rules["1"].missing, rules["1"].personal) == (
        0,
        120,
        True,
        True,
    )
    assert rules["plan"].categories == ("basic", "1", "yes") and rules["plan"].unseen == "refuse"
    assert (rules["seen"].minimum, rules["seen"].maximum) == ("2015-01-01", "2030-01-01T10:00:00")
    assert not rules["size"].missing and rules["size"].maximum is None


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("type: text", "type: string", 4, "id.type: must be one of number, integer"),
        ("type: text", "type: string", 4, "Did you mean 'text'?"),
        ("type: number", "type: numbr", 6, "size.type: must be one of"),
        ("type: number", "type: numbr", 6, "Did you mean 'number'?"),
        (
            "{type: text}",
            "{}",
            4,
            "id.type: must be one of number, integer, boolean, category, text, time. Got nothing",
        ),
        ("{type: text}", "text", 4, "id: must be a mapping with at least 'type'. Got 'text' instead."),
        ("unit: years", "units: years", 5, "1.units: unknown key. Did you mean 'unit'?"),
        ("minimum: 0", "minimum: low", 5, "1.minimum: must be a finite number. Got 'low' instead."),
        ("minimum: 0,", "min: 0,", 5, "Did you mean 'minimum'?"),
        ("minimum: -1.5", "minimum: 1" + "0" * 400, 6, "size.minimum: must be a finite number"),
        (
            '"%d/%m/%Y"',
            '"%d/%m/%Y", maximum: 2030-01-01T00:00Z',
            12,
            "day.maximum: must be without an offset",
        ),
        ('"%d/%m/%Y"', '"%d/%m"', 12, "day.format: must be how the times are written, with the year"),
        ('"%d/%m/%Y"', '"%d/%m/%Y %H:%M%z"', 12, "without %f and %z"),
        ('"%d/%m/%Y"', '"%d/%m/%Y %H:%M:%S.%f"', 12, "without %f and %z"),
        ("minimum: 0", "minimum: 0.5", 5, "1.minimum: must be a whole number within"),
        ("minimum: 0", "minimum: 130", 5, "1.minimum: must not be above the maximum, 120. Got 130 instead."),
        ("minimum: -1.5", "minimum: .nan", 6, "size.minimum: must be a finite number"),
        ("minimum: -1.5", "minimum: true", 6, "size.minimum: must be a finite number. Got True"),
        ("missing: true", "missing: yes", 5, "1.missing: must be true or false. Got 'yes' instead."),
        ('"1", "yes"]', "1]", 9, "plan.categories: must be a list of texts; quote what looks like a number"),
        ('"1", "yes"]', "basic]", 9, "plan.categories: must be a list that names each category once"),
        ("unseen: refuse", "unseen: no", 10, "plan.unseen: must be allow or refuse"),
        ('[basic, "1", "yes"]', "[]", 10, "plan.unseen: must be 'allow' where no categories are listed"),
        ("Europe/Berlin", "Europe/Berlyn", 11, "seen.zone: must be the IANA name of a time zone"),
        ("2015-01-01", "soon", 11, "seen.minimum: must be a time in ISO 8601"),
        ("zone: Europe/Berlin", "unit: h", 11, "seen.unit: must be there only for number or integer."),
        ('"%d/%m/%Y"', "dd", 12, "day.format: must be how the times are written"),
        ("key: id", "key: ident", 2, "key: must be one of the columns. Got 'ident'."),
        ("key: id", "key: size", 6, "size.type: must be text for the key"),
        ("key: id", "keys: id", 2, "keys: unknown key. Did you mean 'key'?"),
        ("key: id", "keys: id", 1, "key: must name the column that names a row. Got nothing"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    lines = find(GOOD.replace(old, new, 1))
    assert any(found.startswith(f"schemas/x.yaml:{line}: ") and words in found for found in lines), lines


def test_all_mistakes_are_told_at_once_in_order() -> None:
    lines = find(
        GOOD.replace("type: number", "type: x")
        .replace("zone: ", "zone: x")
        .replace("%d", "d")
        .replace("%m", "m")
        .replace("%Y", "Y")
    )
    assert [line.split(": ")[0] for line in lines] == [f"schemas/x.yaml:{n}" for n in (6, 11, 12)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "columns: must be a mapping from column to its rule. Got nothing"),
        ("[]", "must be a mapping with 'key' and 'columns'"),
        ("key: id\ncolumns: []\n", "columns: must be a mapping from column to its rule"),
        ("key: [", "must be YAML"),
        ("key: id\ncolumns:\n  id: {type: text}\n  id: {type: text}\n", "appears twice, first in line 3"),
        ("key: id\ncolumns: &a\n  id: *a\n", "nested in itself nowhere"),
    ],
)
def test_what_is_no_contract_is_refused(text: str, words: str) -> None:
    assert words in "\n".join(find(text))


def test_an_unreadable_file_is_named(tmp_path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"key: \xff")
    with pytest.raises(DataError, match=r"x\.yaml must be readable UTF-8 text"):
        load_contract(path)


def test_ends_of_times_are_compared_as_moments() -> None:
    assert compare_key("2024-01-01T00:30:00", "Europe/Berlin") < compare_key(
        "2024-01-01T00:00:00+00:00", "Europe/Berlin"
    )
    assert compare_key("2024-01-01", "") < compare_key("2024-01-01T00:30:00", "")
