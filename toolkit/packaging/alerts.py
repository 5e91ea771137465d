"""``toolkit alerts``: what Prometheus, Alertmanager and Grafana need to watch the service, made for its model."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json, write_text
from toolkit.errors import PackageError
from toolkit.monitoring.performance_reference import load_reference
from toolkit.monitoring.profile import load_profile
from toolkit.packaging.alert_rules import list_alerts
from toolkit.packaging.alertmanager import describe_alertmanager, describe_prometheus
from toolkit.packaging.dashboard import describe_dashboard
from toolkit.packaging.lineage import find_package
from toolkit.packaging.recorded_rules import Watched, list_recorded
from toolkit.params import Validate
from toolkit.params_file import load_params
from toolkit.params_package import Alerts
from toolkit.serving.exposition import MOST_LABELS, choose_labels
from toolkit.serving.model import check_manifest

RULES = "alerts.yml"
HEAD = "# Made by 'toolkit alerts' from params.yaml and the packaged model; docs/alerting.md says how to use it.\n"
RECEIVERS = """# Each api_url_file holds one address, of Slack, Mattermost or whatever takes the same messages, and is
# for Alertmanager's eyes alone. For e-mail, PagerDuty and others put their section in its place:
# https://prometheus.io/docs/alerting/latest/configuration/#receiver
"""
PRIOR = 0.5  # rows added to each class: one that was never predicted has a share above 0


def write_alerts(
    root: Path, folder: Path, source: str = "", targets: Sequence[str] = (), token_file: str = ""
) -> list[Path]:
    """Write alert rules, the configuration of Prometheus and Alertmanager, and a dashboard of Grafana.

    Parameters
    ----------
    root : Path
        The project; its params.yaml has the limits (``package.alerts``, ``validate``).
    folder : Path
        Where to write; files of these names are replaced.
    source : str
        A Bento's tag, or a folder with a package or a Bento. Empty: models/package.
    targets : sequence of str
        host:port or https://host:port of each server; default: the model's private address, else localhost:3000.
    token_file : str
        Where Prometheus finds the service's token; empty: it asks for none.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    PackageError, ModelError
        There is no such model, its files are not those that were packaged, or a target is no address.
    ParamsError
        params.yaml is wrong.
    """
    if source.startswith(("http://", "https://")):
        raise PackageError(
            f"Alerts are made from a model's files: give a Bento's tag or a folder. Got the address {source}."
        )
    params = load_params(root)
    package = find_package(root, source)[0]
    model = load_watched(package, params["validate"])
    alerts, targets = params["package"].alerts, targets or [find_target(package)]
    texts = {
        RULES: HEAD + write_yaml(describe_rules(model, alerts)),
        "prometheus.yml": HEAD
        + write_yaml(describe_prometheus(model.name, alerts, targets, RULES, token_file)),
        "alertmanager.yml": HEAD + RECEIVERS + write_yaml(describe_alertmanager()),
        "dashboard.json": json.dumps(describe_dashboard(model), indent=2, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def find_target(package: Path) -> str:
    """Find where a packaged model shows its metrics when it is served with its own settings."""
    settings = load_json(package / "settings.json")
    host, _, port = (settings.get("metrics_address") or "localhost:3000").rpartition(":")
    place = f"{'localhost' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104  # where it listens
    return f"https://{place}" if settings.get("tls_certificate") else place


def load_watched(folder: Path, validate: Validate) -> Watched:
    """Read what the rules need to know of a packaged model.

    Raises
    ------
    PackageError
        The model is followed by another metric than the one that ``validate`` has a limit for.
    """
    check_manifest(folder)
    followed = load_reference(folder / "performance.json").metric
    if followed != validate.metric:
        raise PackageError(
            f"validate.metric must be what the packaged model is followed by, {followed}, or its limit says nothing. "
            f"Got {validate.metric}. Run './run dvc repro package', or alerts on the Bento that is served."
        )
    profile = load_profile(folder / "profile.json")
    name = load_json(folder / "settings.json")["name"]
    cells = next((cells for cells in profile.predictions if cells.name == "label"), None)
    shares: tuple[tuple[str, float], ...] = ()
    rows = sum(profile.predictions[0].counts) if profile.predictions else 0
    if cells is not None:
        shown = choose_labels(profile, MOST_LABELS)
        whole = rows + PRIOR * len(cells.categories)
        shares = tuple(
            (label, (count + PRIOR) / whole)
            for label, count in zip(cells.categories, cells.counts, strict=False)
            if label in shown
        )
    return Watched(name, shares, rows, validate.metric, validate.limit)


def describe_rules(model: Watched, alerts: Alerts) -> dict[str, Any]:
    """Describe the file of rules: what is recorded, then the alerts that build on it."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    recorded = list_recorded(model, alerts)
    for rule in recorded:
        if "labels" in rule:  # names that people chose, which must not be taken for a number or a null
            rule["labels"] = {name: DoubleQuotedScalarString(value) for name, value in rule["labels"].items()}
    return {
        "groups": [
            {"name": f"{model.name}: recorded", "rules": recorded},
            {
                "name": f"{model.name}: alerts",
                "rules": [rule.to_dict(alerts.runbook) for rule in list_alerts(model, alerts)],
            },
        ]
    }


def write_yaml(values: Any) -> str:
    """Write values as YAML that Prometheus reads."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 110
    stream = io.StringIO()
    yaml.dump(values, stream)
    return stream.getvalue()
