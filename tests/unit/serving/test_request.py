import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import RequestError, suggest
from toolkit.serving import faults
from toolkit.serving.faults import MAX_FINDINGS
from toolkit.serving.request import parse_request
from toolkit.serving.rules import parse_rules
from toolkit.serving.wanted import Wanted

INPUTS = {"size": "number", "count": "integer", "open": "boolean", "city": "category"}
ROW = {"size": 1.5, "count": 3, "open": True, "city": "Oslo: old town"}
WANTED = Wanted(INPUTS)


def refuse(body, max_rows=1000):
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    with pytest.raises(RequestError) as caught:
        parse_request(body, WANTED, max_rows)
    return caught.value


def places(error):
    return [(finding["row"], finding["feature"]) for finding in error.findings]


def test_one_object_is_one_row():
    rows = parse_request(json.dumps(ROW).encode(), WANTED)
    assert rows.single
    assert rows.columns == {name: [value] for name, value in ROW.items()}


@pytest.mark.parametrize("body", [[ROW, ROW], {"rows": [ROW, ROW]}])
def test_a_list_is_many_rows(body):
    rows = parse_request(json.dumps(body).encode(), WANTED)
    assert not rows.single
    assert rows.count == 2
    assert rows.columns["city"] == ["Oslo: old town"] * 2


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("size", "3", "a number. Got the text '3'. Send it without quotes"),
        ("size", True, "a number. Got true"),
        ("size", [1], "a number. Got a list"),
        ("size", {"a": 1}, "a number. Got an object"),
        ("size", None, "Got null. It had no missing values in training"),
        ("count", 3.5, "a whole number. Got 3.5"),
        ("count", False, "a whole number. Got false"),
        ("open", 1, "true or false. Got 1"),
        ("open", "true", "true or false. Got the text 'true'"),
        ("city", 7, "a text. Got 7"),
    ],
)
def test_a_wrong_type_names_row_feature_and_value(feature, value, words):
    error = refuse([ROW, {**ROW, feature: value}])
    assert error.status == 400
    assert f"row 1: feature '{feature}' must be {words}" in str(error) or words in str(error)
    assert places(error) == [(1, feature)]


@pytest.mark.parametrize(
    ("text", "why"),
    [(each, "JSON does not have") for each in ("NaN", "Infinity", "-Infinity")]
    + [(each, "beyond any 64-bit float") for each in ("1e999", "-1e400", "9" * 400)],
)
def test_a_number_that_cannot_be_taken_is_named(text, why):
    body = json.dumps([ROW, {**ROW, "size": 0.125}]).replace("0.125", text)
    error = refuse(body)
    assert (error.status, error.kind) == (400, "not_json")
    assert places(error) == [(1, "size")]
    assert f"Got {text[:40]}, which" in str(error) and why in str(error)


def test_null_passes_where_training_had_missing_values():
    body = json.dumps({**ROW, "size": None}).encode()
    assert parse_request(body, Wanted(INPUTS, frozenset({"size"}))).columns["size"] == [None]


def test_a_missing_and_an_unknown_feature_are_named_with_the_nearest_name():
    row = dict(ROW)
    row["sise"] = row.pop("size")
    error = refuse(row)
    assert places(error) == [(0, "sise"), (0, "size")]
    assert "Did you mean 'size'?" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        '{"size": 1, "size": 2, "count": 3, "open": true, "city": "x"}',
        '{"size": 1, "count": 3, "open": true, "city": "x", "s\\u0069ze": 2}',
        '{"size": 1, "size": 2, "count": 3, "open": true, "city": "a\\u003ab"}',
    ],
)
def test_a_feature_given_twice_is_named(body):
    assert places(refuse(body)) == [(0, "size")]
    assert places(refuse(f'{{"rows": [{json.dumps(ROW)}, {body}]}}')) == [(1, "size")]


def test_an_option_beside_rows_is_an_error_unless_it_is_taken():
    body = json.dumps({"rows": [ROW], "top": 3}).encode()
    assert "Got 'top' beside it" in str(refuse(body))
    assert parse_request(body, WANTED, takes_top=True).top == 3
    with pytest.raises(RequestError, match="'top' must be given once"):
        parse_request(body[:-1] + b', "top": 4}', WANTED, takes_top=True)


def test_rows_given_twice_is_an_error():
    assert "once" in str(refuse(f'{{"rows": [{json.dumps(ROW)}], "rows": [{json.dumps(ROW)}]}}'))


@pytest.mark.parametrize("form", ["%s", "[%s]", '{"rows": [%s]}'])
@pytest.mark.parametrize("first", ['"x"', '{"a": 1}', '[{"a": 1}, {"a": 2}]', "null"])
def test_a_feature_given_twice_is_told_whatever_the_first_value_was(form: str, first: str):
    row = json.dumps(ROW)
    error = refuse(form % f'{{"size": {first}, {row[1:]}')
    assert places(error) == [(0, "size")]
    assert str(error) == "row 0: feature 'size' is given more than once."


@pytest.mark.parametrize("form", ["[%s, %s]", '{"rows": [%s, %s]}'])
def test_of_several_rows_the_one_that_gives_a_feature_twice_is_named(form: str):
    row = json.dumps(ROW)
    assert places(refuse(form % (row, f'{{"size": {{"a": {{}}}}, {row[1:]}'))) == [(1, "size")]


def test_a_first_value_that_is_too_deep_is_told():
    row, deep = json.dumps(ROW), "[" * 1000 + "]" * 1000
    assert "once" in str(refuse(f'{{"size": {deep}, {row[1:]}'))


def test_all_findings_come_at_once_up_to_a_limit():
    error = refuse([{"size": "x"}] * 500)
    assert len(error.findings) == MAX_FINDINGS
    assert len(refuse({**ROW, "size": "x", "open": 1}).findings) == 2


def test_an_unknown_feature_hides_no_wrong_value_and_no_other_row():
    first = {**ROW, "size": "3", "bogus": 1}
    second = {name: value for name, value in ROW.items() if name != "count"} | {"open": 1}
    error = refuse([ROW, first, second, "x"])
    assert places(error) == [(1, "size"), (1, "bogus"), (2, "open"), (2, "count"), (3, None)]


def refuse_wide(body):
    """Refuse a request for a model of more features than findings are shown."""
    with pytest.raises(RequestError) as caught:
        parse_request(json.dumps(body).encode(), Wanted({f"x{number}": "number" for number in range(30)}))
    return caught.value


def test_what_was_sent_wrong_is_told_before_what_is_missing():
    error = refuse_wide({"x7": "large"})
    assert str(error) == "row 0: feature 'x7' must be a number. Got the text 'large'. (and many more)"
    assert places(error) == [(0, f"x{number}") for number in (7, *range(7), *range(8, 20))]
    assert error.features == {f"x{number}" for number in range(30)}
    error = refuse_wide({"y": 1})
    assert "'y' is not a feature of the model" in str(error) and len(error.findings) == MAX_FINDINGS


def test_a_wrong_value_is_told_however_many_rows_before_it_lack_features():
    error = refuse_wide([{"x1": 1}] * 200 + [{"x1": 1, "x3": "large"}])
    assert (200, "x3") in places(error) and len(error.findings) == MAX_FINDINGS
    error = refuse_wide([{"x1": 1}] * 200 + [{"x1": 1, "y": 1}])
    assert (200, "y") in places(error)


def test_names_that_may_be_meant_are_looked_for_within_bounds(monkeypatch):
    """A comparison costs some 20 microseconds, and other requests wait for it."""
    compared = []

    def count(name, valid):
        compared.append(len(valid))
        return suggest(name, valid)

    monkeypatch.setattr(faults, "suggest", count)
    wanted = Wanted({f"feature_{number}": "number" for number in range(1000)})
    with pytest.raises(RequestError, match="Did you mean 'feature_0'") as caught:
        parse_request(json.dumps([{f"featur_{number}": 1} for number in range(1000)]).encode(), wanted)
    assert len(caught.value.findings) == MAX_FINDINGS and sum(compared) <= faults.MAX_COMPARED
    compared.clear()
    names = [f"city_{number}" for number in range(400)]
    columns = [{"name": name, "type": "category", "allowed": names} for name in ("from", "to")]
    wanted = Wanted(
        dict.fromkeys(("from", "to"), "category"), rules=parse_rules({"schema": 1, "columns": columns})
    )
    with pytest.raises(RequestError, match="Did you mean 'city_1'") as caught:
        parse_request(json.dumps([{"from": "cyty_1", "to": "cyty_2"}] * 1000).encode(), wanted)
    assert sum(compared) == faults.MAX_COMPARED
    assert {*caught.value.findings[-1]} == {"message", "row", "feature"}


def test_what_is_missing_of_many_rows_is_looked_for_until_there_is_enough_to_show():
    assert {row for row, _ in places(refuse_wide([{"x1": 1}] * 200))} == {0}


def test_too_many_rows_is_413_and_says_how_many_are_allowed():
    error = refuse([ROW] * 4, max_rows=3)
    assert (error.status, error.kind) == (413, "too_many_rows")
    assert "3 rows at most. Got 4" in str(error)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'"\xff"', "0xff at line 1 column 2"),
        (b'{\n"city":\n "M\xc3\xbc\xfcnchen"}', "0xfc at line 3 column 5"),
    ],
)
def test_text_that_is_not_utf_8_is_told_with_its_place(body, place):
    error = refuse(body)
    assert error.kind == "not_json"
    assert f"the byte {place} is not UTF-8" in str(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b"[]", "empty"),
        (b'{"rows": []}', "empty"),
        (b"{", "not_json"),
        (b'{"size": 1} {}', "not_json"),
        (b'"\xff"', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"size":' * 100_000, "not_json"),
        (b"3", "invalid"),
        (b"null", "invalid"),
        (b'"text"', "invalid"),
        (b"[[1, 2]]", "invalid"),
        (b'{"rows": [{}], "more": 1}', "invalid"),
    ],
)
def test_other_bodies_are_refused(body, kind):
    error = refuse(body)
    assert (error.status, error.kind) == (400, kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*INPUTS, "rows", "x"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_gives_rows_or_a_refusal(value):
    body = json.dumps(value).encode()
    try:
        rows = parse_request(body, WANTED)
    except RequestError as error:
        assert 400 <= error.status < 500
    else:
        assert rows.count >= 1


@given(st.binary(max_size=60))
def test_any_bytes_give_rows_or_a_refusal(body):
    try:
        parse_request(body, WANTED)
    except RequestError as error:
        assert 400 <= error.status < 500


@given(
    st.lists(st.text(max_size=3).map(lambda text: {**ROW, "city": text}), min_size=1, max_size=3),
    st.booleans(),
)
def test_valid_rows_pass_whatever_their_texts_hold(rows, ascii_only):
    body = json.dumps(rows, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if any("\ud800" <= letter <= "\udfff" for row in rows for letter in row["city"]):
        return
    assert parse_request(body, WANTED).columns["city"] == [row["city"] for row in rows]


@pytest.mark.parametrize("depth", [900, 1010])
def test_a_value_nested_as_deep_as_json_may_be_is_refused(depth):
    value = "[" * depth + '{"a": 1}' + "]" * depth
    error = refuse(json.dumps(ROW).replace("1.5", value))
    assert places(error) == [(0, "size")]
