"""Tables of other kinds go through the whole pipeline, to answers from the service, by changing params.yaml alone."""

import contextlib
import datetime as dt
import json
import signal
import time
import urllib.request

import pyarrow.parquet as pq
import pytest

from toolkit.packaging.serve import find_port
from toolkit.params_edit import write_params

from .conftest import Clone
from .tables import TABLES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
SHOWN = 5


@contextlib.contextmanager
def served(clone: Clone):
    port = find_port("127.0.0.1")
    process = clone.start("serve", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < deadline, clone.log.read_text()[-3000:]
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
                break
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def ask(url: str, rows: list[dict]) -> list[dict]:
    request = urllib.request.Request(
        f"{url}/predict", json.dumps({"rows": rows}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["predictions"]


@pytest.fixture(scope="module")
def project(make_clone) -> Clone:
    return make_clone()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_another_kind_gets_answers_by_changing_params_alone(name: str, project: Clone) -> None:
    table = TABLES[name]
    table.write(project.path / table.params["collect.source"])
    write_params(project.path, table.params)
    result = project.run(timeout=500)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]

    metrics = json.loads((project.path / "reports/validate/metrics.json").read_text())
    assert metrics[table.metric]["value"] >= table.least
    contract = (project.path / table.params["collect.contract"]).read_text()
    assert f"{table.key}" in contract

    predicted = pq.read_table(project.path / "data/predictions/predictions.parquet").slice(0, SHOWN)
    with served(project) as url:
        with urllib.request.urlopen(f"{url}/schema", timeout=10) as answer:
            inputs = [feature["name"] for feature in json.load(answer)["features"]]
        rows = [{name: as_json(row[name]) for name in inputs} for row in predicted.to_pylist()]
        answers = ask(url, rows)
    assert len(answers) == SHOWN
    for answer, row in zip(answers, predicted.to_pylist(), strict=True):
        if "value" in answer:
            assert answer["value"] == row["value"]
        else:
            assert answer["label"] == row["label"]
            assert answer["probabilities"] == {name: row[f"p_{name}"] for name in answer["probabilities"]}


def as_json(value: object) -> object:
    """Give a cell of Parquet as a request would send it."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, dt.datetime) else value
