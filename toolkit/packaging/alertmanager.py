"""The configuration of Prometheus and Alertmanager: what is scraped, and who is told how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.packaging.recorded_rules import span
from toolkit.params_package import Alerts

SECRETS = "/etc/alertmanager/secrets"
SAMPLE_LIMIT = 2000  # a scrape beyond is refused: twice what the service shows at most

TITLE = '{{ if eq .Status "resolved" }}Over: {{ end }}{{ .CommonLabels.alertname }} ({{ .CommonLabels.job }})'
TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "{{ .Annotations.runbook_url }}\n{{ end }}"
)

# When the first holds, the others are told by it already.
SILENCED = {
    "ModelDown": ("ModelSilent", "ModelErrors", "ModelSlow"),
    "ModelSilent": ("ModelIdle",),
    "ModelErrors": ("ModelSlow",),
    "ModelPerformanceLow": ("ModelPerformanceEstimatedLow", "ModelConceptDrift"),
    "ModelLogDiskFull": ("ModelLogLoss",),
}


def describe_prometheus(name: str, alerts: Alerts, targets: Sequence[str], rules: str) -> dict[str, Any]:
    """Describe prometheus.yml: scrape ``targets`` (host:port), evaluate the file ``rules``."""
    interval = span(alerts.scrape_s)
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["localhost:9093"]}]}]},
        "scrape_configs": [
            {
                "job_name": name,
                "metrics_path": "/metrics",
                "sample_limit": SAMPLE_LIMIT,
                "static_configs": [{"targets": list(targets)}],
            }
        ],
    }


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
