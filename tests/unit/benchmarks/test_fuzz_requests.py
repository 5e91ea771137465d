"""The fuzz in small, over models of each task and every kind of column: no 5xx, and every answer is strict JSON."""

import asyncio
import importlib.util
from pathlib import Path

import pytest

from toolkit.serving.model import load_model

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "fuzz_requests.py"
spec = importlib.util.spec_from_file_location("fuzz_requests", SCRIPT)
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_request_ends_in_a_failure_or_in_broken_json(task, make_packaged):
    packaged = make_packaged(task)
    service = bench.Service(load_model(packaged.folder, threads=1))
    rows = packaged.rows(8)
    maker = bench.Maker(service.model, rows, bench.write_tables(rows, service.model), seed=1)
    try:
        counts = asyncio.run(bench.fuzz(service, maker, 1700))
    finally:
        service.close()
    assert {200, 400, 415} <= set(counts) and service.waiting.rows > 200


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1, "a": 2}', '"\xff"', "[1,]", "-Infinity"])
def test_the_parser_that_judges_is_strict(text):
    with pytest.raises(ValueError):
        bench.parse_strictly(text.encode("latin-1"))


def test_a_failure_is_told_with_its_request(make_packaged):
    service = bench.Service(load_model(make_packaged().folder, threads=1))
    service.waiting.make_ids = lambda _: 1 / 0
    rows = make_packaged().rows(2)
    maker = bench.Maker(service.model, rows, bench.write_tables(rows, service.model), seed=1)
    with pytest.raises(AssertionError, match=r"a failure of the service.*/predict"):
        asyncio.run(bench.fuzz(service, maker, 500))
    service.close()
