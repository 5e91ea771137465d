"""The real server, from a built Bento: answers, refusals, metrics, log, workers, and kill -9."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest
from web_server import serve_hook

from toolkit.columns import get_columns
from toolkit.data.predictions import iterate_log
from toolkit.data.table import load_parquet
from toolkit.packaging.batch import predict_table
from toolkit.packaging.bento import build_bento
from toolkit.packaging.serve import find_port, start_server, stop_server, wait_until_ready
from toolkit.serving.model import load_model

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def serve(make_packaged, store, tmp_path_factory):
    """Start a server on the Bento of a task; gives its client, process and log folder."""

    @contextmanager
    def start(task="binary", workers=1):
        bento = build_bento(ROOT, make_packaged(task).folder, store)
        home, port = tmp_path_factory.mktemp("home"), find_port("127.0.0.1")
        server = start_server(bento, home, home, port=port, workers=workers)
        try:
            url = wait_until_ready(server, "127.0.0.1", port)
            with httpx.Client(base_url=url, timeout=30) as client:
                yield client, server, home / "logs" / "predictions"
        finally:
            stop_server(server)

    return start


@pytest.fixture(scope="module")
def running(serve):
    with serve() as parts:
        yield parts


def metric(client, name, **labels):
    """Read one sample from /metrics; 0 if it is not there."""
    wanted = (
        "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}" if labels else ""
    )
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(f"{name}{wanted} "):
            return float(line.split()[-1])
    return 0.0


def test_a_real_row_is_answered_logged_and_counted(running, make_packaged):
    client, _, log = running
    packaged = make_packaged()
    model, row = load_model(packaged.folder), packaged.rows(1)[0]
    before = metric(client, "toolkit_requests_total", endpoint="predict", status="200")
    answer = client.post("/predict", json=row).raise_for_status().json()
    assert answer["version"] == model.version
    assert answer["label"] == model.predict_rows([row]).labels[0]
    assert answer["probabilities"] == model.predict_rows([row]).rows()[0]["probabilities"]
    assert metric(client, "toolkit_requests_total", endpoint="predict", status="200") == before + 1
    record = next(record for _, record in iterate_log(log) if record["id"] == answer["id"])
    assert record["features"] == row
    assert (record["label"], record["version"]) == (answer["label"], answer["version"])
    assert record["time"].endswith("Z")


def test_answers_equal_batch_prediction_to_the_last_bit(running, make_packaged):
    client, _, _ = running
    packaged = make_packaged()
    rows = packaged.rows(10_000)
    batch = load_model(packaged.folder).predict(packaged.columns).probabilities
    many = client.post("/predict", json=rows).raise_for_status().json()["predictions"]
    wrapped = client.post("/predict", json={"rows": rows}).raise_for_status().json()["predictions"]
    one = [client.post("/predict", json=row).raise_for_status().json() for row in rows[:20]]
    for answers in (many, wrapped, one):
        got = np.array([list(answer["probabilities"].values()) for answer in answers])
        np.testing.assert_array_equal(got, batch[: len(got)])
    assert len({answer["id"] for answer in many + wrapped + one}) == 2 * len(rows) + 20


def test_answers_equal_the_table_of_the_stage_predict_to_the_last_bit(running, make_packaged):
    client, _, _ = running
    packaged = make_packaged()
    table = load_parquet(packaged.sources.prepared / "test.parquet")
    predicted = predict_table(load_model(packaged.folder), table, get_columns, "row_id")
    answers = client.post("/predict", json=packaged.rows(10_000)).raise_for_status().json()["predictions"]
    assert [answer["label"] for answer in answers] == predicted["label"].to_pylist()
    assert [a["probabilities"]["malignant"] for a in answers] == predicted["p_malignant"].to_pylist()


def test_the_status_page_shows_what_was_counted_under_a_strict_policy(running, make_packaged):
    client, _, _ = running
    client.post("/predict", json=make_packaged().rows(7)).raise_for_status()
    before = metric(client, "toolkit_rows_total")
    answer = client.get("/status?hours=1").raise_for_status()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.text
    assert f"<dd>{before:,.0f}</dd>" in page and 'href="?hours=1" aria-current="true"' in page
    assert all(feature["name"] in page for feature in client.get("/schema").json()["features"])


@pytest.mark.parametrize(
    ("change", "status", "feature", "words"),
    [
        ({"mean radius": "3"}, 400, "mean radius", "row 0: feature 'mean radius' must be a number"),
        ({"mean radius": True}, 400, "mean radius", "Got true"),
        ({"mean radius": None}, 400, "mean radius", "Got null"),
        ({"mean radus": 3}, 400, "mean radus", "Did you mean 'mean radius'?"),
    ],
)
def test_a_wrong_value_is_refused_and_named(running, make_packaged, change, status, feature, words):
    client, _, _ = running
    response = client.post("/predict", json={**make_packaged().rows(1)[0], **change})
    assert response.status_code == status
    error = response.json()["error"]
    assert (error["row"], error["feature"]) == (0, feature)
    assert words in error["message"]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_numbers_that_json_has_not_are_refused(running, make_packaged, text):
    client, _, _ = running
    row = {**make_packaged().rows(1)[0], "mean area": 0.123454321}
    body = json.dumps(row).replace("0.123454321", text)
    response = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["feature"] == "mean area"


def chunks(size):
    for _ in range(size // 65_536 + 1):
        yield b" " * 65_536


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "kind"),
    [
        (
            "POST",
            "/predict",
            {"content": b"{}", "headers": {"content-type": "text/plain"}},
            415,
            "content_type",
        ),
        ("POST", "/predict", {"data": {"a": "1"}}, 415, "content_type"),
        ("POST", "/predict", {"json": {}, "headers": {"content-encoding": "gzip"}}, 415, "content_type"),
        ("POST", "/predict", {"content": b"x" * 5_000_000}, 413, "too_large"),
        ("POST", "/predict", {"content": chunks(5_000_000)}, 413, "too_large"),
        ("POST", "/predict", {"content": b"{"}, 400, "not_json"),
        ("POST", "/predict", {"content": b""}, 400, "empty"),
        ("POST", "/predict", {"json": [{}] * 1001}, 413, "too_many_rows"),
        ("GET", "/predict", {}, 405, "method"),
        ("DELETE", "/metrics", {}, 405, "method"),
        ("GET", "/nothing", {}, 404, "not_found"),
        ("POST", "/", {}, 404, "not_found"),
        ("POST", "/predict/submit", {"json": {}}, 404, "not_found"),
    ],
)
def test_every_error_has_the_one_shape(running, method, path, options, status, kind):
    client, _, _ = running
    headers = {"content-type": "application/json"} if "content" in options else {}
    if "data" in options:
        headers = {}
    options = {**options, "headers": {**headers, **options.get("headers", {})}}
    response = client.request(method, path, **options)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"status", "kind", "message", "row", "feature", "findings"}
    assert (error["status"], error["kind"]) == (status, kind)


def test_schema_example_can_be_sent_as_it_is(running):
    client, _, _ = running
    schema = client.get("/schema").json()
    assert schema["features"][0] == {"name": "mean radius", "kind": "number", "nullable": False}
    assert client.post("/predict", json=schema["example"]).status_code == 200


def test_lineage_names_gates_files_build_and_libraries(running, make_packaged):
    client, _, _ = running
    lineage = client.get("/lineage").json()
    assert lineage["gates"]["passed"] is True
    assert lineage["files"] == load_model(make_packaged().folder).manifest["files"]
    assert lineage["build"]["python"]
    assert lineage["libraries"]["lightgbm"]


def test_health_says_what_is_well(running):
    client, _, _ = running
    assert client.get("/livez").json()["live"] is True
    ready = client.get("/readyz").json()
    assert ready["ready"] is True
    assert all(ready["checks"].values())


def test_bentoml_client_and_openapi_page_know_what_is_to_be_asked(running, make_packaged):
    import bentoml

    client, _, _ = running
    docs = client.get("/docs.json").json()
    assert {"/predict", "/explain", "/feedback"} <= set(docs["paths"])
    assert "mean radius" in docs["components"]["schemas"]["Row"]["properties"]
    assert "docs.json" in client.get("/static_content/swagger-initializer.js").text
    page = client.get("/")
    assert page.status_code == 200 and "swagger-ui" in page.text and "googletagmanager" not in page.text
    rows = make_packaged().rows(2)
    with bentoml.SyncHTTPClient(str(client.base_url)) as typed:
        predicted = typed.predict(rows=rows)["predictions"]
        explained = typed.explain(rows=rows)["explanations"]
        short = typed.explain(rows=rows, top=1)["explanations"]
        labels = [{"id": each["id"], "label": each["label"]} for each in predicted]
        assert typed.feedback(feedback=labels) == {"stored": 2, "unknown": []}
    assert [len(each["scores"][0]["features"]["added"]) for each in short] == [1, 1]
    assert [each["label"] for each in predicted] == [each["label"] for each in explained]
    for each in explained:
        score = each["scores"][0]
        added = score["base"] + sum(score["columns"]["added"].values())
        assert added == pytest.approx(score["score"], abs=1e-9)


def test_tables_are_answered_as_json_and_as_arrow_to_the_last_bit(running, make_packaged):
    client, _, _ = running
    packaged = make_packaged()
    model = load_model(packaged.folder)
    batch = model.predict(packaged.columns)
    sink = io.BytesIO()
    table = pa.table(packaged.columns)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    before = metric(client, "toolkit_rows_total")
    headers = {"content-type": "application/vnd.apache.arrow.stream"}
    answer = client.post("/predict", content=sink.getvalue(), headers=headers).raise_for_status()
    got = np.array([list(each["probabilities"].values()) for each in answer.json()["predictions"]])
    np.testing.assert_array_equal(got, batch.probabilities)
    headers["accept"] = headers["content-type"]
    answer = client.post("/predict", content=sink.getvalue(), headers=headers).raise_for_status()
    assert answer.headers["content-type"] == headers["accept"]
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table["label"].to_pylist() == batch.labels
    for place, name in enumerate(model.classes):
        assert table[f"p_{name}"].to_pylist() == batch.probabilities[:, place].tolist()
    assert metric(client, "toolkit_rows_total") == before + 2 * len(batch)


@pytest.mark.prometheus
def test_metrics_please_promtool(running, make_packaged):
    tool = shutil.which("promtool")
    if tool is None:
        if os.environ.get("TOOLKIT_REQUIRE_ALL") == "1":
            pytest.fail("promtool is missing. On Debian and Ubuntu: apt install prometheus")
        pytest.skip("promtool is missing. On Debian and Ubuntu: apt install prometheus")
    client, _, _ = running
    client.post("/predict", json=make_packaged().rows(50)).raise_for_status()
    client.post("/predict", content=b"{")
    text = client.get("/metrics").text
    command = [tool, "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert 'toolkit_predictions_total{label="malignant"}' in text
    assert 'toolkit_drift_alarm{column="mean radius",group="feature"} 0.0' in text


def test_drift_raises_an_alarm_that_is_told_and_stopping_writes_all_that_was_answered(
    serve, make_packaged, monkeypatch
):
    with serve_hook("/a-key") as hook:
        monkeypatch.setenv("TOOLKIT_NOTIFY_URLS", f"{hook.url} http://127.0.0.1:1/nobody")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        _raise_an_alarm(serve, make_packaged, hook)
    (told,) = hook.posts
    assert [alarm["column"] for alarm in told["raised"]] == ["mean radius"] and not told["cleared"]
    assert "Feature 'mean radius' has drifted: higher values." in told["text"]


def _raise_an_alarm(serve, make_packaged, hook):
    with serve() as (client, server, log):
        rows = [{**row, "mean radius": row["mean radius"] * 3} for row in make_packaged().rows(100)]
        for _ in range(40):
            answers = client.post("/predict", json=rows).raise_for_status().json()["predictions"]
        assert metric(client, "toolkit_drift_alarm", column="mean radius", group="feature") == 1
        end = time.monotonic() + 10
        while not hook.posts and time.monotonic() < end:
            time.sleep(0.02)
        page = client.get("/status").raise_for_status().text
        assert "1 alarm is open" in page and "a-key" not in page and hook.url not in page
        answers = client.post("/predict", json=rows).raise_for_status().json()["predictions"]
        stop_server(server)
        assert server.returncode == 0
        records = [record for _, record in iterate_log(log)]
        assert len(records) == 4100
        assert [record["id"] for record in records[-100:]] == [answer["id"] for answer in answers]
        assert [r["probabilities"] for r in records[-100:]] == [answer["probabilities"] for answer in answers]


def test_two_workers_count_each_request_once_and_kill_9_leaves_a_readable_log(serve, make_packaged):
    with serve(workers=2) as (client, server, log):
        row = make_packaged().rows(1)[0]
        url = f"{client.base_url}/predict"
        answered = set()
        for _ in range(60):  # a connection each, so that both workers are asked
            answered.add(httpx.post(url, json=row, timeout=30).raise_for_status().json()["id"])
        assert len({id_[:12] for id_ in answered}) == 2
        time.sleep(1)  # the other worker's recorder comes by every tenth of a second
        assert metric(client, "toolkit_requests_total", endpoint="predict", status="200") == 60
        assert metric(client, "toolkit_rows_total") == 60
        assert metric(client, "toolkit_log_records_total") == 60
        late = (
            client.post("/predict", json=make_packaged().rows(100)).raise_for_status().json()["predictions"]
        )
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)
        records = {record["id"] for _, record in iterate_log(log)}
        assert answered <= records <= answered | {answer["id"] for answer in late}
        assert len(list(log.glob("*.jsonl"))) == 2
        deadline = time.monotonic() + 5  # its workers, in process groups of their own, end with it
        while time.monotonic() < deadline and answers(url):
            time.sleep(0.05)
        assert not answers(url)


def answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=2)
    except httpx.TransportError:
        return False
    return True


def test_labels_that_come_back_are_measured_and_a_change_of_what_is_true_is_an_alarm(serve, make_packaged):
    with serve(workers=2) as (client, server, log):
        rows = make_packaged().rows(100)
        for _ in range(4):
            answers = client.post("/predict", json=rows).raise_for_status().json()["predictions"]
            labels = [{"id": answer["id"], "label": answer["label"]} for answer in answers]
            taken = client.post("/feedback", json=labels).raise_for_status().json()
            assert taken == {"stored": len(rows), "unknown": []}
        wait_for(lambda: metric(client, "toolkit_feedback_total", result="matched") == 4 * len(rows))
        assert metric(client, "toolkit_performance", bound="value", metric="accuracy") == 1.0
        estimated = [
            metric(client, "toolkit_performance_estimated", bound=bound, metric="accuracy")
            for bound in ("low", "value", "high")
        ]
        assert 0.5 < estimated[0] < estimated[1] < estimated[2] <= 1.0
        other = {"benign": "malignant", "malignant": "benign"}
        wrong = [{**label, "label": other[label["label"]]} for label in labels]
        assert client.post("/feedback", json={"feedback": wrong}).json()["stored"] == len(rows)
        assert client.post("/feedback", json={**wrong[0], "id": "0" * 20}).status_code == 404
        wait_for(lambda: metric(client, "toolkit_feedback_total", result="corrected") == len(rows))
        assert metric(client, "toolkit_performance", bound="value", metric="accuracy") == 0.75
        assert metric(client, "toolkit_drift_alarm", column="all answers", group="performance") == 0
        for _ in range(4):
            answers = client.post("/predict", json=rows).raise_for_status().json()["predictions"]
            wrong = [{"id": answer["id"], "label": other[answer["label"]]} for answer in answers]
            client.post("/feedback", json=wrong).raise_for_status()
        wait_for(
            lambda: metric(client, "toolkit_drift_alarm", column="all answers", group="performance") == 1
        )
        page = client.get("/status").text
        assert "all answers" in page
        stop_server(server)
        assert len([record for _, record in iterate_log(log.parent / "feedback")]) == 9 * len(rows)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
