"""Tables in Arrow and Parquet: strict as JSON, exact as a batch, and bounded whatever their bytes say."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import random
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.columns import as_array
from toolkit.errors import RequestError
from toolkit.serving.model import Predictions
from toolkit.serving.rows import Ids
from toolkit.serving.rules import parse_rules
from toolkit.serving.tables import ARROW, FORMS, Tables
from toolkit.serving.wanted import Wanted

_, FILE, PARQUET = FORMS
KINDS = {
    "size": "number",
    "count": "integer",
    "open": "boolean",
    "city": "category",
    "at": "time",
    "seen": "time",
}
RULES = parse_rules(
    {"schema": 1, "columns": [{"name": "count", "type": "integer", "minimum": 0, "maximum": 9}]}
)
WANTED = Wanted(KINDS, frozenset(KINDS) - {"count"}, RULES, frozenset({"seen"}))
MOMENT = dt.datetime(2026, 1, 31, 12, 30, 0, 250)
ROWS = [
    {"size": 1.5, "count": 3, "open": True, "city": "Oslo", "at": MOMENT, "seen": MOMENT},
    {"size": None, "count": 0, "open": None, "city": None, "at": None, "seen": None},
    {"size": -0.0, "count": 9, "open": False, "city": "", "at": MOMENT, "seen": MOMENT},
]
TYPES = {
    "size": pa.float64(), "count": pa.int64(), "open": pa.bool_(), "city": pa.string(),
    "at": pa.timestamp("us"), "seen": pa.timestamp("us", "UTC"),
}  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    found = Tables(WANTED, max_rows=100, max_body_bytes=1_000_000)
    yield found
    found.close()


def make(rows=ROWS, types=TYPES, **columns):
    table = pa.table(
        {name: pa.array([row[name] for row in rows], types[name]) for name in types if name in rows[0]}
    )
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, values)
    return table


def write(table, form, **options):
    sink = io.BytesIO()
    if form == PARQUET:
        pq.write_table(table, sink, **options)
    else:
        ipc = pa.ipc.IpcWriteOptions(**options)
        opened = (
            pa.ipc.new_stream(sink, table.schema, options=ipc)
            if form == ARROW
            else pa.ipc.new_file(sink, table.schema, options=ipc)
        )
        with opened as writer:
            writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def refuse(tables, table, form=ARROW):
    with pytest.raises(RequestError) as caught:
        tables.read(table if isinstance(table, bytes) else write(table, form), form)
    return caught.value


def test_the_index_of_pandas_is_told_how_to_leave_out(tables):
    frame = make().to_pandas().set_axis([5, 3, 9])
    error = refuse(tables, pa.Table.from_pandas(frame))
    assert "'__index_level_0__' is pandas' index" in str(error) and "index=False" in str(error)
    assert tables.read(write(pa.Table.from_pandas(frame, preserve_index=False), ARROW), ARROW).count == 3


@pytest.mark.parametrize(
    ("form", "options"),
    [
        (ARROW, {}),
        (FILE, {}),
        (PARQUET, {}),
        (ARROW, {"compression": "lz4"}),
        (FILE, {"compression": "zstd"}),
        (PARQUET, {"compression": "gzip", "row_group_size": 2}),
        (PARQUET, {"use_dictionary": False, "data_page_version": "2.0"}),
    ],
)
def test_a_table_gives_the_rows_that_json_would(tables, form, options):
    rows = tables.read(write(make(), form, **options), form)
    at, seen = "2026-01-31T12:30:00.000250", "2026-01-31T12:30:00.000250Z"
    times = [(at, seen), (None, None), (at, seen)]
    expected = [{**row, "at": a, "seen": s} for row, (a, s) in zip(ROWS, times, strict=True)]
    assert (rows.count, rows.single, list(rows.sent)) == (3, False, expected)
    assert list(rows.columns) == list(KINDS)


VARIANTS = {
    "size": [
        pa.array([1.5, None, -0.0], pa.float32()),
        pa.array([1.5, float("nan"), 2.0], pa.float64()),
        pa.array(np.array([1.5, 2.25, -0.5], np.float16)),
        pa.array([1, None, 2**63 - 1], pa.int64()),
        pa.array([1, 2, 2**64 - 1], pa.uint64()),
        pa.array([1, 2, 3], pa.int8()),
        pa.array([decimal.Decimal("0.1234567"), None, decimal.Decimal("1E-7")], pa.decimal128(30, 9)),
        pa.array([decimal.Decimal("0.5")] * 3, pa.decimal256(60, 9)),
        pa.array([0.1, None, 0.1]).dictionary_encode(),
        pa.nulls(3),
    ],
    "count": [
        pa.array([3.0, 4.0, 0.0]),
        pa.array([3, 4, 0], pa.uint8()),
        pa.array([decimal.Decimal(3)] * 3, pa.decimal128(5, 1)),
    ],
    "open": [pa.nulls(3), pa.array([True, False, True])],
    "city": [
        pa.array(["a", None, "a"], pa.large_string()),
        pa.array(["a", None, "caf\u00e9"], pa.string_view()),
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None])),
        pa.nulls(3),
    ],
    "at": [
        pa.array([MOMENT, None, MOMENT], pa.timestamp("ns")),
        pa.array([MOMENT.replace(microsecond=0), None, None], pa.timestamp("s")),
        pa.array([dt.date(2026, 1, 31), None, None]),
        pa.array([-1, 1999, None], pa.timestamp("ns")),
        pa.nulls(3),
    ],
    "seen": [pa.array([MOMENT, None, MOMENT], pa.timestamp("ms", "Europe/Berlin"))],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values"), [(name, values) for name in VARIANTS for values in VARIANTS[name]]
)
def test_every_type_of_a_kind_gives_what_a_batch_reads(tables, name, values):
    table = make(**{name: values})
    got = tables.read(write(table, ARROW), ARROW).columns[name]
    plain = got.tolist() if isinstance(got, np.ndarray) else got
    if table[name].null_count == 3:
        assert [None if value != value else value for value in plain] == [None] * 3
    else:
        assert repr(plain) == repr(as_array(table[name]).tolist())  # NaN and -0.0 too


def test_times_may_be_texts_as_in_json(tables):
    texts = pa.array(["2026-01-31T12:00:00+01:00", None, "2026-01-31 12:00:00Z"])
    rows = tables.read(write(make(seen=texts), ARROW), ARROW)
    assert rows.columns["seen"] == texts.to_pylist()
    error = refuse(tables, make(at=texts))
    assert [finding["row"] for finding in error.findings] == [0, 2]


@pytest.mark.parametrize(
    ("change", "row", "words"),
    [
        ({"size": pa.array(["1", "2", "3"])}, None, "'size' must be a number. Got a column of string."),
        ({"size": pa.array([True, False, None])}, None, "Got a column of bool."),
        ({"size": pa.array([[1.0]] * 3)}, None, "Got a column of list<"),
        ({"size": pa.array([b"1"] * 3)}, None, "Got a column of binary."),
        ({"size": pa.array([dt.timedelta(1)] * 3)}, None, "Got a column of duration"),
        ({"size": pa.array([1.0, float("inf"), 2.0])}, 1, "must be a finite number. Got inf."),
        ({"count": pa.array([1, None, 2])}, 1, "Got null. It had no missing values in training"),
        ({"count": pa.array([1, 2, None], pa.uint8())}, 2, "Got null"),
        ({"count": pa.array([1.0, float("nan"), 2.0])}, 1, "Got null"),
        ({"count": pa.array([1.0, 2.5, 2.0])}, 1, "must be a whole number. Got 2.5."),
        ({"count": pa.array([1, 2, 10])}, 2, "must be at most 9. Got 10."),
        ({"open": pa.array([0, 1, 1])}, None, "must be true or false. Got a column of int64."),
        ({"city": pa.array([1, 2, 3])}, None, "must be a text. Got a column of int64."),
        ({"at": pa.array([MOMENT] * 3, pa.timestamp("us", "UTC"))}, None, "must have no time zone"),
        ({"seen": pa.array([MOMENT] * 3, pa.timestamp("us"))}, None, "must have a time zone"),
        ({"seen": pa.array([dt.date(2026, 1, 1)] * 3)}, None, "must have a time zone"),
        ({"at": pa.array([0, 2**55, 1], pa.timestamp("ms"))}, None, "would result in out of bounds"),
        ({"at": pa.array([0, -(2**60), 1], pa.timestamp("us"))}, 1, "must be a time"),
    ],
)
def test_a_wrong_column_or_value_is_named(tables, change, row, words):
    error = refuse(tables, make(**change))
    assert error.status == 400
    assert words in str(error)
    if error.kind != "not_a_table":
        assert [(found["row"], found["feature"]) for found in error.findings] == [(row, next(iter(change)))]


def test_unknown_repeated_and_missing_columns_are_named(tables):
    table = make()
    assert "'more' is not a feature" in str(refuse(tables, table.append_column("more", pa.nulls(3))))
    assert "'size' is given more than once" in str(refuse(tables, table.append_column("size", pa.nulls(3))))
    assert "'count' is missing" in str(refuse(tables, table.drop(["count"])))
    assert "'size' is missing" in str(refuse(tables, pa.table({})))


def test_rows_are_counted_before_they_are_read(tables):
    assert refuse(tables, make().slice(0, 0)).kind == "empty"
    assert refuse(tables, b"").kind == "empty"
    many = make(ROWS * 40)
    for form in FORMS:
        error = refuse(tables, many, form)
        assert (error.status, error.kind) == (413, "too_many_rows")
    none = pa.record_batch({name: pa.nulls(0) for name in KINDS})
    huge = pa.RecordBatch.from_arrays([pa.nulls(10**7)] * len(KINDS), names=list(none.schema.names))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, huge.schema) as writer:
        writer.write_batch(huge)
    assert refuse(tables, sink.getvalue()).kind == "too_many_rows"


def test_one_form_is_not_taken_for_another(tables):
    for form in FORMS:
        for other in FORMS:
            if other != form:
                assert refuse(tables, write(make(), other), form).kind == "not_a_table"
    assert refuse(tables, b'{"size": 1}').kind == "not_a_table"


def test_bombs_are_refused_and_the_process_serves_on():
    tables = Tables(WANTED, max_rows=20_000, max_body_bytes=1_000_000)  # 215 MB
    rows = 20_000
    texts = [f"{'x' * 200_000}{number % 4}" for number in range(4)]
    one = make(ROWS[:1])
    large = pa.table({name: [texts[0] if name == "city" else one[name][0]] * 1200 for name in KINDS})
    prefixes = {"use_dictionary": False, "column_encoding": {"city": "DELTA_BYTE_ARRAY"}}
    bombs = {  # 240 MB of texts in some kilobytes
        "shared prefixes": write(large, PARQUET, **prefixes),
        "compressed page": write(large, PARQUET, use_dictionary=False, compression="zstd"),
    }
    try:
        for name, bomb in bombs.items():
            assert len(bomb) < 1_000_000, name
            begin = time.monotonic()
            error = refuse(tables, bomb, PARQUET)
            assert (error.status, error.kind) == (413, "too_costly"), name
            assert time.monotonic() - begin < 15
        lying = bytearray(write(make(), ARROW, compression="lz4"))
        place = lying.find((24).to_bytes(8, "little"), 1000)  # a compressed buffer's own word on its size
        lying[place : place + 8] = (2**40).to_bytes(8, "little")
        assert refuse(tables, bytes(lying)).kind in ("too_costly", "not_a_table")
        repeated = pa.DictionaryArray.from_arrays(
            pa.array(np.arange(rows, dtype=np.int32) % 4), pa.array(texts)
        )
        columns = {name: pa.array([one[name][0].as_py()] * rows, TYPES[name]) for name in KINDS}
        packed = pa.table(columns | {"city": repeated})
        found = tables.read(write_whole(packed), ARROW)  # 4 GB as texts of their own; here four
        assert (found.count, len(set(map(id, found.columns["city"])))) == (rows, 4)
    finally:
        tables.close()


def write_whole(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_damaged_tables_are_refused_or_read_and_nothing_else(tables):
    chance = random.Random(5)
    seeds = [
        (form, write(make(), form, **options)) for form in FORMS for options in ({}, {"compression": "zstd"})
    ]
    for _ in range(1500):
        form, whole = chance.choice(seeds)
        bytes_ = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            place = chance.randrange(len(bytes_))
            step = chance.randrange(4)
            if step == 0:
                bytes_[place] ^= 1 << chance.randrange(8)
            elif step == 1:
                bytes_[place : place + 4] = chance.choice([b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\xff" * 4])
            elif step == 2:
                bytes_[place : place + 8] = chance.choice([b"\xff" * 7 + b"\x7f", b"\0\0\0\0\1\0\0\0"])
            else:
                del bytes_[place : place + chance.randrange(1, 9)]
        if chance.random() < 0.05:
            del bytes_[chance.randrange(len(bytes_) + 1) :]
        try:
            rows = tables.read(bytes(bytes_), form)
            assert rows.count == len(rows.sent) <= 100
        except RequestError as error:
            assert 400 <= error.status < 500
            str(error).encode()
    assert tables.read(write(make(), ARROW), ARROW).count == 3


def test_a_process_that_dies_is_told_and_started_again(tables):
    tables.read(write(make(), ARROW), ARROW)
    tables._process.kill()
    tables._process.wait()
    assert tables.read(write(make(), ARROW), ARROW).count == 3


def test_answers_in_arrow_hold_the_very_floats(tables):
    shares = np.random.default_rng(1).dirichlet([1, 2, 3], 5)
    predictions = Predictions(("a", "b: c", "\u00e9"), shares, None)
    stream = tables.write("name:1", Ids("ab", 7, 5), predictions)
    table = pa.ipc.open_stream(stream).read_all()
    assert table.schema.metadata == {b"version": b"name:1"}
    assert table.column_names == ["id", "label", "p_a", "p_b: c", "p_\u00e9"]
    assert table["id"].to_pylist() == [f"ab{number:08x}" for number in range(7, 12)]
    assert table["label"].to_pylist() == predictions.labels
    np.testing.assert_array_equal(np.column_stack(table.columns[2:]), shares)
    values = np.array([0.1, -1e300])
    table = pa.ipc.open_stream(tables.write("v", Ids("ab", 0, 2), Predictions((), None, values))).read_all()
    assert table.column_names == ["id", "value"] and table["value"].to_pylist() == values.tolist()


def test_the_service_does_without_pyarrow_until_it_is_asked():
    code = "import sys, toolkit.serving.service\nassert 'pyarrow' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
