"""Every form of a request gives the numbers of a batch, to the last bit, whatever makes the features."""

import asyncio
import dataclasses
import importlib.util
import io
import json
from datetime import datetime
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.columns import as_array
from toolkit.features import Features
from toolkit.serving.booster import Booster
from toolkit.serving.model import load_model
from toolkit.serving.rules import NO_RULES
from toolkit.serving.tables import ARROW, FORMS

ROOT = Path(__file__).parents[3]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load("fuzz_requests_of_forms", ROOT / "benchmarks" / "fuzz_requests.py")
mixed = load("mixed_of_forms", ROOT / "tests" / "unit" / "features" / "mixed.py")
TYPES = {
    "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "category": pa.string(), "text": pa.string(),
}  # fmt: skip


def make_table(rows):
    """Make the Arrow table that a pipeline would have of rows."""
    columns = {}
    for name, kind in mixed.KINDS.items():
        values = [row[name] for row in rows]
        if kind == "time":
            zone = "UTC" if name in mixed.ZONED else None
            values = [None if value is None else datetime.fromisoformat(value) for value in values]
            columns[name] = pa.array(values, pa.timestamp("us", zone))
        else:
            columns[name] = pa.array(values, TYPES[kind])
    return pa.table(columns)


@pytest.fixture(scope="module")
def service(make_packaged):
    """Serve a regression over features of every maker."""
    columns = mixed.as_columns(mixed.make_rows(2000, seed=1))
    features = Features.fit(columns, mixed.KINDS, mixed.make_definitions(), mixed.ZONED)
    matrix = features.matrix(columns)
    target = np.nan_to_num(columns["amount"]).clip(-10, 100) + np.random.default_rng(1).normal(
        size=len(matrix)
    )
    options = {"objective": "regression", "verbose": -1, "num_leaves": 31, "seed": 1, "num_threads": 1}
    data = lightgbm.Dataset(matrix, target, categorical_feature=list(features.categorical))
    text = lightgbm.train(options, data, 40).model_to_string()
    packaged = load_model(make_packaged("regression").folder, threads=1)
    booster = Booster(text.encode(), 1)
    found = bench.Service(dataclasses.replace(packaged, features=features, booster=booster, rules=NO_RULES))
    found.waiting.add = lambda answered: [list(answered.rows), answered.columns]
    found.waiting.add_one = lambda one: one.row
    yield found
    found.close()


@pytest.fixture(scope="module")
def rows(service):
    """Give rows, half of them with what training has not seen, that every form can hold."""
    found = mixed.make_rows(150, seed=2) + mixed.make_rows(150, seed=3, unseen=True)
    nullable = service.model.nullable
    return [row for row in found if all(value is not None or name in nullable for name, value in row.items())]


def ask(service, body, form=bench.JSON, **headers):
    status, media_type, content = asyncio.run(
        service.ask("/predict", body, {"content-type": form, **headers})
    )
    assert status == 200, content[:2000]
    if media_type == ARROW:
        return pa.ipc.open_stream(content).read_all()["value"].to_pylist()
    answer = json.loads(content)
    return [each["value"] for each in answer.get("predictions", [answer])]


def test_all_forms_give_what_a_batch_gives(service, rows):
    table = make_table(rows)
    batch = service.model.predict({name: as_array(table[name]) for name in table.column_names}).values
    assert len(set(batch.tolist())) > 100
    names = list(reversed(rows[0]))
    compact = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
    for body in (rows, {"rows": rows}, compact):
        assert ask(service, json.dumps(body).encode()) == batch.tolist()
    assert ask(service, json.dumps(compact).encode(), accept=ARROW) == batch.tolist()
    for row, value in zip(rows[::10], batch.tolist()[::10], strict=True):
        assert ask(service, json.dumps(row).encode()) == [value]
        one = json.dumps({"columns": list(row), "data": [list(row.values())]}).encode()
        assert ask(service, one) == [value]
    encoded = [table[name].dictionary_encode() if name in ("plan", "note") else table[name] for name in names]
    for form in FORMS:
        for sent in (table, pa.table(encoded, names=names)):
            assert ask(service, write(sent, form), form) == batch.tolist()
            assert ask(service, write(sent, form), form, accept=ARROW) == batch.tolist()
    assert ask(service, write(table.slice(5, 1), ARROW), ARROW) == batch.tolist()[5:6]


def write(table, form):
    sink = io.BytesIO()
    if FORMS[form] == "parquet":
        pq.write_table(table, sink)
    else:
        with (pa.ipc.new_stream if form == ARROW else pa.ipc.new_file)(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=64)
    return sink.getvalue()


BAD = {
    "NaN": '{"amount": NaN}',
    "infinity": '{"amount": Infinity}',
    "beyond float64": '{"amount": 1e400}',
    "a huge integer": f'{{"items": {"9" * 400}}}',
    "a part of a whole number": '{"items": 9.5}',
    "true for a number": '{"amount": true}',
    "a text for a number": '{"amount": "3"}',
    "a number for a text": '{"plan": 3}',
    "a number for a boolean": '{"member": 1}',
    "a list for a number": '{"amount": [1]}',
    "an object for a number": '{"amount": {"a": 1}}',
    "deep nesting": '{"amount": ' + "[" * 500 + "]" * 500 + "}",
    "an extra key": '{"extra": 1}',
    "a day that is none": '{"at": "2026-02-30T00:00:00Z"}',
    "a time without its offset": '{"at": "2026-01-30T00:00:00"}',
}


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_a_bad_value_is_refused_in_every_form_of_json(service, rows, fault, path):
    name, value = parse_bad(fault)
    row = {key: json.dumps(each) for key, each in rows[0].items()} | {name: value}
    good = {key: json.dumps(each) for key, each in rows[0].items()}
    names = json.dumps([*row])

    def join(values):
        return "{" + ", ".join(f'"{key}": {each}' for key, each in values.items()) + "}"

    forms = {
        "one": join(row),
        "list": f"[{join(good)}, {join(row)}]",
        "rows": f'{{"rows": [{join(good)}, {join(row)}]}}',
        "columns": f'{{"columns": {names}, "data": [[{", ".join(row.values())}]]}}',
    }
    for form, body in forms.items():
        status, _, content = asyncio.run(service.ask(path, body.encode(), {"content-type": bench.JSON}))
        error = bench.parse_strictly(content)["error"]
        assert status == error["status"] == 400, (form, content)
        found = {finding["feature"] for finding in error["findings"]}
        assert name in found, (form, content)
        if form in ("list", "rows"):
            assert error["row"] == 1, (form, content)


def parse_bad(fault):
    """Give the name and the text of a bad value."""
    name, _, value = BAD[fault][1:-1].partition(": ")
    return name.strip('"'), value


@pytest.mark.parametrize(
    ("body", "form", "status", "kind"),
    [
        (b'{"amount": "\xff"}', bench.JSON, 400, "not_json"),
        (b"[]", bench.JSON, 400, "empty"),
        (b'{"rows": []}', bench.JSON, 400, "empty"),
        (b"", bench.JSON, 400, "empty"),
        (b"", ARROW, 400, "empty"),
        (b"{}", "text/csv", 415, "content_type"),
        (b"[1, 2", bench.JSON, 400, "not_json"),
        (b"[" * 100_000, bench.JSON, 400, "not_json"),
        (b"{}", ARROW, 400, "not_a_table"),
    ],
)
def test_a_bad_body_is_refused(service, body, form, status, kind):
    got, _, content = asyncio.run(service.ask("/predict", body, {"content-type": form}))
    assert (got, bench.parse_strictly(content)["error"]["kind"]) == (status, kind)


def test_an_unseen_category_is_taken_and_counts_as_missing(service, rows):
    for value in ("never seen", "", "\u0000"):
        (answer,) = ask(service, json.dumps({**rows[0], "plan": value}).encode())
        assert answer == ask(service, json.dumps({**rows[0], "plan": None}).encode())[0]


def test_small_requests_are_answered_while_a_large_one_is_being_read(service, rows):
    async def both():
        many = json.dumps([rows[0]] * 900).encode()
        large = asyncio.ensure_future(service.ask("/predict", many, {"content-type": bench.JSON}))
        await asyncio.sleep(0)
        small = await service.ask("/predict", json.dumps(rows[0]).encode(), {"content-type": bench.JSON})
        return small[0], large.done(), (await large)[0]

    assert asyncio.run(both()) == (200, False, 200)
