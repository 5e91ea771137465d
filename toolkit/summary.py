"""What the pipeline ended in, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json
from toolkit.errors import StageError


def summarize(root: Path) -> str:
    """Describe the run in a few lines: rows, labels, leaks, drift; the model's tag and verdict; the next commands.

    Raises
    ------
    StageError
        Nothing has been packaged yet.
    """
    tag_file = root / "models" / "package" / "tag.txt"
    if not tag_file.exists():
        raise StageError("models/package must exist and does not. Run ./run to make it.")
    tag = tag_file.read_text(encoding="utf-8").strip()
    gates = load_json(root / "models" / "package" / "gates.json")["gates"]
    lines = [*_tell_data(root / "reports"), f"Bento    {tag}"]
    lines += [f"gate     {'passed' if gate['passed'] else 'FAILED'}: {gate['message']}" for gate in gates]
    lines += [
        "reports  reports/*.ipynb, the executed notebooks (./run lab); ./run dvc metrics show",
        "next     ./run serve, which prints a request to try; ./run toolkit lineage",
    ]
    return "\n".join(lines)


def _tell_data(reports: Path) -> list[str]:
    """Tell what happened to the rows, so that what was left out or warned of is not only in a notebook."""
    lines = []
    if collected := _load(reports / "collect" / "metrics.json"):
        aside = collected["quarantined"]
        share = f" ({aside / (aside + collected['rows']):.1%})" if aside else ""
        told = (
            f"; {aside:,} put aside{share}: data/raw/quarantine.parquet, reports/collect.ipynb"
            if aside
            else ""
        )
        lines.append(f"rows     {collected['rows']:,}{told}")
    if annotated := _load(reports / "annotate" / "metrics.json"):
        rows, suspects = annotated["rows"], annotated.get("suspects", 0)
        without = rows["unlabelled"] + rows["tied"]
        lines.append(
            f"labels   {rows['labelled']:,}"
            + (f"; {without:,} rows without one" if without else "")
            + (f"; {suspects:,} suspected wrong: reports/annotate.ipynb" if suspects else "")
        )
    found = [
        check["check"]
        for check in _load(reports / "prepare" / "leaks.json").get("checks", [])
        if check["found"]
    ]
    if found:
        lines.append(f"leaks    WARNED of: {', '.join(found)}: reports/prepare.ipynb")
    if idle := _load(reports / "prepare" / "metrics.json").get("idle_features"):
        lines.append(f"features {idle} of no use for held-out rows: reports/prepare.ipynb")
    monitored = _load(reports / "monitor" / "metrics.json")
    if monitored.get("drifted_features") or monitored.get("prediction_drift"):
        predictions = " and the predictions" if monitored["prediction_drift"] else ""
        lines.append(
            f"drift    {monitored['drifted_features']} of {monitored['features']} features{predictions}: "
            "reports/monitor/report.html"
        )
    return lines


def _load(path: Path) -> dict[str, Any]:
    return load_json(path) if path.exists() else {}
