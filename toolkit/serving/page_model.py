"""The status page's cards on what the model is and how the service is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.errors import count_of
from toolkit.metrics import LOWER_IS_BETTER
from toolkit.serving import page_text as text

SHOWN_METRICS = 8


def find_limit(metric: str, lineage: Mapping[str, Any]) -> float | None:
    """Find the limit that a gate set for a metric when the model was packaged."""
    for gate in (lineage.get("gates") or {}).get("gates") or ():
        if str(gate.get("name", "")).startswith((f"{metric} at least", f"{metric} at most")):
            return gate.get("limit")
    return None


def is_worse(measured: Mapping[str, Any], lineage: Mapping[str, Any]) -> bool:
    """Whether the whole interval of a measured metric is on the wrong side of its gate's limit."""
    metric = str(measured.get("metric"))
    low, high, limit = measured.get("low"), measured.get("high"), find_limit(metric, lineage)
    if low is None or high is None or limit is None:
        return False
    return bool(low > limit if metric in LOWER_IS_BETTER else high < limit)


def find_reference(metric: str, lineage: Mapping[str, Any]) -> float | None:
    """Find what the metric was in validation."""
    return _part(((lineage.get("gates") or {}).get("metrics") or {}).get(metric), "value")


def render_model(status: Mapping[str, Any], schema: Mapping[str, Any], lineage: Mapping[str, Any]) -> str:
    """Render what the model is: version, what it was made of, its gates and its metrics."""
    told = "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in _describe(status, schema, lineage))
    return (
        f'<section class="card half"><h2>The model</h2><dl>{told}</dl>'
        f'<p class="quiet"><a href="lineage">All of its lineage</a> · <a href="schema">What a request holds</a></p>'
        "</section>"
    )


def _describe(
    status: Mapping[str, Any], schema: Mapping[str, Any], lineage: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    yield "version", f"<code>{text.name(lineage.get('version') or status.get('version'), 100)}</code>"
    classes = list(schema.get("classes") or status.get("classes") or ())
    shown = ", ".join(text.name(each, 30) for each in classes[:8])
    more = f" and {len(classes) - 8} more" if len(classes) > 8 else ""
    yield (
        "task",
        text.name(schema.get("task") or status.get("task")) + (f": {shown}{more}" if classes else ""),
    )
    yield "features", text.count(len(schema.get("features") or ()))
    stages = lineage.get("stages") or {}
    yield "data", _tell_source(stages, "collect", "data/raw")
    yield "annotations", _tell_source(stages, "annotate", "data/labels")
    prepare = (stages.get("prepare") or {}).get("params") or {}
    if prepare.get("split"):
        yield "split", f"by {text.name(prepare['split'])}"
    build = lineage.get("build")
    if build:
        dirty = ", with uncommitted changes" if build.get("git_dirty") else ""
        yield "code", f"<code>{text.name(str(build.get('git_commit') or 'no git')[:12])}</code>{dirty}"
        yield "built", text.name(build.get("built_at"))
    else:
        yield "built", "from the project's folder, not a Bento"


def _tell_source(stages: Mapping[str, Any], stage: str, output: str) -> str:
    record = stages.get(stage) or {}
    source = (record.get("params") or {}).get("source")
    digest = str((record.get("outputs") or {}).get(output) or "")
    if not source:
        return "not recorded"
    short = f" <code>{text.name(digest.partition(':')[2][:12])}</code>" if digest else ""
    return text.name(source, 100) + short


def render_gates(lineage: Mapping[str, Any]) -> str:
    """Render the gates that the model passed when it was packaged, and its metrics on rows held out."""
    gates = lineage.get("gates") or {}
    listed = "".join(
        f"<li>{_mark(gate.get('passed'))} {text.name(gate.get('message') or gate.get('name'), 300)}</li>"
        for gate in gates.get("gates") or ()
    )
    if not listed:
        listed = '<li class="quiet">none recorded</li>'
    metrics = "".join(
        f'<tr><th scope="row">{text.name(metric)}</th><td class="number">{text.number(_part(value, "value"))}</td>'
        f'<td class="number quiet">{_tell_interval(value)}</td></tr>'
        for metric, value in list((gates.get("metrics") or {}).items())[:SHOWN_METRICS]
    )
    heads = '<th scope="col">metric</th><th scope="col" class="number">value</th>'
    heads += '<th scope="col" class="number">95% interval</th>'
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{metrics}</tbody></table>" if metrics else ""
    rows = gates.get("rows")
    held = f'<p class="quiet">On {count_of(int(rows), "held-out row")}.</p>' if isinstance(rows, int) else ""
    return (
        f'<section class="card half"><h2>Gates and validation</h2><ul class="plain">{listed}</ul>{table}{held}'
        "</section>"
    )


def _mark(passed: Any) -> str:
    return '<span class="calm-text">passed</span>' if passed else '<span class="alarm-text">not passed</span>'


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else value


def _tell_interval(value: Any) -> str:
    if not isinstance(value, Mapping) or value.get("low") is None:
        return ""
    return f"{text.number(value['low'])} to {text.number(value['high'])}"


def render_service(status: Mapping[str, Any], now_s: float) -> str:
    """Render how the service is: workers, since when, its prediction log, its notifications."""
    log = status.get("log") or {}
    failure = log.get("failure")
    state = f'<span class="alarm-text">{text.name(failure, 300)}</span>' if failure else "can be written"
    lost = int(log.get("lost") or 0)
    lost_told = f'<span class="alarm-text">{text.count(lost)} lost</span>' if lost else "none lost"
    told = [
        ("workers", text.count(status.get("workers"))),
        ("started", f"{text.moment(status.get('started_s'))} UTC"),
        ("running", text.span(now_s - status["started_s"]) if status.get("started_s") else "–"),
        ("rows answered", text.count(status.get("rows"))),
        (
            "prediction log",
            f"{state}; {text.size(log.get('bytes'))}, {text.count(log.get('written'))} records, {lost_told}",
        ),
    ]
    sent = status.get("notifications")
    if sent is not None:
        failed = int(sent.get("failed") or 0)
        wrong = f', <span class="alarm-text">{text.count(failed)} failed</span>' if failed else ""
        told.append(
            (
                "notifications",
                f"{text.count(sent.get('sent'))} sent{wrong}" if sent.get("receivers") else "off",
            )
        )
    inside = "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in told)
    return f'<section class="card half"><h2>The service</h2><dl>{inside}</dl></section>'
