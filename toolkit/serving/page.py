"""The service's own status page: one document, nothing loaded from elsewhere, whole without a script."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from toolkit.serving import page_text as text
from toolkit.serving.page_model import render_gates, render_model, render_service
from toolkit.serving.page_performance import render_performance
from toolkit.serving.page_series import HOURS, read_series
from toolkit.serving.page_style import HEADERS, SCRIPT, SECURITY_POLICY, STYLE
from toolkit.serving.page_traffic import render_mix, render_traffic
from toolkit.serving.page_verdict import judge
from toolkit.serving.page_watch import render_alarms, render_drift

__all__ = ["DEFAULT_HOURS", "HEADERS", "HOURS", "MEDIA_TYPE", "SECURITY_POLICY", "parse_hours", "render_page"]

MEDIA_TYPE = "text/html; charset=utf-8"
DEFAULT_HOURS = 24
NAMES = {1: "hour", 24: "day", 336: "two weeks"}


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
    kind, verdict, reasons = judge(status, now, lineage)
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
