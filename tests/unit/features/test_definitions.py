"""A definitions file is read whole or refused with every finding, each with its line."""

import hashlib
import math
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.fit import write_features
from toolkit.errors import FeatureError
from toolkit.features import Features, check_definitions, load_definitions, load_features
from toolkit.features.definitions import load_packaged, parse_definitions, run_definitions

GOOD = '''"""Features of flats."""

import math
from datetime import datetime
from typing import Optional

import numpy as np

from toolkit.features import category, feature

SCALE = 100


def halve(value):
    return value / 2


@feature(meaning="price of a square metre", unit="EUR/m2", owner="pricing")
def price_per_area(price: float, area: float | None) -> float | None:
    return price / area if area else None


city_code = category("city", rare=2, meaning="where it is")


@feature(meaning="hundreds of rooms", replaces=["rooms"])
def hundreds(rooms: "int") -> Optional[int]:
    return rooms * SCALE


@feature(meaning="sold in a morning")
def is_morning(sold_at: datetime) -> bool:
    return halve(sold_at.hour) < 6
'''
KINDS = {"price": "number", "area": "number", "city": "category", "rooms": "integer", "sold_at": "time"}


def test_functions_and_built_ins_come_in_the_file_s_order() -> None:
    found = parse_definitions(GOOD, "features/flats.py")
    assert [each.name for each in found] == ["price_per_area", "city_code", "hundreds", "is_morning"]
    first, city, hundreds, morning = found
    assert (first.maker, first.inputs, first.returns) == ("function", ("price", "area"), "number")
    assert (first.meaning, first.unit, first.owner) == ("price of a square metre", "EUR/m2", "pricing")
    assert first.params == {"takes": ["float", "float | None"]}
    assert (city.maker, city.inputs, city.claims, city.meaning) == (
        "category",
        ("city",),
        ("city",),
        "where it is",
    )
    assert (hundreds.claims, hundreds.returns, morning.returns) == (("rooms",), "integer", "boolean")
    assert {each.code for each in found} == {hashlib.sha256(GOOD.encode()).hexdigest()}
    assert [each.line for each in found] == [19, 23, 27, 32]
    check_definitions(found, KINDS, {})


def test_a_needed_value_that_is_missing_gives_missing_without_a_call() -> None:
    ratio, _, hundreds, morning = parse_definitions(GOOD)
    assert ratio.function is not None and hundreds.function is not None and morning.function is not None
    assert ratio.function(None, 4.0) is None
    assert ratio.function(8.0, 4.0) == 2.0
    assert ratio.function(8.0, None) is None  # the function's own answer
    assert hundreds.function(None) is None and hundreds.function(3) == 300
    assert morning.function(datetime(2026, 1, 1, 9)) is True


def test_a_column_of_integers_comes_as_float_where_the_function_says_so() -> None:
    source = (
        GOOD.partition("@feature")[0]
        + '@feature(meaning="x")\ndef kind(rooms: float) -> str:\n    return str(rooms)\n'
    )
    (kind,) = parse_definitions(source)
    features = Features.fit({"rooms": [3, 4, 3]}, {"rooms": "integer"}, [kind])
    assert (
        features.features[-1].state["categories"] == ["3.0", "4.0"] and features.row({"rooms": 3})[-1] == 0.0
    )


def test_a_file_gives_features_that_a_row_and_a_table_agree_on(tmp_path: Path) -> None:
    path = tmp_path / "definitions.py"
    path.write_text(GOOD, newline="")
    found = load_packaged(path, hashlib.sha256(GOOD.encode()).hexdigest())
    columns = {
        "price": [8.0, math.nan, 9.0, 1.0],
        "area": [4.0, 2.0, math.nan, 0.0],
        "city": ["a", "b", "a", None],
        "rooms": [1, 2, 3, 4],
        "sold_at": [
            "2026-01-01T09:00:00",
            "2026-01-01T13:00:00",
            "2026-01-02T11:59:59",
            "2026-01-02T12:00:00",
        ],
    }
    features = Features.fit(columns, KINDS, found)
    assert "rooms" not in features.names and "city" not in features.names and "area" in features.names
    matrix = features.matrix(columns)
    for index in range(4):
        row = features.row({name: values[index] for name, values in columns.items()})
        assert row.tobytes() == matrix[index].tobytes()
    assert not list(tmp_path.glob("__pycache__"))


def plain(body: str) -> str:
    return "from toolkit.features import category, feature\nfrom datetime import datetime\n\n" + body


WRONG = {
    "no annotation": (
        '@feature(meaning="m")\ndef f(price, area: float) -> float: ...',
        5,
        "'price' of feature 'f' must be",
    ),
    "no return": ('@feature(meaning="m")\ndef f(price: float): ...', 5, "must say what it returns"),
    "a list": ('@feature(meaning="m")\ndef f(price: list) -> float: ...', 5, "Got list instead"),
    "two types": ('@feature(meaning="m")\ndef f(price: int | float) -> float: ...', 5, "must be annotated"),
    "returns a time": (
        '@feature(meaning="m")\ndef f(price: float) -> datetime: ...',
        5,
        "Got datetime instead",
    ),
    "a default": (
        '@feature(meaning="m")\ndef f(price: float, area: float = 2.0) -> float: ...',
        5,
        "'area' has a default",
    ),
    "any number": ('@feature(meaning="m")\ndef f(*price: float) -> float: ...', 5, "'price' is no plain one"),
    "keyword only": (
        '@feature(meaning="m")\ndef f(*, price: float) -> float: ...',
        5,
        "'price' is no plain one",
    ),
    "no argument": ('@feature(meaning="m")\ndef f() -> float: ...', 5, "must take at least one column"),
    "unknown type": ('@feature(meaning="m")\ndef f(price: "decimal") -> float: ...', 5, "that is no type"),
    "no meaning": ("@feature()\ndef f(price: float) -> float: ...", 4, "must say what it means"),
    "bare": ("@feature\ndef f(price: float) -> float: ...", 4, "Write @feature(meaning="),
    "twice": ('x = category("city")\nx = category("city")', 5, "'x' is defined a second time"),
    "in a block": ('if True:\n    x = category("city")', 5, "'x' must be defined at the left margin"),
    "unnamed": ('category("city")', 4, "category(...) must be assigned to the feature's name"),
    "raises": ("TABLE = {}\nRATE = TABLE['EUR']", 5, "the file must run and does not. KeyError: 'EUR'"),
    "exits": ("import sys\nsys.exit(3)", 5, "the file must run and does not. SystemExit: 3"),
    "in a class": (
        'class A:\n    @feature(meaning="m")\n    def f(self, price: float) -> float: ...',
        6,
        "feature 'f' must be defined at the left margin",
    ),
    "in a table": (
        'TABLE = {"city": category("city")}',
        4,
        "'TABLE' holds features, which are overlooked there",
    ),
    "two at once": (
        'x, y = category("city"), category("town")',
        4,
        "feature 'x' must be defined at the left",
    ),
    "overwritten": (
        '@feature(meaning="m")\ndef f(price: float) -> float: ...\nf = 3',
        5,
        "feature 'f' is overwritten or removed further below",
    ),
    "a class": (
        '@feature(meaning="m")\nclass A: ...',
        4,
        "above a function that returns a row's value. It is the class",
    ),
    "async": (
        '@feature(meaning="m")\nasync def f(price: float) -> float: ...',
        4,
        "It is 'f', which is async: leave that word out",
    ),
    "yields": (
        '@feature(meaning="m")\ndef f(price: float) -> float:\n    yield price',
        4,
        "It is 'f', which yields: use return",
    ),
    "parts are no list": (
        'x = category("city")\nfrom toolkit.features import dates\ny = dates("at", parts="hour")',
        6,
        'parts must be a list, each once, such as ["hour", "weekday"]. Got \'hour\'',
    ),
    "too many columns": (
        'from toolkit.features import text_hash\nx = text_hash("note", buckets=10**9)',
        5,
        "buckets must be a whole number from 1 to 10,000. Got 1000000000",
    ),
    "bad span": (
        'from toolkit.features import tfidf\nx = tfidf("note", ngrams=2)',
        5,
        "ngrams must be the fewest and",
    ),
    "bad option": ('x = category("city", rare=-1)', 4, "rare must be a whole number from 0 on. Got -1"),
    "pandas": ("import pandas as pd", 4, "Got 'pandas'"),
    "in a function": (
        "def helper():\n    from sklearn.linear_model import Ridge",
        5,
        "Got 'sklearn.linear_model'",
    ),
    "own module": ("from toolkit import data", 4, "Got 'toolkit.data'"),
    "relative": ("from . import other", 4, "Got '.'"),
    "salted hash": ("def helper(text):\n    return hash(text) % 8", 5, "differs in every process"),
    "clock of time": ("import time", 4, "time gives another value every time"),
    "chance": ("from random import random", 4, "random gives another value every time"),
    "clock": ("AGE = datetime.now()", 4, "now() gives another value every time"),
    "no Python": ("def f(:", 4, "the file must be Python. invalid syntax"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_a_feature_is_refused_with_its_line(case: str) -> None:
    body, line, message = WRONG[case]
    with pytest.raises(FeatureError) as caught:
        parse_definitions(plain(body), "features/x.py")
    assert f"features/x.py:{line}: " in str(caught.value)
    assert message in str(caught.value)


def test_all_findings_come_at_once() -> None:
    body = '@feature(meaning="m")\ndef f(price, area=1): ...\n\n@feature(meaning="m")\ndef g() -> float: ...'
    with pytest.raises(FeatureError) as caught:
        parse_definitions(plain(body), "x.py")
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["x.py:5"] * 3 + ["x.py:8"]


UNFIT = {
    "unknown": (
        "prise: float",
        "'prise', which must be a column of the table and is not. Did you mean 'price'?",
    ),
    "label": ("label: str", "'label', which is the label: no request to the service has it"),
    "key": ("row_id: str", "'row_id', which is the key"),
    "excluded": ("agent: str", "'agent', which is excluded (collect.exclude)"),
    "kind": ("city: float", "'city' as float, and the column is category. Annotate it with str"),
    "kind of none": (
        "price: int | None",
        "'price' as int | None, and the column is number. Annotate it with float",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_column_that_requests_will_not_have_is_refused(case: str) -> None:
    argument, message = UNFIT[case]
    found = parse_definitions(
        plain(f'@feature(meaning="m")\ndef f({argument}) -> float: ...'), "features/x.py"
    )
    others = {"label": "the label", "row_id": "the key", "agent": "excluded (collect.exclude)"}
    with pytest.raises(FeatureError) as caught:
        check_definitions(found, KINDS, others)
    assert str(caught.value).startswith("features/x.py:5: feature 'f' ")
    assert message in str(caught.value)


def test_a_column_s_name_is_for_its_own_built_in_alone() -> None:
    check_definitions(parse_definitions(plain('city = category("city", rare=3)')), KINDS)
    for body in ('price = category("city")', '@feature(meaning="m")\ndef price(area: float) -> float: ...'):
        with pytest.raises(FeatureError, match="'price' has the name of a column of the table"):
            check_definitions(parse_definitions(plain(body)), KINDS)


def test_a_function_that_fails_says_where_and_for_which_row() -> None:
    (ratio,) = parse_definitions(
        plain(
            '@feature(meaning="m")\ndef ratio(price: float, area: float) -> float:\n    return price / area'
        ),
        "x.py",
    )
    columns = {"price": [1.0, 3.0], "area": [1.0, 0.0]}
    with pytest.raises(FeatureError) as caught:
        Features.fit(columns, {"price": "number", "area": "number"}, [ratio])
    assert str(caught.value).startswith(
        "x.py:5: row 2: feature 'ratio' must give a value, or None for missing"
    )
    assert "For price=3.0, area=0.0 it raised ZeroDivisionError in line 6: float division" in str(
        caught.value
    )


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        FeatureError, match=r"features/a.py must be a Python file .* Check prepare.definitions"
    ):
        load_definitions(tmp_path / "a.py", "features/a.py")
    (tmp_path / "b.py").write_bytes(b"x = '\xff'")
    with pytest.raises(FeatureError, match=r"features/b\.py must be UTF-8 text"):
        load_definitions(tmp_path / "b.py", "features/b.py")


def test_packaged_definitions_must_be_those_that_were_fitted(tmp_path: Path) -> None:
    path = tmp_path / "definitions.py"
    with pytest.raises(FeatureError, match=r"must stand beside features\.json"):
        load_packaged(path, "0" * 64)
    path.write_text(GOOD.replace("SCALE = 100", "SCALE = 101"))
    with pytest.raises(
        FeatureError, match=r"must be the file that features.json was fitted with.*was changed since"
    ):
        load_packaged(path, hashlib.sha256(GOOD.encode()).hexdigest())


def test_a_cell_may_use_the_file_s_names_but_not_lose_its_own() -> None:
    known = run_definitions(GOOD, "features/flats.py")
    (found,) = parse_definitions(
        '@feature(meaning="m")\ndef tens(rooms: int) -> float:\n    return halve(rooms) / SCALE\n',
        known=known,
    )
    assert found.function is not None and found.function(100) == 0.5


@given(st.text(max_size=60))
def test_any_text_is_definitions_or_one_clear_error(text: str) -> None:
    try:
        parse_definitions("# " + text.replace("\n", "\n# ").replace("\r", "\n# "), "x.py")
        parse_definitions(repr(text), "x.py")
    except FeatureError as error:
        assert str(error).startswith("x.py:")


def test_the_loader_needs_python_and_numpy_alone() -> None:
    code = (
        "import sys, toolkit.features.definitions; "
        "print([m for m in ('pandas', 'pyarrow', 'sklearn', 'pydantic', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


ODD = {"Unit price (EUR)": "number", "2nd": "integer", "class": "category", "area": "number"}


def test_a_column_whose_name_is_no_argument_s_is_given_by_columns() -> None:
    body = (
        '@feature(meaning="m", columns={"price": "Unit price (EUR)", "second": "2nd", "kind": "class"})\n'
        "def f(price: float, area: float, second: int, kind: str | None) -> float:\n"
        "    return price / area + second + len(kind or '')"
    )
    found = parse_definitions(plain(body), "features/x.py")
    assert found[0].inputs == ("Unit price (EUR)", "area", "2nd", "class")
    check_definitions(found, ODD)
    columns = {"Unit price (EUR)": [8.0, 4.0], "2nd": [1, 2], "class": ["a", None], "area": [4.0, 2.0]}
    features = Features.fit(columns, ODD, found)
    assert features.matrix(columns)[:, -1].tolist() == [4.0, 4.0]
    row = {name: values[0] for name, values in columns.items()}
    again = Features.from_dict(features.to_dict(), found)
    assert again.row(row)[-1] == 4.0 and again.to_dict()["features"][-1]["inputs"] == list(found[0].inputs)
    with pytest.raises(
        FeatureError, match=r"'Unit price \(EUR\)'=1.0, area=0.0, '2nd'=1, class='a' it raised"
    ):
        features.row(row | {"Unit price (EUR)": 1.0, "area": 0.0})


WRONG_COLUMNS = {
    "no argument": (
        {"prise": "2nd"},
        5,
        "'f' has no argument 'prise', which columns gives a column to. Did you",
    ),
    "one column twice": (
        {"price": "area"},
        5,
        "arguments 'price' and 'area' of feature 'f' must stand for two",
    ),
    "no text": ({"price": 2}, 4, "columns must give the column's name by argument, such as"),
    "a list": (["2nd"], 4, "columns must give the column's name by argument, such as"),
}


@pytest.mark.parametrize("case", WRONG_COLUMNS)
def test_columns_must_name_arguments_and_columns(case: str) -> None:
    columns, line, message = WRONG_COLUMNS[case]
    with pytest.raises(FeatureError) as caught:
        parse_definitions(
            plain(
                f'@feature(meaning="m", columns={columns})\ndef f(price: float, area: float) -> float: ...'
            ),
            "x.py",
        )
    assert f"x.py:{line}: " in str(caught.value) and message in str(caught.value)


def test_an_argument_that_is_nearly_a_column_s_name_is_told_how_to_name_it() -> None:
    (found,) = parse_definitions(
        plain('@feature(meaning="m")\ndef f(unit_price_eur: float) -> float: ...'), "x.py"
    )
    with pytest.raises(FeatureError) as caught:
        check_definitions([found], ODD)
    assert (
        """Is it 'Unit price (EUR)'? Write @feature(..., columns={"unit_price_eur": "Unit price (EUR)"})"""
        in str(caught.value)
    )


UNFITTED = {
    "a text": (
        'x = mean_by("city", "city")',
        "feature 'x' must have a column of number or integer or boolean there. Got 'city', which is category",
    ),
    "no column": (
        'x = mean_by("prise", "city")',
        "feature 'x' takes 'prise', which must be a column of the table",
    ),
    "a part": ('x = dates("sold_at", parts=["age"])', "feature 'x': parts must be among"),
    "a zone": ('x = dates("sold_at", zone="Europe/Rome")', "feature 'x': zone must be left out"),
}


@pytest.mark.parametrize("case", UNFITTED)
def test_a_built_in_that_cannot_be_fitted_is_told_with_its_line(case: str) -> None:
    body, message = UNFITTED[case]
    found = parse_definitions("from toolkit.features import *\n\n" + body, "features/x.py")
    columns = {"price": [1.0], "area": [1.0], "city": ["a"], "rooms": [1], "sold_at": ["2026-01-01T00:00:00"]}
    with pytest.raises(FeatureError) as caught:
        Features.fit(columns, KINDS, found)
    assert str(caught.value).startswith("features/x.py:3: feature 'x'")
    assert message in str(caught.value)


def test_what_is_said_of_a_built_in_is_checked() -> None:
    for body, message in {
        'category("city", replaces="city")': r'replaces must be a list of columns, such as \["rooms"\]. Got',
        'category("city", unit=3)': "unit must be a text. Got 3 instead",
        'category(["city"])': "takes names of columns, as texts. Got .'city'",
    }.items():
        with pytest.raises(FeatureError, match=rf"x\.py:4: .*{message}"):
            parse_definitions(plain(f"x = {body}"), "x.py")


@pytest.mark.parametrize("call", ["at.timestamp()", "at.astimezone(UTC).hour"])
def test_a_time_without_offset_is_not_read_by_the_machine_s_clock(call: str) -> None:
    body = f'from datetime import UTC\n@feature(meaning="m")\ndef f(at: datetime) -> float:\n    return float({call})'
    found = parse_definitions(plain(body), "x.py")
    columns = {"at": ["2026-01-01T00:00:00"]}
    with pytest.raises(
        FeatureError, match=r"x\.py:6: feature 'f' takes 'at', whose times have no offset: timestamp\(\)"
    ):
        Features.fit(columns, {"at": "time"}, found)
    zoned = Features.fit({"at": ["2026-01-01T00:00:00Z"]}, {"at": "time"}, found, ["at"])
    assert zoned.matrix({"at": ["2026-01-01T00:00:00Z"]})[0, -1] in (1767225600.0, 0.0)


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_line_ends_and_marks_of_other_editors_are_taken(change: Any, tmp_path: Path) -> None:
    source, folder = tmp_path / "x.py", tmp_path / "prepared"
    source.write_bytes(
        change(plain('@feature(meaning="m")\ndef f(a: float) -> float:\n    return a')).encode()
    )
    folder.mkdir()
    features = Features.fit({"a": [1.0, 2.0]}, {"a": "number"}, load_definitions(source, "x.py"))
    write_features(folder, features, source)
    assert load_features(folder / "features.json").row({"a": 2.0}).tolist() == [2.0, 2.0]
    assert (folder / "definitions.py").read_bytes() == source.read_bytes()
