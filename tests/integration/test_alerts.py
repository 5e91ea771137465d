"""Every alert fires on recorded series, not just below, and says what happened: by promtool, on the real rules."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_tools import call

from toolkit.artifacts import write_text
from toolkit.errors import ToolkitError
from toolkit.packaging import alert_rules as rules
from toolkit.packaging.alert_rules import list_alerts
from toolkit.packaging.alerts import describe_rules, load_watched, write_yaml
from toolkit.packaging.recorded_rules import SIGMAS, Watched
from toolkit.params import Validate
from toolkit.params_package import Alerts

pytestmark = [pytest.mark.integration, pytest.mark.prometheus]

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
    return {name % label: f"0+{count}x200" for label, count in parts.items()}


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
    Case("ModelFeatureDrift", drift("feature", 'a"b\n{}', 0.31, 1), "2m", column('a"b\n{}', "feature"), ((rules.CHANGE, "+31%"),)),
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


def write_test(folder, model, cases, alerts=None):
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
    write_text(path, json.dumps({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests}))
    return path


def test_each_alert_fires_and_not_just_below(tmp_path):
    done = call("promtool", "test", "rules", write_test(tmp_path, MODEL, CASES))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
