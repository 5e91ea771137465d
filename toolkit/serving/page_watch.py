"""The status page's cards on alarms and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.errors import count_of
from toolkit.serving import charts
from toolkit.serving import page_text as text
from toolkit.serving.history import name_column
from toolkit.serving.page_series import Series

WORST, FURTHER = 12, 300  # columns shown at once, and on demand
LEARNING = "It is still learnt how rows hang together: until then only large changes are seen."
OPEN, LISTED = 8, 100  # open alarms told in full, and alarms in a list
WATCHES = {
    "features": "features and predictions",
    "labels": "true labels",
    "performance": "errors of the model",
}
KINDS = {
    "missing": "missing values",
    "feature": "a feature",
    "prediction": "predictions",
    "label": "true labels",
    "performance": "performance",
}
ADVICE = {
    "missing": "Look at what fills this column: a source that stopped, a field that was renamed.",
    "feature": "Look at where this column comes from: another unit, a new client, a broken source? If the world has "
    "changed, train again with newer rows.",
    "prediction": "Look at the features' alarms first, which often say why. Without one, ask what is different about "
    "the rows of this time.",
    "label": "The classes are not as common as they were: check the decision's threshold, and train again with "
    "newer labels.",
    "performance": "The model errs more than in validation: check that the labels are right, then train again, or go "
    "back to the model before.",
}


def render_alarms(alarms: Sequence[Mapping[str, Any]], now_s: float) -> str:
    """Render the open alarms with what to do, and those that are over."""
    opened = [alarm for alarm in alarms if is_open(alarm)]
    past = [alarm for alarm in alarms if not is_open(alarm)]
    if not alarms:
        return ""
    inside = _render_open(opened, now_s) if opened else '<p class="quiet">No alarm is open.</p>'
    if past:
        words = "alarm that is over" if len(past) == 1 else "alarms that are over"
        inside += _render_list("past", f"{len(past)} {words}", past)
    return f'<section class="card"><h2>Alarms</h2>{inside}</section>'


def is_open(alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm is not over."""
    return bool(alarm.get("active", alarm.get("cleared_s") is None))


def _render_open(opened: Sequence[Mapping[str, Any]], now_s: float) -> str:
    told = "".join(_render_alarm(alarm, now_s) for alarm in opened[:OPEN])
    kinds = dict.fromkeys(_find_kind(alarm) for alarm in opened)
    advice = "".join(f"<dt>{KINDS[kind]}</dt><dd>{ADVICE[kind]}</dd>" for kind in kinds)
    more = (
        _render_list("open", f"{len(opened) - OPEN} more open alarms", opened[OPEN:]) if opened[OPEN:] else ""
    )
    return f'<ul class="alarms">{told}</ul>{more}<h3 class="advice">What to do</h3><dl>{advice}</dl>'


def _find_kind(alarm: Mapping[str, Any]) -> str:
    kind = "missing" if alarm.get("where") == "missing" else str(alarm.get("group"))
    return kind if kind in ADVICE else "feature"


def _render_alarm(alarm: Mapping[str, Any], now_s: float) -> str:
    since = alarm.get("since_s")
    lasted = f", for {text.span(now_s - since)}" if isinstance(since, (int, float)) else ""
    way = f": {text.name(alarm['direction'])}" if alarm.get("direction") else ""
    return (
        f'<li class="open"><div><h3><span class="alarm-text">{text.name(alarm.get("column"))}</span>{way} '
        f'<span class="tag">{text.name(alarm.get("group"))}</span></h3><p>{_tell_size(alarm)}</p>'
        f'<p class="quiet">Since about {text.moment(since)}{lasted}; found at {text.moment(alarm.get("raised_s"))}.</p>'
        f"</div>{_draw_size(alarm)}</li>"
    )


def _render_list(name: str, title: str, alarms: Sequence[Mapping[str, Any]]) -> str:
    """Render alarms in short, on demand."""
    rows = "".join(_render_row(alarm) for alarm in alarms[:LISTED])
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("column", "what", "since", "over"))
    more = f", the first {LISTED} shown" if len(alarms) > LISTED else ""
    return (
        f'<details id="{name}"><summary>{title}{more}</summary>'
        f'<table class="past"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details>'
    )


def _tell_size(alarm: Mapping[str, Any]) -> str:
    where = str(alarm.get("where")).removeprefix("= ")
    low, high = alarm.get("share_low"), alarm.get("share_high")
    between = f" ({text.share(low)} to {text.share(high)})" if low is not None and high is not None else ""
    are = "are" if is_open(alarm) else "were"
    return (
        f"{text.share(alarm.get('share'))} of rows {are} {text.name(where)}{between}; "
        f"{text.share(alarm.get('reference_share'))} in the reference."
    )


def _draw_size(alarm: Mapping[str, Any]) -> str:
    """Draw share, interval and reference on a scale that holds them and a third more."""
    keys = ("share", "share_low", "share_high", "reference_share")
    known = [float(alarm[key]) for key in keys if isinstance(alarm.get(key), (int, float))]
    if not known:
        return ""
    pad = max((max(known) - min(known)) * 0.35, 0.01)
    bottom, top = max(min(known) - pad, 0.0), min(max(known) + pad, 1.0)

    def place(key: str) -> float | None:
        value = alarm.get(key)
        return (float(value) - bottom) / (top - bottom) if isinstance(value, (int, float)) else None

    reference = place("reference_share")
    drawn = charts.interval(
        place("share"),
        place("share_low"),
        place("share_high"),
        [] if reference is None else [(reference, "then")],
        f"Share of rows {text.share(alarm.get('share'))}, {text.share(alarm.get('reference_share'))} in the reference",
    )
    return (
        f'<div class="size">{drawn}<div class="scale"><span>{bottom:.1%}</span>'
        f"<span>line: reference · dot: now</span><span>{top:.1%}</span></div></div>"
    )


def _render_row(alarm: Mapping[str, Any]) -> str:
    times = "".join(
        f'<td class="when" data-head="{head}">{text.moment(alarm.get(key))}</td>'
        for head, key in (("since", "since_s"), ("over", "cleared_s"))
    )
    return (
        f'<tr><th scope="row">{text.name(alarm.get("column"))}</th><td>{_tell_size(alarm)}</td>{times}</tr>'
    )


def render_drift(drift: Mapping[str, Any], alarms: Sequence[Mapping[str, Any]], series: Series) -> str:
    """Render the evidence of each watch, and each column's change over time, the worst first."""
    watches = [(name, found) for name in WATCHES if (found := drift.get(name))]
    if not watches:
        return ""
    meters = "".join(_render_evidence(name, found) for name, found in watches)
    columns = [column for _, found in watches for column in found.get("columns", ())]
    columns.sort(key=lambda column: (not column.get("alarm"), -abs(column.get("change") or 0)))
    places = {key: place for place, key in enumerate(series.columns)}
    marks = _find_marks(alarms, series)
    rows = [_render_column(column, places, marks, series) for column in columns[: WORST + FURTHER]]
    heads = (
        '<thead><tr><th scope="col">column</th><th scope="col" class="time"><div class="scale"><span>'
        f"{text.clock(float(series.starts_s[0]), day=series.step_s > 3600)}</span><span>now</span></div></th>"
        '<th scope="col" class="number">change, points</th><th scope="col" class="wider">of the share</th>'
        '<th scope="col" class="state">alarm</th></tr></thead>'
    )
    table = f'<table class="drift">{heads}<tbody>{{}}</tbody></table>'
    return (
        f'<section class="card"><h2>Drift by column, the largest change first</h2>{meters}'
        f"{table.format(''.join(rows[:WORST]))}{_render_key()}"
        + (_render_further(columns, table, rows) if len(columns) > WORST else "")
        + '<p class="quiet">A change counts only if it is larger than the tolerance and than what chance explains. '
        "What no share shows, such as columns that go together in another way, is not seen here.</p></section>"
    )


def _render_further(columns: Sequence[Any], table: str, rows: Sequence[str]) -> str:
    hidden = len(columns) - len(rows)
    beyond = f" {count_of(hidden, 'column')} with still smaller changes are in /metrics." if hidden else ""
    return (
        f'<details id="further"><summary>{count_of(len(rows) - WORST, "further column")}.{beyond}</summary>'
        f"{table.format(''.join(rows[WORST:]))}</details>"
    )


def _render_evidence(name: str, found: Mapping[str, Any]) -> str:
    evidence = min(max(float(found.get("evidence") or 0), 0.0), 9.99)
    over = " over" if evidence >= 1 else ""
    told = f"{evidence:.0%} of what an alarm takes"
    bar = charts.draw(
        100,
        6,
        f'<rect class="fill{over}" width="{min(evidence, 1) * 100:.1f}" height="6"/>',
        f"Evidence: {told}",
        "meter",
    )
    rows = count_of(int(found.get("rows") or 0), "row")
    learning = f" {LEARNING}" if found.get("learning") else ""
    return (
        f'<p class="quiet">Evidence of new drift in {WATCHES[name]}: <span class="number">{told}</span> '
        f"after {rows}.{learning}</p>{bar}"
    )


def _render_column(
    column: Mapping[str, Any], places: Mapping[str, int], marks: Mapping[str, list], series: Series
) -> str:
    key = name_column(column)
    place = places.get(key)
    known = series.changes[place] if place is not None else np.full(len(series.starts_s), np.nan)
    largest = float(np.max(np.abs(known), initial=0.0, where=~np.isnan(known)))
    alarm = column.get("alarm")
    label = f"Change of {text.clean(column.get('name'))} over time, at most {largest * 100:.1f} points"
    drawn = charts.strip(known, "alarmed" if alarm else "changed", marks.get(key, ()), label)
    group = column.get("group")
    tag = "" if group == "feature" else f' <span class="tag">{text.name(group)}</span>'
    where = str(column.get("where")).removeprefix("= ")
    quiet = "learning" if column.get("learning") else "none"
    state = '<strong class="alarm-text">open</strong>' if alarm else f'<span class="quiet">{quiet}</span>'
    return (
        f'<tr><th scope="row">{text.name(column.get("name"))}{tag}</th><td class="time">{drawn}</td>'
        f'<td class="number">{text.points(column.get("change"))}</td>'
        f'<td class="wider quiet">{text.name(where, 40)}</td><td class="state">{state}</td></tr>'
    )


def _find_marks(alarms: Sequence[Mapping[str, Any]], series: Series) -> dict[str, list[tuple[float, float]]]:
    """Give the spans of alarms by column, in steps of the series."""
    marks: dict[str, list[tuple[float, float]]] = {}
    first, steps = float(series.starts_s[0]), len(series.starts_s)
    for alarm in alarms:
        if not isinstance(alarm.get("since_s"), (int, float)):
            continue
        cleared = None if is_open(alarm) else alarm.get("cleared_s")
        start = (alarm["since_s"] - first) / series.step_s
        end = steps if cleared is None else (cleared - first) / series.step_s
        if end > 0:
            marks.setdefault(name_column(alarm), []).append((min(max(start, 0.0), steps), min(end, steps)))
    return marks


def _render_key() -> str:
    samples = zip((1, 2, 3, 4, 5), charts.LEVELS, strict=True)
    told = "".join(
        f'<span><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="changed level{level}" width="10" height="10"/>'
        f"</svg>{least // 10}</span>"
        for level, least in samples
    )
    mark = (
        '<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="mark" y="3" width="10" height="4"/></svg>'
    )
    return f'<div class="key"><span>Change from, in points:</span>{told}<span>{mark}alarm</span></div>'
