"""The log of a real service: an open segment is not compacted, a closed one is; bentoml.monitor gets every record."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from toolkit.data.log_compaction import compact_log
from toolkit.data.predictions import iterate_log
from toolkit.packaging.bento import build_bento
from toolkit.packaging.package import write_package
from toolkit.packaging.serve import find_port, start_server, stop_server, wait_until_ready
from toolkit.params import Package
from toolkit.params_package import Log

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
TOMORROW = datetime.now(UTC).date() + timedelta(days=2)


def compact(folder):
    return compact_log(folder, 0, TOMORROW, lambda text, done=False: None)


def test_a_live_log_is_left_alone_a_closed_one_compacted_and_both_are_shipped(
    make_packaged, tmp_path, monkeypatch
):
    packaged = make_packaged("regression")  # it has every kind of column
    params = Package(name="shipped", log=Log(bentoml_monitor=True))
    write_package(tmp_path / "package", ROOT, packaged.sources, params, {})
    bento, port = build_bento(ROOT, tmp_path / "package", tmp_path / "store"), find_port("127.0.0.1")
    settings = {
        "services": {"shipped": {"monitoring": {"options": {"log_path": str(tmp_path / "elsewhere")}}}}
    }
    (tmp_path / "bentoml.yaml").write_text(json.dumps(settings))
    monkeypatch.setenv("BENTOML_CONFIG", str(tmp_path / "bentoml.yaml"))
    rows, log = packaged.rows(20), tmp_path / "logs/predictions"
    server = start_server(bento, tmp_path / "home", tmp_path, port=port)
    try:
        url = wait_until_ready(server, "127.0.0.1", port)
        with httpx.Client(timeout=30) as client:
            first = client.post(f"{url}/predict", json=rows[:15]).raise_for_status().json()["predictions"]
            metrics = client.get(f"{url}/metrics").text  # flushes
            assert "toolkit_log_records_total 15.0" in metrics
            done = compact(log)
            assert (done.days, len(done.left)) == ([], 1) and "is open: a service writes it" in done.left[0]
            second = client.post(f"{url}/predict", json=rows[15:]).raise_for_status().json()["predictions"]
    finally:
        stop_server(server)
    before = [record for _, record in iterate_log(log)]
    assert [record["features"] for record in before] == rows
    assert [record["id"] for record in before] == [one["id"] for one in (*first, *second)]
    assert compact(log).records == 20 and not list(log.glob("*.jsonl"))
    assert [record for _, record in iterate_log(log)] == before
    (file,) = (tmp_path / "elsewhere/shipped_predictions/data").glob("*.log*")
    shipped = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [record["id"] for record in shipped] == [record["id"] for record in before]
    assert [record["features.grade"] for record in shipped] == [row["grade"] for row in rows]
    assert [record["value"] for record in shipped] == [record["value"] for record in before]
