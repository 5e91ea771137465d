"""What can be told before the pipeline starts: params.yaml is right, and the files that it names are there.

DVC finds some of this itself, later, in other words, and after it has removed a stage's outputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from toolkit.errors import DataError, ParamsError
from toolkit.fetch import check_address
from toolkit.params import Metric
from toolkit.params_file import compose, construct, load_params
from toolkit.paths import is_address
from toolkit.pipeline import list_outs, load_yaml

REGRESSION_METRICS = ("rmse", "mae", "r2")
MADE = (("data",), ("models",), ("reports",))
_VALUE = re.compile(r"\$\{(\w+)\.(\w+)\}")


def check_project(root: Path) -> None:
    """Check params.yaml, that its sections go together, and that each file it names exists or is made by a stage.

    Raises
    ------
    ParamsError
        All findings, a line each.
    """
    params = load_params(root)
    stages = load_yaml(root / "dvc.yaml").get("stages", {})
    made = [out for body in stages.values() for out in list_outs(body)]
    named = {
        match.groups() for body in stages.values() for match in _VALUE.finditer(str(body.get("deps", [])))
    }
    places: dict[tuple[str | int, ...], int] = {}
    construct(compose((root / "params.yaml").read_text(encoding="utf-8")), (), places, [])
    findings = []
    for section, key in named:
        pattern = params["collect"].pattern if section == "collect" else None
        fault = _find_fault(root, getattr(params[section], key), made, pattern)
        if fault:
            line = places.get((section, key), places.get((section,), 1))
            findings.append((line, f"params.yaml:{line}: {section}.{key}: {fault}"))
    for section, key, fault in _find_contradictions(root, params):
        line = places.get((section, key), places.get((section,), 1))
        findings.append((line, f"params.yaml:{line}: {section}.{key}: {fault}"))
    if findings:
        raise ParamsError("\n".join(message for _, message in sorted(findings)))


def _find_contradictions(root: Path, params: Any) -> Iterator[tuple[str, str, str]]:
    """Give section, key and fault of what no section can tell alone, or DVC does not know as a dependency."""
    for section, key in (("collect", "generator"), ("prepare", "definitions")):
        path = getattr(params[section], key)
        if path and not (root / path).is_file():
            yield section, key, f"must name a file that exists. Got '{path}', and there is none."
    source = params["collect"].source
    if Path(source).parts[:1] in MADE and not is_address(source):
        yield (
            "collect",
            "source",
            f"must be outside of data/, models/ and reports/, which hold what the pipeline makes. Got '{source}': move "
            "it, or if it was made from another table, name that.",
        )
    fault = _find_database_fault(root, params["collect"])
    if fault:
        yield "collect", "database", fault
    yield from _find_tls_faults(root, params["package"])
    task, metric = params["annotate"].task, params["validate"].metric
    if (task == "regression") is not (metric in REGRESSION_METRICS):
        fit = [name for name in get_args(Metric) if (name in REGRESSION_METRICS) is (task == "regression")]
        yield (
            "validate",
            "metric",
            f"must be one of {', '.join(fit)}, as annotate.task is {task}. Got '{metric}'.",
        )
    if task == "regression" and params["annotate"].classes:
        yield "annotate", "classes", "must be [] for a regression, which has none."


def _find_tls_faults(root: Path, package: Any) -> Iterator[tuple[str, str, str]]:
    """Tell what is wrong with the files for HTTPS; an absolute path may be one of the machine that will serve."""
    given = {name: getattr(package, name) for name in ("tls_certificate", "tls_key")}
    for name, path in given.items():
        if not path and any(given.values()):
            yield (
                "package",
                name,
                "must be given, as TLS takes a certificate and its key. Got the other alone.",
            )
        elif path and not Path(path).is_absolute() and not (root / path).is_file():
            yield "package", name, f"must name a file that exists. Got '{path}', and there is none."


def _find_database_fault(root: Path, collect: Any) -> str:
    """Tell what is wrong with the database of a query; DVC knows the query's file alone."""
    if collect.format != "sql" and not (collect.format == "auto" and collect.source.lower().endswith(".sql")):
        return ""
    if not collect.database:
        return f"must name the database that {collect.source} asks: sqlite:///path or postgresql://host:port/name."
    path = collect.database.removeprefix("sqlite:///")
    if path == collect.database or (root / path).is_file():
        return ""
    what = "it is a folder" if (root / path).is_dir() else "there is none"
    return f"must name a database file that exists. Got '{path}', and {what}."


def _find_fault(root: Path, path: str, made: list[str], pattern: str | None) -> str:
    if is_address(path):
        try:
            check_address(path, pattern)
        except DataError as error:
            return str(error)
        return ""
    if (root / path).exists() or any(path == out or path.startswith(out + "/") for out in made):
        return ""
    return f"must name a file that exists, or that a stage makes. Got '{path}', and there is none."
