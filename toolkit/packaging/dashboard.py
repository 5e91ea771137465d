"""A Grafana dashboard of the service: plain panels of Grafana's core, one data source, nothing of the model's names.

Features and classes come in as values of labels, so the same dashboard suits a model of other features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toolkit.packaging.recorded_rules import ANSWERS, Watched

SCHEMA_VERSION = 42  # of Grafana 12; older and newer ones migrate it
WIDTH = 24  # columns of Grafana's grid
HEIGHT = 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
HERE = 'job="$job",instance=~"$instance"'
RATE = "[$__rate_interval]"
SHOWN = 40  # columns of the heat maps: those that changed most


@dataclass(frozen=True)
class Panel:
    """One panel: queries as (PromQL, legend)."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    about: str = ""
    limit: float | None = None  # a red line
    options: dict[str, Any] = field(default_factory=dict)


def describe_dashboard(model: Watched) -> dict[str, Any]:
    """Describe the dashboard as Grafana imports it."""
    return {
        "uid": f"toolkit-{model.name}"[:40],
        "title": f"Model {model.name}",
        "description": "Traffic, latency, errors, predictions, drift and performance of one packaged model.",
        "tags": ["toolkit", "model"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "id": None,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": [_mark_alerts()]},
        "links": [],
        "templating": {"list": _list_variables(model)},
        "panels": list(_place(_list_rows(model))),
    }


def _list_rows(model: Watched) -> list[tuple[str, list[Panel]]]:
    return [
        ("Traffic", _list_traffic()),
        ("Latency", _list_latency()),
        ("Errors", _list_errors()),
        ("Predictions", _list_predictions(model)),
        ("Drift", _list_drift()),
        ("Performance", _list_performance(model)),
        ("Log and notifications", _list_log()),
        ("Resources", _list_resources()),
    ]


def _list_traffic() -> list[Panel]:
    requests = f"toolkit_requests_total{{{HERE},{ANSWERS}}}"
    return [
        Panel("Model", ((f"toolkit_model_info{{{HERE}}}", "{{version}} ({{instance}})"),), kind="stat", width=6,
              options={"textMode": "name"}),
        Panel("Up", ((f"up{{{HERE}}}", "{{instance}}"),), kind="stat", width=4),
        Panel("Requests per second", ((f"sum by (endpoint, status) (rate({requests}{RATE}))",
                                       "{{endpoint}} {{status}}"),), "reqps", width=7),
        Panel("Rows predicted per second", ((f"sum by (instance) (rate(toolkit_rows_total{{{HERE}}}{RATE}))",
                                             "{{instance}}"),), "short", width=7),
    ]  # fmt: skip


def _list_latency() -> list[Panel]:
    buckets = f"sum by (le) (rate(toolkit_request_seconds_bucket{{{HERE}}}{RATE}))"
    quantiles = tuple((f"histogram_quantile({q}, {buckets})", f"{q:.0%}") for q in (0.5, 0.9, 0.99))
    return [
        Panel(
            "Time to answer", quantiles, "s", width=12, about="Half, nine tenths and 99 of 100 are quicker."
        ),
        Panel("Requests by time to answer", ((buckets, "{{le}}"),), "s", "heatmap", 12),
    ]


def _list_errors() -> list[Panel]:
    requests = f"toolkit_requests_total{{{HERE},{ANSWERS}}}"
    every = f"sum(rate({requests}{RATE}))"

    def share(status: str) -> str:
        counted = requests.replace("}", f',status=~"{status}"}}')
        return f"(sum(rate({counted}{RATE})) or 0 * {every}) / {every}"

    return [
        Panel("Share of requests", ((share("5.."), "failed (5xx)"), (share("4.."), "refused (4xx)")), "percentunit"),
        Panel("Errors per second by kind", ((f"sum by (kind) (rate(toolkit_errors_total{{{HERE}}}{RATE}))",
                                             "{{kind}}"),), "reqps"),
        Panel("Values against the schema, by feature", (
            (f"topk(10, sum by (feature) (increase(toolkit_schema_violations_total{{{HERE}}}[$__range])))",
             "{{feature}}"),), kind="bargauge", about="In the time shown."),
    ]  # fmt: skip


def _list_predictions(model: Watched) -> list[Panel]:
    labels = f"sum by (label) (rate(toolkit_predictions_total{{{HERE}}}{RATE}))"
    rows = f"sum(rate(toolkit_rows_total{{{HERE}}}{RATE}))"
    of_rows = f"ignoring (feature) group_left () {rows}"
    panels = [
        Panel("Scores", ((f'sum by (le) (increase(toolkit_score_bucket{{{HERE},output="$output"}}{RATE}))', "{{le}}"),),
              kind="heatmap"),
        Panel("Missing values, share of rows", (
            (f"topk(10, sum by (feature) (rate(toolkit_missing_values_total{{{HERE}}}{RATE})) / {of_rows})",
             "{{feature}}"),), "percentunit"),
        Panel("Unseen categories, share of rows", (
            (f"topk(10, sum by (feature) (rate(toolkit_unseen_values_total{{{HERE}}}{RATE})) / {of_rows})",
             "{{feature}}"),), "percentunit"),
    ]  # fmt: skip
    if model.shares:
        mix = (f"{labels} / ignoring (label) group_left () {rows}", "{{label}}")
        reference = ('job_label:toolkit_predictions:reference{job="$job"}', "{{label}} (reference)")
        panels.insert(0, Panel("Labels predicted", (mix, reference), "percentunit"))
    return [replace(panel, width=WIDTH // len(panels)) for panel in panels]


def _list_drift() -> list[Panel]:
    most = f'topk({SHOWN}, max by (column) (abs(toolkit_drift_change{{{HERE},group="%s"}})))'
    alarms = f"toolkit_drift_change{{{HERE}}} and on (job, instance, column, group) toolkit_drift_alarm{{{HERE}}} == 1"
    return [
        Panel("Features: change of the share that changed most", ((most % "feature", "{{column}}"),), "percentunit",
              "status-history", 16, "The features that changed most, over time; 0 is no change."),
        Panel("Evidence of drift", ((f"max by (watch) (toolkit_drift_evidence{{{HERE}}})", "{{watch}}"),),
              about="There is an alarm from 1 on.", limit=1),
        Panel("Predictions, labels and errors: change", (
            (f'max by (group, column) (abs(toolkit_drift_change{{{HERE},group!="feature"}}))',
             "{{group}} {{column}}"),), "percentunit", "status-history", 16),
        Panel("Open drift alarms", ((f"count({alarms}) or vector(0)", "open"),), kind="stat", width=8),
    ]  # fmt: skip


def _list_performance(model: Watched) -> list[Panel]:
    chosen = f'{HERE},metric="{model.metric}"'
    return [
        Panel(f"{model.metric}: measured on labels that came back", (
            (f"toolkit_performance{{{chosen}}}", "{{bound}} ({{instance}})"),
            (f"toolkit_performance_reference{{{chosen}}}", "when validated")), width=9, limit=model.limit),
        Panel(f"{model.metric}: estimated before they came", (
            (f"toolkit_performance_estimated{{{chosen}}}", "{{bound}} ({{instance}})"),), width=9, limit=model.limit),
        Panel("Feedback per second", ((f"sum by (result) (rate(toolkit_feedback_total{{{HERE}}}{RATE}))",
                                       "{{result}}"),), width=6),
    ]  # fmt: skip


def _list_log() -> list[Panel]:
    return [
        Panel("Records per second", (
            (f"sum(rate(toolkit_log_records_total{{{HERE}}}{RATE}))", "written"),
            (f"sum(rate(toolkit_log_records_lost_total{{{HERE}}}{RATE}))", "lost")), width=6),
        Panel("Size of the log, and what the disk has left", (
            (f"toolkit_log_bytes{{{HERE}}}", "log ({{instance}})"),
            (f"toolkit_log_free_bytes{{{HERE}}}", "left ({{instance}})")), "bytes", width=6),
        Panel("Notifications of the service itself",
              ((f"sum by (result) (increase(toolkit_notifications_total{{{HERE}}}{RATE}))", "{{result}}"),), width=6),
        Panel("Segments removed to keep its size",
              ((f"sum by (instance) (increase(toolkit_log_segments_removed_total{{{HERE}}}{RATE}))",
                "{{instance}}"),), width=6),
    ]  # fmt: skip


def _list_resources() -> list[Panel]:
    each = "{{instance}}"
    cpu = f"rate(toolkit_process_cpu_seconds_total{{{HERE}}}{RATE})"
    return [
        Panel("CPU per worker", ((f"{cpu} / toolkit_workers{{{HERE}}}", each),), "percentunit", limit=1),
        Panel("Memory of the workers", ((f"toolkit_process_resident_memory_bytes{{{HERE}}}", each),), "bytes"),
        Panel("Requests at once", ((f"toolkit_in_flight{{{HERE}}}", each),
                                   (f"toolkit_in_flight_limit{{{HERE}}}", f"limit ({each})"))),
        Panel("GPU", ((f"toolkit_gpu_utilization_ratio{{{HERE}}}", f"{each} GPU {{{{gpu}}}}"),), "percentunit",
              about="Empty where there is none."),
        Panel("GPU memory", ((f"toolkit_gpu_memory_used_bytes{{{HERE}}}", f"{each} GPU {{{{gpu}}}}"),), "bytes",
              about="Empty where there is none."),
        Panel("Series, and age of the model", ((f"toolkit_series{{{HERE}}}", f"series ({each})"),
                        (f"(time() - toolkit_model_built_timestamp_seconds{{{HERE}}}) / 86400", f"days ({each})"))),
    ]  # fmt: skip


def _list_variables(model: Watched) -> list[dict[str, Any]]:
    current = {"text": model.name, "value": model.name}
    every = {"text": ["All"], "value": ["$__all"]}
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "",
         "hide": 0, "refresh": 1, "multi": False, "includeAll": False, "options": []},
        _ask("job", "Model", "label_values(toolkit_model_info, job)", current, several=False),
        _ask("instance", "Server", 'label_values(up{job="$job"}, instance)', every, several=True),
        _ask("output", "Score", 'label_values(toolkit_score_bucket{job="$job"}, output)', {}, several=False),
    ]  # fmt: skip


def _ask(name: str, label: str, query: str, current: dict[str, Any], several: bool) -> dict[str, Any]:
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query,
        "query": {"query": query, "refId": "variable"}, "refresh": 2, "sort": 1, "regex": "", "hide": 0,
        "multi": several, "includeAll": several, "allValue": ".*" if several else None, "current": current,
        "options": [],
    }  # fmt: skip


def _mark_alerts() -> dict[str, Any]:
    """Mark on every plot when an alert of the model began and ended."""
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{job="$job",alertstate="firing",severity!="info"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{column}}{{label}} {{instance}}",
        "step": "60s",
    }


def _place(rows: Sequence[tuple[str, list[Panel]]]) -> Iterator[dict[str, Any]]:
    """Give each row and its panels a place on the grid, from left to right."""
    number = y = 0
    for title, panels in rows:
        number += 1
        where = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        yield {
            "id": number, "type": "row", "title": title, "collapsed": False, "gridPos": where, "panels": []
        }  # fmt: skip
        y, x = y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + HEIGHT
            number += 1
            where = {"x": x, "y": y, "w": panel.width, "h": HEIGHT}
            yield {"id": number, "gridPos": where, **_describe(panel)}
            x += panel.width
        y += HEIGHT


def _describe(panel: Panel) -> dict[str, Any]:
    heat = panel.kind == "heatmap"
    instant = panel.kind in ("stat", "bargauge")
    targets = [
        {
            "refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend,
            "editorMode": "code", "range": not instant, "instant": instant,
            "format": "heatmap" if heat else "time_series",
        }
        for index, (query, legend) in enumerate(panel.queries)
    ]  # fmt: skip
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": _choose_looks(panel), "overrides": []},
        "options": {**OPTIONS[panel.kind], **panel.options},
    }


LEGEND = {"showLegend": True, "displayMode": "list", "placement": "bottom"}
LAST = {"calcs": ["lastNotNull"], "values": False, "fields": ""}
OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {"reduceOptions": LAST, "colorMode": "none", "graphMode": "none", "textMode": "auto"},
    "bargauge": {"reduceOptions": LAST, "orientation": "horizontal", "displayMode": "basic"},
    "status-history": {"showValue": "never", "rowHeight": 0.9, "legend": {"showLegend": False},
                       "tooltip": {"mode": "single"}},
    "heatmap": {"calculate": False, "cellGap": 1, "color": {"mode": "scheme", "scheme": "Blues", "steps": 32},
                "legend": {"show": True}, "tooltip": {"mode": "single"}},
}  # fmt: skip


def _choose_looks(panel: Panel) -> dict[str, Any]:
    looks: dict[str, Any] = {"unit": panel.unit, "color": {"mode": "palette-classic"}}
    if panel.kind == "status-history":
        looks |= {"color": {"mode": "continuous-blues"}, "min": 0, "max": 0.5, "custom": {"fillOpacity": 90}}
    elif panel.kind == "timeseries":
        looks |= {"custom": {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "spanNulls": False}}
        if panel.limit is not None:
            steps = [{"color": "transparent", "value": None}, {"color": "red", "value": panel.limit}]
            looks["thresholds"] = {"mode": "absolute", "steps": steps}
            looks["custom"]["thresholdsStyle"] = {"mode": "line"}
    return looks
