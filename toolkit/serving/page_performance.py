"""The status page's card on performance: by true labels that came back, estimated, and as it was in validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.errors import count_of
from toolkit.monitoring.intervals import BOUNDED
from toolkit.serving import charts
from toolkit.serving import page_text as text
from toolkit.serving.page_model import find_limit, find_reference
from toolkit.serving.page_series import Series


def render_performance(status: Mapping[str, Any], lineage: Mapping[str, Any], series: Series) -> str:
    """Render performance by late labels, its estimate, the reference, the gate's limit; and feedback's counts."""
    live, estimated = status.get("performance") or {}, status.get("estimated") or {}
    feedback = status.get("feedback") or {}
    counts = " · ".join(
        f"{text.count(number)} {text.name(name, 20)}" for name, number in list(feedback.items())[:8]
    )
    told = f'<p class="quiet">Feedback: {counts or "none yet"}.</p>'
    if live.get("value") is None and estimated.get("value") is None:
        return f'<section class="card half"><h2>Performance</h2>{_tell_nothing(live)}{told}</section>'
    name = str((live or estimated).get("metric"))
    told_references = (each.get("reference") for each in (live, estimated))
    reference = next((each for each in told_references if isinstance(each, (int, float))), None)
    reference = find_reference(name, lineage) if reference is None else reference
    metric, limit = text.name(name), find_limit(name, lineage)
    rows = list(_compare(live, estimated, reference, limit))
    known = [part for _, *parts, _ in rows for part in parts if part is not None]
    pad = max((max(known) - min(known)) * 0.15, 1e-9)
    bottom, top = _clip(name, min(known) - pad, max(known) + pad)
    ticks = [((value - bottom) / (top - bottom), kind) for name, value, _, _, kind in rows if kind]
    table = "".join(_render_measured(row, bottom, top, ticks) for row in rows)
    heads = (
        '<thead><tr><th scope="col"></th><th scope="col" class="number">value</th>'
        '<th scope="col" class="number wider">interval</th><th scope="col" class="time">'
        f'<div class="scale"><span>{text.number(bottom)}</span><span>{text.number(top)}</span></div></th></tr></thead>'
    ).replace('<th scope="col"></th>', f'<th scope="col">{metric}</th>', 1)
    chart = _render_rolling(series, live or estimated, reference)
    return (
        f'<section class="card half"><h2>Performance</h2><table>{heads}<tbody>{table}</tbody></table>{chart}{told}'
        "</section>"
    )


def _clip(metric: str, low: float, high: float) -> tuple[float, float]:
    """Keep an axis to values that the metric can have."""
    least = -np.inf if metric == "r2" else 0.0
    most = 1.0 if metric == "r2" or metric in BOUNDED else np.inf
    return max(low, least), min(high, most)


def _tell_nothing(live: Mapping[str, Any]) -> str:
    if live.get("rows"):
        return f"<p>{text.name(live.get('reason'), 300)}</p>"
    return (
        "<p>No true label has come back yet. Send them to <code>POST /feedback</code> with the id of each "
        "prediction: performance is measured from then on.</p>"
    )


def _compare(
    live: Mapping[str, Any], estimated: Mapping[str, Any], reference: float | None, limit: float | None
) -> Iterator[tuple]:
    """Give what is shown: name, value, low, high, class of the tick that all are compared with."""
    for name, each in (("by true labels", live), ("estimated", estimated)):
        if each.get("value") is not None:
            rows = f'{name}<br><span class="quiet">{count_of(int(each.get("rows") or 0), "row")}</span>'
            yield rows, float(each["value"]), each.get("low"), each.get("high"), ""
    if reference is not None:
        yield "in validation", float(reference), None, None, "then"
    if limit is not None:
        yield "the gate's limit", float(limit), None, None, "limit"


def _render_measured(row: tuple, bottom: float, top: float, ticks: Sequence[tuple[float, str]]) -> str:
    name, value, low, high, kind = row

    def place(part: float | None) -> float | None:
        return None if part is None else (part - bottom) / (top - bottom)

    between = f"{text.number(low)} to {text.number(high)}" if low is not None and high is not None else ""
    own = [((value - bottom) / (top - bottom), kind)] if kind else ticks
    drawn = charts.interval(
        None if kind else place(value), place(low), place(high), own, f"{text.number(value)} {between}"
    )
    return (
        f'<tr><th scope="row">{name}</th><td class="number">{text.number(value)}</td>'
        f'<td class="number wider quiet">{between}</td><td class="time">{drawn}</td></tr>'
    )


def _render_rolling(series: Series, measured: Mapping[str, Any], reference: float | None) -> str:
    values = series.performance
    if np.isnan(values).all():
        return ""
    bounds = [each for each in (measured.get("low"), measured.get("high"), reference) if each is not None]
    known = [*values[~np.isnan(values)].tolist(), *map(float, bounds)]
    pad = max((max(known) - min(known)) * 0.1, 1e-9)
    low, high = _clip(str(measured.get("metric")), min(known) - pad, max(known) + pad)
    inside = charts.line(values, low, high, "now")
    if reference is not None:
        inside = charts.line(np.full(len(values), float(reference)), low, high, "then") + inside
    label = f"Performance over time, from {text.number(min(known))} to {text.number(max(known))}"
    first = text.clock(float(series.starts_s[0]), day=series.step_s > 3600)
    return (
        f'<div class="plot"><div class="scale"><span>{text.number(low)} to {text.number(high)}</span></div>'
        f"{charts.draw(len(values), charts.HEIGHT, inside, label)}"
        f'<div class="scale"><span>{first}</span><span>now</span></div></div>'
    )
