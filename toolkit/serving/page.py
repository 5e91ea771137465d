"""The service's own status page: one document, nothing loaded from elsewhere, whole without a script."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from toolkit.errors import count_of
from toolkit.serving import page_text as text
from toolkit.serving.page_model import render_gates, render_model, render_service
from toolkit.serving.page_performance import render_performance
from toolkit.serving.page_series import HOURS, read_series
from toolkit.serving.page_style import HEADERS, SCRIPT, SECURITY_POLICY, STYLE
from toolkit.serving.page_traffic import render_mix, render_traffic
from toolkit.serving.page_watch import LEARNING, is_open, render_alarms, render_drift

__all__ = ["DEFAULT_HOURS", "HEADERS", "HOURS", "MEDIA_TYPE", "SECURITY_POLICY", "parse_hours", "render_page"]

MEDIA_TYPE = "text/html; charset=utf-8"
DEFAULT_HOURS = 24
NAMES = {1: "hour", 24: "day", 336: "two weeks"}
STALE_S = 60  # the watch writes every few seconds; so old a status is a watch that stands still


def parse_hours(query: bytes | str) -> int:
    """Take the time to show from a request's query; the default for anything but ``hours=`` and one of HOURS.

    >>> parse_hours(b"hours=1"), parse_hours(b"hours=1e9&x"), parse_hours("")
    (1, 24, 24)
    """
    query = query.decode("latin-1") if isinstance(query, bytes) else query
    return next((hours for hours in HOURS if query == f"hours={hours}"), DEFAULT_HOURS)


def render_page(
    status: Mapping[str, Any] | None,
    schema: Mapping[str, Any],
    lineage: Mapping[str, Any],
    hours: int = DEFAULT_HOURS,
    now_s: float | None = None,
) -> bytes:
    """Render the status page; it must be sent with :data:`HEADERS` and :data:`MEDIA_TYPE`.

    Parameters
    ----------
    status : mapping or None
        What the leading worker has written (``status.json``), with ``mix`` from
        :func:`toolkit.serving.mix.describe_mix`; None if nothing yet. Any part of it may be missing.
    schema, lineage : mapping
        What GET /schema and GET /lineage answer.
    hours : int
        How far back the charts go, one of :data:`HOURS`.
    now_s : float, optional
        Seconds since 1970; default: now.
    """
    now = time.time() if now_s is None else now_s
    told = status or {}
    series = read_series(told.get("history") or (), now, hours)
    alarms = told.get("alarms") or ()
    kind, verdict, reasons = judge(status, now)
    cards = [
        render_alarms(alarms, now),
        render_traffic(series, told.get("classes") or ()),
        render_mix(told.get("mix") or ()),
        render_drift(told.get("drift") or {}, alarms, series),
        render_performance(told, lineage, series),
        render_gates(lineage),
        render_model(told, schema, lineage),
        render_service(told, now),
    ]
    reason = "".join(f"<li>{each}</li>" for each in reasons)
    version = text.clean(lineage.get("version") or told.get("version"), 100)
    title = version.partition(":")[0] or "model"
    body = (
        f'<header><h1>{text.name(title, 80)} <span class="quiet">{text.name(version.partition(":")[2], 80)}</span></h1>'
        '<label hidden><input type="checkbox" id="follow" checked> follow</label>'
        f'<nav aria-label="Time shown">{_render_links(hours)}</nav></header>'
        f'<main><section class="verdict {kind}"><h2 id="verdict">{escape(verdict)}</h2>'
        + (f"<ul>{reason}</ul>" if reason else "")
        + f'<p class="quiet">As of {text.moment(told.get("time_s") or now)} UTC; all times are UTC.</p></section>'
        f'<div class="cards">{"".join(cards)}</div></main>'
        '<footer class="quiet"><p id="news" role="status"></p>'
        '<a href="metrics">Metrics</a><a href="./">The API\'s pages</a></footer>'
    )
    return _render_document(f"{verdict} – {title}", kind, body).encode("utf-8", "replace")


def judge(status: Mapping[str, Any] | None, now_s: float) -> tuple[str, str, list[str]]:
    """Say how things are: ``alarm``, ``calm`` or nothing as the kind, one sentence, and each reason as HTML."""
    if status is None:
        return "", "The service has just started; nothing is counted yet", []
    reasons = list(_find_faults(status, now_s))
    opened = [alarm for alarm in status.get("alarms") or () if is_open(alarm)]
    if opened:
        names = ", ".join(text.name(alarm.get("column"), 40) for alarm in opened[:6])
        more = f" and {len(opened) - 6} more" if len(opened) > 6 else ""
        reasons.insert(0, f"Drift of {names}{more}.")
        return (
            "alarm",
            f"{count_of(len(opened), 'alarm')} {'is' if len(opened) == 1 else 'are'} open",
            reasons,
        )
    if reasons:
        return "alarm", "Something is wrong with the service", reasons
    if not status.get("rows"):
        return "", "Ready; no row has been predicted yet", []
    told = (
        f"Watched {count_of(int(status['rows']), 'row')}: no change larger than the tolerance shows in them."
    )
    learning = ((status.get("drift") or {}).get("features") or {}).get("learning")
    return "calm", "No alarm", [told, *([LEARNING] if learning else [])]


def _find_faults(status: Mapping[str, Any], now_s: float) -> Sequence[str]:
    faults, log = [], status.get("log") or {}
    if status.get("rows") and not status.get("time_s"):
        faults.append("The watch has written nothing, so no alarm can be raised: the service's log says why.")
    age = now_s - float(status.get("time_s") or now_s)
    if age > STALE_S:
        faults.append(f"The watch last wrote {text.span(age)} ago: what is shown is old.")
    if log.get("failure"):
        faults.append(f"The prediction log cannot be written: {text.name(log['failure'], 300)}")
    return faults


def _render_links(hours: int) -> str:
    current = {hours: ' aria-current="true"'}
    return "".join(f'<a href="?hours={each}"{current.get(each, "")}>{NAMES[each]}</a>' for each in HOURS)


def _render_document(title: str, kind: str, body: str) -> str:
    colour = {"alarm": "#d55e00", "calm": "#1a8a4a"}.get(kind, "#7a838d")
    circle = f'<circle cx="4" cy="4" r="4" fill="{colour}"/>'
    icon = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">{circle}</svg>'
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:image/svg+xml,{quote(icon)}">'
        f"<style>{STYLE}</style></head><body>{body}<script>{SCRIPT}</script></body></html>\n"
    )
