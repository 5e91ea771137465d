"""Every alert fires on recorded series, not just below, and says what happened: by promtool, on the real rules."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_tools import call
from ruamel.yaml import YAML

from toolkit.artifacts import write_text
from toolkit.cli import main
from toolkit.errors import ToolkitError
from toolkit.packaging import alert_rules as rules
from toolkit.packaging.alert_rules import list_alerts
from toolkit.packaging.alertmanager import SILENCED
from toolkit.packaging.alerts import describe_rules, find_target, load_watched, write_alerts, write_yaml
from toolkit.packaging.recorded_rules import SIGMAS, Watched
from toolkit.params import Validate
from toolkit.params_package import Alerts
from toolkit.serving.metrics import LATENCY_BUCKETS_S

pytestmark = [pytest.mark.integration, pytest.mark.prometheus]

ROOT = Path(__file__).resolve().parents[2]
MODEL = Watched("m", (("benign", 0.63), ("malignant", 0.37)), 1000, "roc_auc", 0.85)
JOB = 'job="m",instance="a:1"'
REQUESTS = f'toolkit_requests_total{{{JOB},endpoint="predict",status="%s"}}'


@dataclass(frozen=True)
class Case:
    """Series at which an alert is firing (or, with ``quiet``, none is) at a time."""

    alert: str
    series: dict[str, str]
    at: str
    labels: tuple[tuple[str, str], ...] = ()
    says: tuple[tuple[str, str], ...] = ()  # what the alert's texts have in place of their blanks
    quiet: bool = False


def quiet(alert: str, series: dict[str, str], at: str) -> Case:
    return Case(alert, series, at, quiet=True)


def requests(**statuses: str) -> dict[str, str]:
    """Give counters of requests by status, as ``s200="0+99x20"``."""
    return {REQUESTS % status[1:]: values for status, values in statuses.items()}


def gauge(name: str, values: float | str, **labels: str) -> dict[str, str]:
    more = "".join(f",{key}={json.dumps(value)}" for key, value in labels.items())
    return {f"toolkit_{name}{{{JOB}{more}}}": values if isinstance(values, str) else f"{values}x2000"}


def latency(quick: int) -> dict[str, str]:
    """Of 100 requests a minute ``quick`` take up to 0.2 s, the others up to 0.5 s."""
    name = f"toolkit_request_seconds_bucket{{{JOB},le=%s}}"
    edges = {'"0.2"': quick, '"0.5"': 100, '"+Inf"': 100}
    return {name % edge: f"0+{count}x20" for edge, count in edges.items()} | requests(s200="0+100x20")


def mix(rows: float, share: float) -> dict[str, str]:
    """So many rows a minute, of which a share is malignant."""
    parts = {"benign": rows * (1 - share), "malignant": rows * share}
    name = f'toolkit_predictions_total{{{JOB},label="%s"}}'
    return gauge("rows_total", f"0+{rows}x200") | {
        name % key: f"0+{count}x200" for key, count in parts.items()
    }


def drift(group: str, column: str, change: float, alarm: int) -> dict[str, str]:
    labels = {"column": column, "group": group}
    return gauge("drift_change", change, **labels) | gauge("drift_alarm", alarm, **labels)


REFERENCE = dict(MODEL.shares)["malignant"]
SURGE = 2 * REFERENCE / (1 + REFERENCE)  # twice the odds
DROP = REFERENCE / (2 - REFERENCE)
NOISE = SIGMAS * math.sqrt(REFERENCE * (1 - REFERENCE) * (1 / MODEL.rows + 1 / 60_000))
assert SURGE - REFERENCE > NOISE < REFERENCE - DROP  # so that the factor is what decides in the cases below

HERE = (("instance", "a:1"),)
HIGH = (*HERE, ("bound", "high"), ("metric", "roc_auc"))


def column(name: str, group: str) -> tuple[tuple[str, str], ...]:
    return (*HERE, ("column", name), ("group", group))


CASES = [
    Case("ModelDown", {f"up{{{JOB}}}": "1 1 0x5"}, "3m", HERE, ((rules.TARGET, "a:1"),)),
    Case("ModelDown", {}, "3m", says=((rules.TARGET, "any target"),)),
    quiet("ModelDown", {f"up{{{JOB}}}": "1 1 0 1x5"}, "3m"),
    quiet("ModelDown", {f"up{{{JOB}}}": "1 1 0x5"}, "2m"),
    Case("ModelErrors", requests(s200="0+98x20", s500="0+2x20"), "12m", says=((rules.PERCENT, "2%"),)),
    Case("ModelErrors", requests(s503="0+5x20"), "12m", says=((rules.PERCENT, "100%"),)),
    quiet("ModelErrors", requests(s200="0+99x20", s500="0+1x20"), "12m"),
    quiet("ModelErrors", requests(s200="0+98x20", s500="0+2x20"), "5m"),  # not for long enough
    quiet("ModelErrors", requests(s500="0+3x20"), "12m"),  # 15 in the window tell nothing
    quiet("ModelErrors", requests(s200="100x20"), "12m"),
    Case("ModelSlow", latency(98), "12m", says=((rules.DURATION, "350ms"),)),
    quiet("ModelSlow", latency(99), "12m"),
    Case("ModelRefuses", requests(s200="0+79x20", s400="0+15x20", s422="0+6x20"), "12m",
         says=((rules.PERCENT, "21%"),)),
    quiet("ModelRefuses", requests(s200="0+80x20", s400="0+20x20"), "12m"),
    Case("ModelSilent", gauge("rows_total", "7x200"), "70m"),
    quiet("ModelSilent", gauge("rows_total", "7x30 8x200"), "70m"),
    quiet("ModelSilent", gauge("rows_total", "0x200"), "50m"),  # not yet known for an hour
    Case("ModelLabelSurge", mix(1000, SURGE + 0.001), "70m", (("label", "malignant"),),
         ((rules.PERCENT, "54.11%"), (rules.REFERENCE, "37%"))),
    quiet("ModelLabelSurge", mix(1000, SURGE - 0.001), "70m"),
    quiet("ModelLabelSurge", mix(0.1, 1.0), "70m"),  # six rows in the hour may be of one label by chance
    Case("ModelLabelDrop", mix(1000, DROP - 0.001), "70m", (("label", "malignant"),),
         ((rules.PERCENT, "22.6%"), (rules.REFERENCE, "37%"))),
    quiet("ModelLabelDrop", mix(1000, DROP + 0.001), "70m"),
    Case("ModelFeatureDrift", drift("feature", 'a"b\n{}', 0.31, 1), "2m", column('a"b\n{}', "feature"),
         ((rules.CHANGE, "+31%"),)),
    quiet("ModelFeatureDrift", drift("feature", "size", 0.31, 0), "2m"),
    Case("ModelPredictionDrift", drift("prediction", "label", -0.2, 1), "2m", column("label", "prediction"),
         ((rules.CHANGE, "-20%"),)),
    quiet("ModelPredictionDrift", drift("feature", "label", -0.2, 1), "2m"),
    Case("ModelLabelShift", drift("label", "label", 0.125, 1), "2m", column("label", "label"),
         ((rules.CHANGE, "+12.5%"),)),
    quiet("ModelLabelShift", drift("label", "label", 0.125, 0), "2m"),
    Case("ModelConceptDrift", drift("performance", "wrong", 0.1, 1), "2m", column("wrong", "performance"),
         ((rules.CHANGE, "+10%"),)),
    quiet("ModelConceptDrift", drift("performance", "wrong", 0.1, 0), "2m"),
    Case("ModelPerformanceLow", gauge("performance", 0.8499, metric="roc_auc", bound="high"), "2m",
         HIGH, ((rules.NUMBER, "0.8499"),)),
    quiet("ModelPerformanceLow", gauge("performance", 0.85, metric="roc_auc", bound="high"), "2m"),
    quiet("ModelPerformanceLow", gauge("performance", 0.7, metric="roc_auc", bound="value"), "2m"),
    Case("ModelPerformanceEstimatedLow", gauge("performance_estimated", 0.8499, metric="roc_auc", bound="high"),
         "2m", HIGH, ((rules.NUMBER, "0.8499"),)),
    quiet("ModelPerformanceEstimatedLow", gauge("performance_estimated", 0.85, metric="roc_auc", bound="high"), "2m"),
    Case("ModelLogLoss", gauge("log_records_lost_total", "0 0 5x20"), "4m", HERE, ((rules.NUMBER, "5"),)),
    quiet("ModelLogLoss", gauge("log_records_lost_total", "5x20"), "4m"),
    quiet("ModelLogLoss", gauge("log_records_lost_total", "0 0 5x20"), "10m"),  # over
    Case("ModelNotificationsFail", gauge("notifications_total", "0 0 1x20", result="failed"), "4m", HERE,
         ((rules.NUMBER, "1"),)),
    Case("ModelNotificationsFail", gauge("notifications_total", "0 0 1x20", result="dropped"), "4m", HERE,
         ((rules.NUMBER, "1"),)),
    quiet("ModelNotificationsFail", gauge("notifications_total", "0x20", result="failed"), "4m"),
    quiet("ModelNotificationsFail", gauge("notifications_total", "0 0 1x20", result="sent"), "4m"),
    Case("ModelLogDiskFull", gauge("log_free_bytes", 1023999999), "2m", HERE, ((rules.BYTES, "976.6MiB"),)),
    quiet("ModelLogDiskFull", gauge("log_free_bytes", 1024000000), "2m"),
    Case("ModelOld", gauge("model_built_timestamp_seconds", 120 - 180 * 86400 - 1), "2m",
         says=((rules.DURATION, "180d 0h 0m 1s"),)),
    quiet("ModelOld", gauge("model_built_timestamp_seconds", 120 - 180 * 86400), "2m"),
    Case("ModelFull", gauge("in_flight", 52) | gauge("in_flight_limit", 64), "12m", HERE,
         ((rules.PERCENT, "81.25%"),)),
    quiet("ModelFull", gauge("in_flight", 51) | gauge("in_flight_limit", 64), "12m"),
    Case("ModelBusy", gauge("process_cpu_seconds_total", "0+97x20") | gauge("workers", 2), "12m", HERE,
         ((rules.PERCENT, "80.83%"),)),
    quiet("ModelBusy", gauge("process_cpu_seconds_total", "0+95x20") | gauge("workers", 2), "12m"),
    Case("ModelIdle", gauge("process_cpu_seconds_total", "0+11x1600") | gauge("workers", 2), "26h",
         says=((rules.NUMBER, "0.1833"),)),
    quiet("ModelIdle", gauge("process_cpu_seconds_total", "0+13x1600") | gauge("workers", 2), "26h"),
    quiet("ModelIdle", gauge("process_cpu_seconds_total", "0+5x1600") | gauge("workers", 1), "26h"),
    quiet("ModelIdle", gauge("process_cpu_seconds_total", "0+11x1600") | gauge("workers", 2), "23h"),  # no whole day
]  # fmt: skip


def write_test(folder, model, cases, alerts=None, every="1m"):
    """Write the rules of a model and promtool's test of the cases; give the test's file."""
    alerts = alerts or Alerts()
    write_text(folder / "alerts.yml", write_yaml(describe_rules(model, alerts)))
    made = {rule.name: rule.to_dict(alerts.runbook) for rule in list_alerts(model, alerts)}
    blanks = {"instance": rules.INSTANCE, "label": rules.LABEL, "column": rules.COLUMN}

    def expect(case: Case) -> dict:
        rule = made[case.alert]
        filled = [*case.says, *((blanks[key], value) for key, value in case.labels if key in blanks)]
        texts = dict(rule["annotations"])
        for blank, value in filled:
            texts = {name: text.replace(blank, value) for name, text in texts.items()}
        assert "{{" not in "".join(texts.values()), case
        return {
            "exp_labels": {"job": model.name, **rule["labels"], **dict(case.labels)},
            "exp_annotations": texts,
        }

    tests = [
        {
            "interval": "1m",
            "name": f"{case.alert} at {case.at} of {case.series}",
            "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
            "alert_rule_test": [
                {
                    "alertname": case.alert,
                    "eval_time": case.at,
                    "exp_alerts": [] if case.quiet else [expect(case)],
                }
            ],
        }
        for case in cases
    ]
    path = folder / "test.yml"
    write_text(path, json.dumps({"rule_files": ["alerts.yml"], "evaluation_interval": every, "tests": tests}))
    return path


@pytest.mark.parametrize("every", ["1m", "30m"])  # the second for those that look at a whole day
def test_each_alert_fires_and_not_just_below(tmp_path, every):
    cases = [case for case in CASES if (case.alert == "ModelIdle") == (every == "30m")]
    done = call("promtool", "test", "rules", write_test(tmp_path, MODEL, cases, every=every))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_alerts_of_a_loss_look_at_the_low_end(tmp_path):
    model = replace(MODEL, shares=(), metric="rmse", limit=2.0)
    low = {"metric": "rmse", "bound": "low"}
    labels = (*HERE, ("bound", "low"), ("metric", "rmse"))
    cases = [
        case
        for alert, name in (
            ("ModelPerformanceLow", "performance"),
            ("ModelPerformanceEstimatedLow", "performance_estimated"),
        )
        for case in (
            Case(alert, gauge(name, 2.001, **low), "2m", labels, ((rules.NUMBER, "2.001"),)),
            quiet(alert, gauge(name, 2.0, **low), "2m"),
            quiet(alert, gauge(name, 3.0, metric="rmse", bound="high"), "2m"),
        )
    ]
    done = call("promtool", "test", "rules", write_test(tmp_path, model, cases))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_every_alert_has_cases_that_fire_and_that_do_not():
    names = {rule.name for rule in list_alerts(MODEL, Alerts())}
    assert {case.alert for case in CASES if case.quiet} == names
    assert {case.alert for case in CASES if not case.quiet} == names


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_each_class_of_a_real_model_surges_and_drops(make_packaged, tmp_path, task):
    model = load_watched(make_packaged(task).folder, Validate(metric="accuracy"))
    mixed = dict(model.shares)
    assert sum(mixed.values()) == pytest.approx(1)

    def move(label: str, share: float) -> dict[str, str]:
        rest = (1 - share) / (1 - mixed[label])
        rows = {name: 1000 * (share if name == label else old * rest) for name, old in mixed.items()}
        series = f'toolkit_predictions_total{{job="{model.name}",instance="a:1",label=%s}}'
        every = {f'toolkit_rows_total{{job="{model.name}",instance="a:1"}}': "0+1000x200"}
        return every | {series % json.dumps(name): f"0+{count:.6f}x200" for name, count in rows.items()}

    tests = []
    for label, old in model.shares:
        noise = SIGMAS * math.sqrt(old * (1 - old) * (1 / model.rows + 1 / 60_000))
        limits = {
            "ModelLabelSurge": max(2 * old / (1 + old), old + noise),
            "ModelLabelDrop": min(old / (2 - old), old - noise),
        }
        for alert, limit in limits.items():
            beyond = 0.001 if alert == "ModelLabelSurge" else -0.001
            for share, firing in ((limit + beyond, 1), (limit - beyond, 0)):
                if not 0 <= share <= 1:  # the reference is too small to tell: quiet, whatever comes
                    share, firing = min(max(share, 0), 1), 0  # noqa: PLW2901
                query = f'count(ALERTS{{alertname="{alert}",alertstate="firing",label={json.dumps(label)}}})'
                found = [{"labels": "{}", "value": 1}] if firing else []
                check = {"expr": query, "eval_time": "70m", "exp_samples": found}
                series = [{"series": name, "values": values} for name, values in move(label, share).items()]
                tests.append({"interval": "1m", "input_series": series, "promql_expr_test": [check]})
    path = write_test(tmp_path, model, [])
    content = json.loads(path.read_text())
    write_text(path, json.dumps({**content, "tests": tests}))
    done = call("promtool", "test", "rules", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def quote(name: str) -> str:
    """Write a text as PromQL reads it."""
    return json.dumps(name, ensure_ascii=False).replace("\x85", "\\u0085")


FILES = ("alerts.yml", "prometheus.yml", "alertmanager.yml", "dashboard.json")
NASTY = (
    'a"b\n{}',
    "it's",
    "{{ $value }}",
    "null",
    "1e3",
    "yes",
    "\\",
    "#",
    "größe",
    " ",
    "\u2028\x00\x85",
    "😀",
)


def test_labels_of_any_name_arrive_whole(tmp_path):
    model = replace(MODEL, shares=tuple((name, 1 / len(NASTY)) for name in NASTY))
    recorded = 'job_label:toolkit_predictions:reference{job="m",label=%s}'
    check = {
        "expr": "job_label:toolkit_predictions:reference",
        "eval_time": "1m",
        "exp_samples": [{"labels": recorded % quote(name), "value": 0.0833333} for name in NASTY],
    }
    path = write_test(tmp_path, model, [])
    tests = [{"interval": "1m", "input_series": [], "promql_expr_test": [check]}]
    write_text(path, write_yaml({**json.loads(path.read_text()), "tests": tests}))
    done = call("promtool", "test", "rules", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True))
def test_rules_are_valid_whatever_the_classes_are_called(tmp_path, labels):
    model = replace(MODEL, shares=tuple((label, 1 / len(labels)) for label in labels))
    text = write_yaml(describe_rules(model, Alerts()))
    write_text(tmp_path / "alerts.yml", text)
    done = call("promtool", "check", "rules", tmp_path / "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    read = YAML(typ="safe").load(text)["groups"][0]["rules"]
    assert [rule["labels"]["label"] for rule in read if "labels" in rule] == labels


def test_what_is_switched_off_is_left_out():
    off = Alerts(silence_s=0, max_age_days=0, idle=0, disk_free_mb=0)
    every, fewer = ({rule.name for rule in list_alerts(MODEL, alerts)} for alerts in (Alerts(), off))
    assert every - fewer == {"ModelSilent", "ModelOld", "ModelIdle", "ModelLogDiskFull"}
    regression = {rule.name for rule in list_alerts(replace(MODEL, shares=()), Alerts())}
    assert every - regression == {"ModelLabelSurge", "ModelLabelDrop"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a project whose params.yaml gates on what the packaged models of the tests are followed by."""
    root = tmp_path_factory.mktemp("project")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert "  metric: roc_auc " in text
    write_text(root / "params.yaml", text.replace("  metric: roc_auc ", "  metric: accuracy "))
    return root


@pytest.fixture
def written(project, make_packaged, tmp_path):
    packaged = make_packaged().folder
    return write_alerts(project, tmp_path / "monitoring", str(packaged), ["10.0.0.1:3000", "10.0.0.2:3000"])


def test_configurations_please_their_programs(written):
    rules, prometheus, alertmanager, _ = written
    for tool, action, path in (
        ("promtool", ("check", "rules"), rules),
        ("promtool", ("check", "config"), prometheus),
        ("amtool", ("check-config",), alertmanager),
    ):
        done = call(tool, *action, path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "10.0.0.2:3000" in prometheus.read_text()


def test_prometheus_may_ask_by_https_with_a_token(project, make_packaged, tmp_path):
    write_text(tmp_path / "token", "x" * 32)
    targets = ["https://model.example:443", "https://[::1]:3001"]
    written = write_alerts(project, tmp_path, str(make_packaged().folder), targets, str(tmp_path / "token"))
    done = call("promtool", "check", "config", written[1])
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = YAML(typ="safe").load(written[1].read_text())["scrape_configs"]
    assert job["scheme"] == "https"
    assert job["authorization"] == {"credentials_file": str(tmp_path / "token")}
    assert job["static_configs"] == [{"targets": ["model.example:443", "[::1]:3001"]}]


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (["localhost"], "must be HOST:PORT, or https://HOST:PORT. Got 'localhost' instead"),
        (["a:1", "http://b:2/metrics"], "Got 'http://b:2/metrics' instead"),
        (["a:99999"], "Got 'a:99999' instead"),
        (["a:1", "https://b:1"], "must all be asked by https, or none"),
    ],
)
def test_a_wrong_target_is_told_and_nothing_is_written(project, make_packaged, tmp_path, targets, words):
    with pytest.raises(ToolkitError, match=re.escape(words)):
        write_alerts(project, tmp_path / "made", str(make_packaged().folder), targets)
    assert not (tmp_path / "made").exists()


def test_the_private_address_is_asked_where_there_is_one(tmp_path):
    write_text(
        tmp_path / "settings.json",
        json.dumps({"metrics_address": "0.0.0.0:9000", "tls_certificate": "c.pem"}),
    )
    assert find_target(tmp_path) == "https://localhost:9000"
    write_text(tmp_path / "settings.json", json.dumps({"metrics_address": "", "tls_certificate": ""}))
    assert find_target(tmp_path) == "localhost:3000"


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "ModelDown", "severity": "critical"}, "critical"),
        ({"alertname": "ModelFeatureDrift", "severity": "warning"}, "warning"),
        ({"alertname": "ModelOld", "severity": "info"}, "info"),
        ({"alertname": "Another"}, "warning"),
    ],
)
def test_alerts_go_to_the_receiver_of_their_severity(written, labels, receiver):
    pairs = [f"{name}={value}" for name, value in labels.items()]
    done = call("amtool", "config", "routes", "test", f"--config.file={written[2]}", *pairs)
    assert (done.returncode, done.stdout.strip()) == (0, receiver)


def test_alerts_that_are_silenced_by_others_exist():
    names = {rule.name for rule in list_alerts(MODEL, Alerts())}
    assert {*SILENCED, *(name for silenced in SILENCED.values() for name in silenced)} <= names


def test_each_alert_has_its_part_of_the_page():
    page = (ROOT / "docs/alerting.md").read_text(encoding="utf-8")
    told = {line.removeprefix("### ") for line in page.splitlines() if line.startswith("### Model")}
    assert told == {rule.name for rule in list_alerts(MODEL, Alerts())}


def test_files_are_the_same_each_time_and_without_a_secret(project, written, make_packaged, tmp_path):
    again = write_alerts(
        project, tmp_path / "again", str(make_packaged().folder), ["10.0.0.1:3000", "10.0.0.2:3000"]
    )
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]
    assert "://" not in written[2].read_text().replace("https://prometheus.io/docs/", "")


def test_alerts_are_made_of_files(project, tmp_path):
    with pytest.raises(ToolkitError, match="give a Bento's tag or a folder"):
        write_alerts(project, tmp_path, "http://127.0.0.1:3000")


def test_the_command_says_what_it_wrote(project, make_packaged, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOOLKIT_ROOT", str(project))
    output = tmp_path / "made"
    assert main(["alerts", str(make_packaged().folder), "--output", str(output), "--target", "a:1"]) == 0
    assert capsys.readouterr().out.split() == [str(output / name) for name in FILES]
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    assert main(["alerts", "none:1"]) == 1
    assert "'none:1' must be the tag of a Bento" in capsys.readouterr().err


def test_a_limit_of_another_metric_is_refused(make_packaged, tmp_path):
    with pytest.raises(ToolkitError, match="must be what the packaged model is followed by, accuracy"):
        write_alerts(ROOT, tmp_path, str(make_packaged().folder))
    assert list(tmp_path.iterdir()) == []


def test_a_latency_beyond_the_last_bucket_is_no_limit():
    assert Alerts(p99_ms=int(LATENCY_BUCKETS_S[-1] * 1000) - 1)
    with pytest.raises(ValueError, match="less than 5000"):  # such a quantile would never be seen
        Alerts(p99_ms=int(LATENCY_BUCKETS_S[-1] * 1000))
