"""A real Prometheus scrapes the real service: alerts fire on what is wrong and end, every query has data."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet
import pytest
from watched_service import HOST, Prometheus, Traffic, watch
from web_server import Page, serve_pages

from toolkit.packaging.alerts import load_watched
from toolkit.packaging.bento import build_bento
from toolkit.packaging.dashboard import describe_dashboard
from toolkit.packaging.package import write_package
from toolkit.packaging.serve import find_port, start_server, stop_server, wait_until_ready
from toolkit.params import Validate
from toolkit.params_package import Alerts, Limits, Package

pytestmark = [pytest.mark.integration, pytest.mark.prometheus]
ROOT = Path(__file__).resolve().parents[2]
REFUSED = b'{"mean radius": "three"}'
# As short as scrapes of a second allow. One refused of five and no latency limit: the machine may be slow.
ALERTS = Alerts(
    scrape_s=1,
    window_s=4,
    hold_s=1,
    silence_s=5,
    label_window_s=10,
    min_requests=5,
    p99_ms=4999,
    disk_free_mb=1,
)


# Of another server of the model, as one with a GPU and with other columns shows them.
ANOTHER = """
toolkit_missing_values_total{feature="mean radius"} 1
toolkit_unseen_values_total{feature="mean radius"} 1
toolkit_gpu_utilization_ratio{gpu="0"} 0.5
toolkit_gpu_memory_used_bytes{gpu="0"} 1e9
"""


@dataclass
class Watching:
    """What the tests share: the service's client and process, its traffic, who watches it, and what is watched."""

    client: httpx.Client
    server: object
    traffic: Traffic
    prometheus: Prometheus
    model: object
    rows: list[dict]


@pytest.fixture(scope="module")
def watching(make_packaged, tmp_path_factory):
    packaged = make_packaged()
    folder = tmp_path_factory.mktemp("watched")
    params = Package(name="watched", limits=Limits(in_flight=4))  # few, so that a small crowd is too much
    write_package(folder / "package", ROOT, packaged.sources, params, {})
    bento = build_bento(ROOT, folder / "package", tmp_path_factory.mktemp("store"))
    port = find_port(HOST)
    server = start_server(bento, folder, folder, port=port)
    try:
        url = wait_until_ready(server, HOST, port)
        model = load_watched(folder / "package", Validate(metric="accuracy", limit=0.85))
        traffic = Traffic(url)
        with (
            httpx.Client(base_url=url, timeout=30) as client,
            serve_pages() as another,
            watch(folder, model, ALERTS, [f"{HOST}:{port}", another.url.partition("://")[2]]) as prometheus,
        ):
            another.pages["/metrics"] = Page(ANOTHER.encode(), headers={"Content-Type": "text/plain"})
            yield Watching(client, server, traffic, prometheus, model, reference_rows(packaged))
    finally:
        traffic.close()
        stop_server(server)


def reference_rows(packaged) -> list[dict]:
    """Give the rows that the reference profile describes, in an order of chance."""
    rows = []
    for name in ("train", "valid"):
        table = pyarrow.parquet.read_table(packaged.sources.prepared / f"{name}.parquet")
        rows += table.drop_columns(["row_id", "label"]).to_pylist()
    return [rows[index] for index in np.random.default_rng(1).permutation(len(rows))]


def body(rows) -> bytes:
    return json.dumps(rows).encode()


def test_nothing_fires_while_all_is_well(watching):
    watching.traffic.body = body(watching.rows)
    watching.prometheus.wait_until(
        lambda: watching.prometheus.ask("query", query="job:toolkit_requests:increase >= 20")["result"],
        "traffic",
    )
    time.sleep(3)
    assert watching.prometheus.firing() == {}


def test_refused_requests_are_told_and_their_end(watching):
    prometheus, name = watching.prometheus, watching.model.name
    watching.traffic.body = REFUSED
    alert = prometheus.wait_for("ModelRefuses")
    assert re.fullmatch(rf"{name} refuses \d+(\.\d+)?% of its requests", alert["annotations"]["summary"])
    text = prometheus.wait_for_message("warning", f"ModelRefuses ({name})")
    assert alert["annotations"]["description"].partition("%")[2] in text
    assert "docs/alerting.md#modelrefuses" in text
    watching.traffic.body = body(watching.rows)
    prometheus.wait_for("ModelRefuses", firing=False)
    prometheus.wait_for_message("warning", f"Over: ModelRefuses ({name})")


def test_failures_are_told_and_their_end(watching):
    prometheus, name = watching.prometheus, watching.model.name
    crowd = Traffic(str(watching.client.base_url), clients=12, pause_s=0, body=body(watching.rows[:50]))
    try:  # more at once than the service takes: it answers 503
        alert = prometheus.wait_for("ModelErrors")
    finally:
        crowd.close()
    assert re.fullmatch(rf"{name} fails \d+(\.\d+)?% of its requests", alert["annotations"]["summary"])
    prometheus.wait_for_message("critical", f"ModelErrors ({name})")
    prometheus.wait_for("ModelErrors", firing=False)
    prometheus.wait_for_message("critical", f"Over: ModelErrors ({name})")


def test_drift_is_told_and_its_end(watching):
    prometheus = watching.prometheus
    watching.traffic.body = body([{**row, "mean radius": row["mean radius"] * 3} for row in watching.rows])
    alert = prometheus.wait_for("ModelFeatureDrift mean radius")
    assert "'mean radius' has drifted" in alert["annotations"]["summary"]
    assert re.search(r"changed most: [+-]?\d+(\.\d+)?%", alert["annotations"]["description"])
    watching.traffic.body = body(watching.rows)
    prometheus.wait_for("ModelFeatureDrift mean radius", firing=False)


def test_silence_is_told_and_its_end(watching):
    watching.traffic.body = None
    watching.prometheus.wait_for("ModelSilent")
    watching.traffic.body = body(watching.rows)
    watching.prometheus.wait_for("ModelSilent", firing=False)


def test_a_label_that_surges_is_told(watching):
    answers = watching.client.post("/predict", json=watching.rows).raise_for_status().json()["predictions"]
    chosen = [row for row, one in zip(watching.rows, answers, strict=True) if one["label"] == "malignant"]
    watching.traffic.body = body(chosen)
    watching.prometheus.wait_for("ModelLabelSurge malignant")
    assert "ModelLabelDrop benign" in watching.prometheus.firing()
    watching.traffic.body = body(watching.rows)


def test_wrong_answers_are_told_and_their_end(watching):
    prometheus, name = watching.prometheus, watching.model.name
    answers = watching.client.post("/predict", json=watching.rows).raise_for_status().json()["predictions"]
    right = [{"id": answer["id"], "label": answer["label"]} for answer in answers]
    other = {"benign": "malignant", "malignant": "benign"}
    wrong = [{**label, "label": other[label["label"]]} for label in right]
    watching.client.post("/feedback", json=wrong).raise_for_status()
    alert = prometheus.wait_for("ModelPerformanceLow")
    assert alert["annotations"]["summary"] == f"{name}: accuracy is below its limit 0.85"
    prometheus.wait_for("ModelConceptDrift all answers")
    watching.client.post("/feedback", json=right).raise_for_status()  # the labels were what was wrong
    prometheus.wait_for("ModelPerformanceLow", firing=False)
    prometheus.wait_for_message("critical", f"Over: ModelPerformanceLow ({name})")


def test_there_are_few_series(watching):
    text = watching.client.get("/metrics").text
    shown = sum(bool(line) and not line.startswith("#") for line in text.splitlines())
    assert shown <= 1000
    assert float(re.search(r"^toolkit_series (\S+)$", text, re.MULTILINE)[1]) == shown
    found = watching.prometheus.ask("query", query="max(scrape_samples_scraped)")["result"]
    assert float(found[0]["value"][1]) == pytest.approx(shown, abs=20)


def list_queries(model) -> list[str]:
    """List the dashboard's queries as Grafana sends them."""
    dashboard = describe_dashboard(model)
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    queries = [*(target["expr"] for target in targets), dashboard["annotations"]["list"][0]["expr"]]
    for name, value in FILLED.items():
        queries = [query.replace(name, value) for query in queries]
    return [query.replace("$job", model.name) for query in queries]


FILLED = {"$__rate_interval": "10s", "$__range": "60s", "$instance": ".*", "$output": "p_malignant"}


def test_every_query_of_the_dashboard_has_data(watching):
    refused = Traffic(str(watching.client.base_url), pause_s=0.2, body=REFUSED)
    try:
        for query in list_queries(watching.model):
            assert "$" not in query
            watching.prometheus.wait_until(
                lambda query=query: has_data(watching.prometheus, query), f"data of {query}"
            )
    except AssertionError as error:
        names = watching.prometheus.ask("label/__name__/values")
        raise AssertionError(names, watching.client.get("/metrics").text) from error
    finally:
        refused.close()


def has_data(prometheus, query) -> bool:
    """Whether a query had data at any time of the tests, of which some alone have labels, refusals and so on."""
    end = time.time()
    found = prometheus.ask("query_range", query=query, start=end - 1200, end=end, step=5)["result"]
    return any(value != "NaN" for series in found for _, value in series["values"])


def test_a_server_that_is_gone_is_told(watching):
    watching.traffic.body = None
    stop_server(watching.server)
    alert = watching.prometheus.wait_for("ModelDown")
    assert alert["labels"]["severity"] == "critical"
    watching.prometheus.wait_for_message("critical", f"ModelDown ({watching.model.name})")
