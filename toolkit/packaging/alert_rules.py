"""The alerts that Prometheus raises on the service's metrics: when a person is told what.

Features and classes are named by Prometheus, which fills the values of labels into the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.packaging.recorded_rules import Watched, span
from toolkit.params_package import Alerts

HIGHER_IS_BETTER = {"roc_auc", "accuracy", "f1", "r2"}  # of validate.metric; the others are errors and losses
DOWN_PART, DOWN_SCRAPES = (
    5,
    2,
)  # a target is down after this part of hold_s, and not for one scrape that came late

# What Prometheus fills in when an alert fires.
TARGET = "{{ with $labels.instance }}{{ . }}{{ else }}any target{{ end }}"
INSTANCE = "{{ $labels.instance }}"
LABEL = "{{ $labels.label }}"
COLUMN = "{{ $labels.column }}"
NUMBER = '{{ $value | printf "%.4g" }}'
BYTES = "{{ $value | humanize1024 }}B"
PERCENT = "{{ $value | humanizePercentage }}"
DURATION = "{{ $value | humanizeDuration }}"
CHANGE = "{{ if gt $value 0.0 }}+{{ end }}{{ $value | humanizePercentage }}"
REFERENCE = (
    '{{ with printf "job_label:toolkit_predictions:reference{job=%q,label=%q}" $labels.job $labels.label | query }}'
    "{{ . | first | value | humanizePercentage }}{{ end }}"
)


@dataclass(frozen=True)
class Rule:
    """One alert; ``first`` is what whoever is told does first."""

    name: str
    severity: str
    expression: str
    hold_s: int
    summary: str
    happened: str
    first: str

    def to_dict(self, runbook: str) -> dict[str, Any]:
        """Give the rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": span(self.hold_s),
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": f"{self.happened} First: {self.first}",
                "runbook_url": f"{runbook}#{self.name.lower()}",
            },
        }


def list_alerts(model: Watched, alerts: Alerts) -> list[Rule]:
    """List the alerts that hold for a model; those that params.yaml switches off are left out."""
    return [
        *_list_traffic(model, alerts),
        *(_list_labels(model, alerts) if model.shares else ()),
        *_list_drift(model),
        *_list_performance(model),
        *_list_upkeep(model, alerts),
        *_list_capacity(model, alerts),
    ]


def _list_traffic(model: Watched, alerts: Alerts) -> list[Rule]:
    name, hold, window = model.name, alerts.hold_s, span(alerts.window_s)
    job = f'job="{name}"'
    down_s = max(hold // DOWN_PART, DOWN_SCRAPES * alerts.scrape_s)
    enough = f"and on (job) job:toolkit_requests:increase{{{job}}} >= {alerts.min_requests}"
    rules = [
        Rule(
            "ModelDown", "critical", f"up{{{job}}} == 0 or absent(up{{{job}}})", down_s,
            f"{name} cannot be reached",
            f"Prometheus gets no metrics from {TARGET} of {name}.",
            "ask /livez there; if nothing answers, look at the end of the container's log and start it again.",
        ),
        Rule(
            "ModelErrors", "critical",
            f"job:toolkit_requests_failed:share{{{job}}} > {alerts.errors:g} {enough}", hold,
            f"{name} fails {PERCENT} of its requests",
            f"{PERCENT} of the requests of the last {window} got a status of 500 or more; the limit is "
            f"{alerts.errors * 100:g}%.",
            "see in the service's log which kind it is. 503 with Retry-After is overload: add workers or replicas. "
            "Anything else after a release: go back to the version before.",
        ),
        Rule(
            "ModelSlow", "critical",
            f"job:toolkit_request_seconds:p99{{{job}}} > {alerts.p99_ms / 1000:g} {enough}", hold,
            f"{name} takes {DURATION} for the slowest hundredth of requests",
            f"One request in a hundred took longer than {DURATION} over the last {window}; the limit is "
            f"{alerts.p99_ms} ms.",
            "compare with the requests a second, the rows a request and the CPU on the dashboard. If the CPU is "
            "busy, add workers or replicas.",
        ),
        Rule(
            "ModelRefuses", "warning",
            f"job:toolkit_requests_refused:share{{{job}}} > {alerts.refused:g} {enough}", hold,
            f"{name} refuses {PERCENT} of its requests",
            f"{PERCENT} of the requests of the last {window} got a status from 400 to 499; the limit is "
            f"{alerts.refused * 100:g}%. A client sends what the model cannot take.",
            "see which errors and which features on the dashboard, and ask who changed the client.",
        ),
    ]  # fmt: skip
    if alerts.silence_s:
        quiet = span(alerts.silence_s)
        rows = f"toolkit_rows_total{{{job}}}"
        rules.append(
            Rule(
                "ModelSilent", "warning",
                f"sum by (job) (increase({rows}[{quiet}])) == 0 and on (job) sum by (job) ({rows} offset {quiet})",
                0,
                f"{name} has predicted nothing for {quiet}",
                f"The service is up, and no row was predicted in the last {quiet}.",
                "ask whoever calls it whether that is meant; send the example of /schema to /predict to see that it "
                "answers.",
            )
        )  # fmt: skip
    return rules


def _list_labels(model: Watched, alerts: Alerts) -> list[Rule]:
    job, window, factor = f'job="{model.name}"', span(alerts.label_window_s), alerts.label_factor
    share = f"job_label:toolkit_predictions:share{{{job}}}"
    reference = f"job_label:toolkit_predictions:reference{{{job}}}"
    noise = f"job_label:toolkit_predictions:noise{{{job}}}"
    # Odds, so that one factor suits rare and common labels: from 1 % to 2 %, from 80 % to 89 %.
    surge = f"{factor:g} * {reference} / (1 + {factor - 1:g} * {reference})"
    drop = f"{reference} / ({factor:g} - {factor - 1:g} * {reference})"
    first = (
        "look at the drift of the features on the dashboard, and for new clients or a broken source of data."
    )
    return [
        Rule(
            f"ModelLabel{word}", "warning", expression, alerts.hold_s,
            f"{model.name} predicts '{LABEL}' {how}",
            f"'{LABEL}' is {PERCENT} of the labels predicted in the last {window}; in the reference it is {REFERENCE}.",
            first,
        )
        for word, how, expression in (
            ("Surge", "far more often", f"({share} > {surge}) and ({share} - {reference} > {noise})"),
            ("Drop", "far less often", f"({share} < {drop}) and ({reference} - {share} > {noise})"),
        )
    ]  # fmt: skip


def _list_drift(model: Watched) -> list[Rule]:
    name = model.name
    size = f"The share that changed most: {CHANGE}, seen by {INSTANCE}."
    return [
        _watch_group(
            name, "ModelFeatureDrift", "feature", "warning", f"{name}: feature '{COLUMN}' has drifted",
            f"The values of '{COLUMN}' are no longer those of the training. {size}",
            "see on the service's status page in which direction and since when; ask what changed where it comes from.",
        ),
        _watch_group(
            name, "ModelPredictionDrift", "prediction", "warning", f"{name}: the predictions have drifted ('{COLUMN}')",
            f"The predictions ('{COLUMN}') are no longer those on the reference rows. {size}",
            "look for a feature that drifted too: that is the likely cause. If none did, look at new kinds of clients.",
        ),
        _watch_group(
            name, "ModelLabelShift", "label", "warning", f"{name}: the true labels have shifted",
            f"The labels that came back ('{COLUMN}') have another mix than in training. {size}",
            "check that feedback is not chosen by its label; then plan to train on the newer labels.",
        ),
        _watch_group(
            name, "ModelConceptDrift", "performance", "critical",
            f"{name} errs in another way than when it was validated",
            f"The errors ('{COLUMN}') on rows whose labels came back have changed. {size}",
            "check the labels themselves on ten rows; if they are right, train on newer ones.",
        ),
    ]  # fmt: skip


def _watch_group(name: str, alert: str, group: str, severity: str, *texts: str) -> Rule:
    """Make the alert of one group of columns that the service watches; its value is the change of a share."""
    chosen = f'{{job="{name}",group="{group}"}}'
    alarm = f"on (job, instance, column, group) toolkit_drift_alarm{chosen} == 1"
    return Rule(alert, severity, f"toolkit_drift_change{chosen} and {alarm}", 0, *texts)


def _list_performance(model: Watched) -> list[Rule]:
    name, metric, limit = model.name, model.metric, f"{model.limit:g}"
    bound, sign, worse = ("high", "<", "below") if metric in HIGHER_IS_BETTER else ("low", ">", "above")
    chosen = f'{{job="{name}",metric="{metric}",bound="{bound}"}}'
    edge = f"the {bound} end of its interval is {NUMBER}, seen by {INSTANCE}"
    return [
        Rule(
            "ModelPerformanceLow", "critical", f"toolkit_performance{chosen} {sign} {limit}", 0,
            f"{name}: {metric} is {worse} its limit {limit}",
            f"Measured on the labels that came back, {metric} is {worse} {limit} beyond doubt: {edge}.",
            "check ten of the labels; see whether a feature drifted. Then train on newer rows, or go back to the "
            "model before.",
        ),
        Rule(
            "ModelPerformanceEstimatedLow", "warning", f"toolkit_performance_estimated{chosen} {sign} {limit}", 0,
            f"{name}: {metric} is probably {worse} its limit {limit}",
            f"Estimated from the predictions, before labels came back, {metric} is {worse} {limit}: {edge}.",
            "have some of the newest rows labelled, to know; see which feature drifted.",
        ),
    ]  # fmt: skip


def _list_upkeep(model: Watched, alerts: Alerts) -> list[Rule]:
    name, job, window = model.name, f'job="{model.name}"', span(alerts.window_s)
    lost = f"sum by (job, instance) (increase(toolkit_log_records_lost_total{{{job}}}[{window}]))"
    failed = (
        f'sum by (job, instance) (increase(toolkit_notifications_total{{{job},result!="sent"}}[{window}]))'
    )
    rules = [
        Rule(
            "ModelLogLoss", "warning", f"{lost} > 0", 0,
            f"{name}: predictions are answered and not logged",
            f"About {NUMBER} predictions of the last {window} are not in the prediction log of {INSTANCE}.",
            "see in the service's log why: a full disk, a folder that is read-only or gone, or more than it can write.",
        ),
        Rule(
            "ModelNotificationsFail", "warning", f"{failed} > 0", 0,
            f"{name}: its own notifications do not arrive",
            f"About {NUMBER} messages of {INSTANCE} could not be sent, or were given up, in the last {window}.",
            "see in the service's log what the receiver answered; check its address and token.",
        ),
    ]  # fmt: skip
    if alerts.disk_free_mb:
        free = f"toolkit_log_free_bytes{{{job}}}"
        rules.append(
            Rule(
                "ModelLogDiskFull", "warning", f"{free} < {alerts.disk_free_mb * 1_000_000}", 0,
                f"{name}: the disk of the prediction log is nearly full",
                f"The disk that {INSTANCE} logs to has {BYTES} left; the limit is "
                f"{alerts.disk_free_mb} MB. When it is full, serving goes on and predictions are lost to the log.",
                "move old segments away, or lower package.log.max_mb.",
            )
        )  # fmt: skip
    if alerts.max_age_days:
        age = f"time() - min by (job) (toolkit_model_built_timestamp_seconds{{{job}}})"
        rules.append(
            Rule(
                "ModelOld", "info", f"{age} > {alerts.max_age_days * 86_400}", 0,
                f"{name} is {DURATION} old",
                f"The model was built {DURATION} ago; the limit is {alerts.max_age_days} days.",
                "train on newer rows and compare: validate shows whether it is worth a release.",
            )
        )  # fmt: skip
    return rules


def _list_capacity(model: Watched, alerts: Alerts) -> list[Rule]:
    name, job = model.name, f'job="{model.name}"'
    workers = f"sum by (job) (toolkit_workers{{{job}}})"
    used = f"job:toolkit_cpu:rate{{{job}}}"
    rules = [
        Rule(
            "ModelFull", "warning", f"instance:toolkit_in_flight:share{{{job}}} > {alerts.busy:g}", alerts.hold_s,
            f"{name} is near its limit of requests at once",
            f"{INSTANCE} has {PERCENT} of the requests at once that it takes; beyond, it answers 503.",
            "add workers or replicas; raise package.limits.in_flight only if the CPU is not busy.",
        ),
        Rule(
            "ModelBusy", "warning", f"instance:toolkit_cpu:share{{{job}}} > {alerts.busy:g}", alerts.hold_s,
            f"{name} uses {PERCENT} of its workers' CPU",
            f"The workers of {INSTANCE} are busy {PERCENT} of the time: requests begin to queue.",
            "add workers or replicas, or send several rows in one request.",
        ),
    ]  # fmt: skip
    if alerts.idle:
        rules.append(
            Rule(
                "ModelIdle", "info",
                f"max_over_time({used}[1d]) < {alerts.idle:g} * {workers}"
                f" and on (job) {workers} > 1 and on (job) {used} offset 1d",
                0,
                f"{name} has more workers than it needs",
                f"At the busiest time of the last day the workers together used {NUMBER} CPUs.",
                "take workers or replicas away, one at a time, as far as outages allow.",
            )
        )  # fmt: skip
    return rules
