"""The configuration of Prometheus and Alertmanager: what is scraped, and who is told how often."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from toolkit.errors import PackageError
from toolkit.packaging.recorded_rules import span
from toolkit.params_package import Alerts

TARGET = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<place>(?:\[[0-9a-fA-F:.%]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5}))/?"
)
SECRETS = "/etc/alertmanager/secrets"
SAMPLE_LIMIT = 2000  # a scrape beyond is refused: twice what the service shows at most

TITLE = '{{ if eq .Status "resolved" }}Over: {{ end }}{{ .CommonLabels.alertname }} ({{ .CommonLabels.job }})'
TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "{{ .Annotations.runbook_url }}\n{{ end }}"
)

# When the first holds, the others are told by it already.
SILENCED = {
    "ModelDown": ("ModelSilent",),  # no more: the other servers may have troubles of their own
    "ModelSilent": ("ModelIdle",),
    "ModelErrors": ("ModelSlow",),
    "ModelPerformanceLow": ("ModelPerformanceEstimatedLow", "ModelConceptDrift"),
    "ModelLogDiskFull": ("ModelLogLoss",),
}


def describe_prometheus(
    name: str, alerts: Alerts, targets: Sequence[str], rules: str, token_file: str = ""
) -> dict[str, Any]:
    """Describe prometheus.yml: scrape ``targets`` (host:port or https://host:port), evaluate the file ``rules``.

    Raises
    ------
    PackageError
        A target is no address, or some are asked by HTTPS and others are not.
    """
    interval = span(alerts.scrape_s)
    scheme, places = parse_targets(targets)
    asked: dict[str, Any] = {} if scheme == "http" else {"scheme": scheme}
    if token_file:
        asked["authorization"] = {"credentials_file": token_file}
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["localhost:9093"]}]}]},
        "scrape_configs": [
            {
                "job_name": name,
                "metrics_path": "/metrics",
                **asked,
                "sample_limit": SAMPLE_LIMIT,
                "static_configs": [{"targets": places}],
            }
        ],
    }


def parse_targets(targets: Sequence[str]) -> tuple[str, list[str]]:
    """Give how to ask (http or https), and host:port of each server."""
    found = [TARGET.fullmatch(target) for target in targets]
    for target, match in zip(targets, found, strict=True):
        if match is None or not 0 < int(match["port"]) < 65_536:
            raise PackageError(
                f"A target must be HOST:PORT, or https://HOST:PORT. Got '{target}' instead: "
                "the path is always /metrics."
            )
    schemes = {match["scheme"] or "http" for match in found if match}
    if len(schemes) > 1:
        raise PackageError(
            "Targets must all be asked by https, or none. Make two sets of files for the two kinds."
        )
    return schemes.pop(), [match["place"] for match in found if match]


def describe_alertmanager(secrets: str = SECRETS) -> dict[str, Any]:
    """Describe alertmanager.yml; the addresses that messages go to are read from files in ``secrets``."""
    return {
        "route": {
            "receiver": "warning",
            "group_by": ["alertname", "job"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "1d",
            "routes": [
                {"matchers": ['severity="critical"'], "receiver": "critical", "repeat_interval": "1h"},
                {"matchers": ['severity="info"'], "receiver": "info", "repeat_interval": "7d"},
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{source}"'],
                "target_matchers": [f'alertname=~"{"|".join(targets)}"'],
                "equal": ["job"],
            }
            for source, targets in SILENCED.items()
        ],
        "receivers": [
            {
                "name": severity,
                "slack_configs": [
                    {
                        "api_url_file": f"{secrets}/{severity}_url",
                        "send_resolved": True,
                        "title": TITLE,
                        "text": TEXT,
                    }
                ],
            }
            for severity in ("critical", "warning", "info")
        ],
    }
