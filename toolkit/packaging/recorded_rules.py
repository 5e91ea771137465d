"""What Prometheus records of the service's metrics: shares and rates that the alerts and the dashboard build on.

The names of features and classes appear in no query: they are values of labels. The reference mix of the labels is
recorded too, one series a class, so that one rule serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.params_package import Alerts

SIGMAS = 4  # a share beyond its limit by chance: once in 30,000 looks at independent rows
ANSWERS = 'endpoint=~"predict.*|explain|feedback"'  # not the probes, nor what is not there


@dataclass(frozen=True)
class Watched:
    """What the rules need to know of a packaged model.

    Attributes
    ----------
    name : str
        Of the Bento; Prometheus' job.
    shares : tuple of (str, float)
        The classes with the share of the reference rows that the model predicts to be so; empty for regression.
    rows : int
        Reference rows that were predicted.
    metric, limit
        What ``validate`` gates on, and its worst value that passes.
    """

    name: str
    shares: tuple[tuple[str, float], ...]
    rows: int
    metric: str
    limit: float


def span(seconds: int) -> str:
    """Write a duration as Prometheus does.

    Examples
    --------
    >>> span(86400), span(300), span(90), span(0)
    ('1d', '5m', '90s', '0s')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def list_recorded(model: Watched, alerts: Alerts) -> list[dict[str, Any]]:
    """List what Prometheus records, in the order in which one needs the other."""
    job, window = f'job="{model.name}"', span(alerts.window_s)
    requests = f"toolkit_requests_total{{{job},{ANSWERS}}}"
    labels = f"increase(toolkit_predictions_total{{{job}}}[{span(alerts.label_window_s)}])"
    reference = f"job_label:toolkit_predictions:reference{{{job}}}"

    def share(status: str) -> str:
        counted = requests.replace("}", f',status=~"{status}"}}')
        every = f"sum by (job) (rate({requests}[{window}]))"
        return f"(sum by (job) (rate({counted}[{window}])) or 0 * {every}) / {every}"

    named = {
        "job:toolkit_requests:increase": f"sum by (job) (increase({requests}[{window}]))",
        "job:toolkit_requests_failed:share": share("5.."),
        "job:toolkit_requests_refused:share": share("4.."),
        "job:toolkit_request_seconds:p99": (
            f"histogram_quantile(0.99, sum by (job, le) (rate(toolkit_request_seconds_bucket{{{job}}}[{window}])))"
        ),
        "instance:toolkit_in_flight:share": (
            f"sum by (job, instance) (avg_over_time(toolkit_in_flight{{{job}}}[{window}]))"
            f" / sum by (job, instance) (toolkit_in_flight_limit{{{job}}})"
        ),
        "instance:toolkit_cpu:share": (
            f"sum by (job, instance) (rate(toolkit_process_cpu_seconds_total{{{job}}}[{window}]))"
            f" / sum by (job, instance) (toolkit_workers{{{job}}})"
        ),
        "job:toolkit_cpu:rate": f"sum by (job) (rate(toolkit_process_cpu_seconds_total{{{job}}}[{window}]))",
    }
    if model.shares:
        named |= {
            "job:toolkit_rows:increase": (
                f"sum by (job) (increase(toolkit_rows_total{{{job}}}[{span(alerts.label_window_s)}]))"
            ),
            "job_label:toolkit_predictions:share": (
                f"sum by (job, label) ({labels}) / on (job) group_left () job:toolkit_rows:increase{{{job}}}"
            ),
            "job_label:toolkit_predictions:noise": (
                f"{SIGMAS} * ({reference} * (1 - {reference})) ^ 0.5 * on (job) group_left ()"
                f" (1 / {model.rows} + 1 / job:toolkit_rows:increase{{{job}}}) ^ 0.5"
            ),
        }
    mix = [
        {
            "record": "job_label:toolkit_predictions:reference",
            "expr": f"vector({share:.6g})",
            "labels": {"job": model.name, "label": label},
        }
        for label, share in model.shares
    ]
    return [*mix, *({"record": name, "expr": expression} for name, expression in named.items())]
