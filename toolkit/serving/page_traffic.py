"""The status page's cards on traffic and on what is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.serving import charts
from toolkit.serving import page_text as text
from toolkit.serving.history import measure_quantile
from toolkit.serving.page_series import FloatArray, Series

COLOURED = 6  # labels with a colour of their own; the rest is grey
SHOWN_SCORES = 6


def render_traffic(series: Series, classes: Sequence[str] = ()) -> str:
    """Render rate, latency, errors and the labels over time as four cards; without classes rows for labels."""
    last = _render_labels(series) if classes or series.label_names else _render_rows(series)
    cards = [_render_rate(series), _render_latency(series), _render_errors(series), last]
    return "".join(f'<section class="card quarter">{card}</section>' for card in cards)


def _render_rate(series: Series) -> str:
    requests, rows = series.per_second(series.requests), series.per_second(series.rows)
    high = _round_up(_largest(requests))
    inside = charts.line(requests, 0, high, "now", filled=True) + _hint(
        series, (f"{text.rate(a)} requests, {text.rate(b)} rows" for a, b in _pairs(requests, rows))
    )
    now = _latest(requests)
    label = f"Requests per second over time: now {text.rate(now)}, at most {text.rate(_largest(requests))}"
    return (
        f'<h2>Requests</h2><div class="big">{text.rate(now)}</div>'
        f'<p class="quiet">{text.rate(_latest(rows))} rows · {text.count(series.rows.sum())} rows shown</p>'
        + _plot(series, inside, label, text.rate(high))
    )


def _render_latency(series: Series) -> str:
    middle, slow = series.quantiles(0.5), series.quantiles(0.99)
    known = np.concatenate([middle, slow])
    known = known[~np.isnan(known) & (known > 0)]
    low, high = (
        (10.0 ** np.floor(np.log10(known.min())), 10.0 ** np.ceil(np.log10(known.max()) + 1e-9))
        if known.size
        else (0.0001, 0.1)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        lines = [
            charts.line(np.log10(values), np.log10(low), np.log10(high), kind)
            for values, kind in ((slow, "second"), (middle, "now"))
        ]
    inside = "".join(lines) + _hint(
        series, (f"median {text.seconds(a)}, p99 {text.seconds(b)}" for a, b in _pairs(middle, slow))
    )
    whole = series.latency.sum(axis=0).tolist()
    p50, p99 = (measure_quantile(whole, series.edges_s, each) for each in (0.5, 0.99))
    label = f"Latency over time, logarithmic: median {text.seconds(p50)}, 99th percentile {text.seconds(p99)}"
    return (
        f'<h2>Latency</h2><div class="big">{text.seconds(p50)}</div>'
        f'<p class="quiet">median of the time shown; p99 {text.seconds(p99)}</p>'
        + _plot(series, inside, label, f"{text.seconds(low)} to {text.seconds(high)}, log")
        + _key([("now", "median"), ("second", "p99")], lines=True)
    )


def _render_errors(series: Series) -> str:
    asked, failed = series.requests.sum(), series.errors.sum()
    high = _round_up(_largest(series.errors))
    inside = charts.bars(series.errors, high, "bad") + _hint(
        series,
        (f"{text.count(a)} of {text.count(b)} requests" for a, b in _pairs(series.errors, series.requests)),
    )
    part = failed / asked if asked else None
    label = f"Refused and failed requests over time: {text.count(failed)} of {text.count(asked)}"
    return (
        f'<h2>Errors</h2><div class="big">{text.share(part)}</div>'
        f'<p class="quiet">{text.count(failed)} of {text.count(asked)} requests refused or failed</p>'
        + _plot(series, inside, label, text.count(high))
    )


def _render_rows(series: Series) -> str:
    rows = series.per_second(series.rows)
    high = _round_up(_largest(rows))
    inside = charts.line(rows, 0, high, "now", filled=True)
    inside += _hint(series, (f"{text.rate(each)} rows" for each in rows.tolist()))
    return (
        f'<h2>Rows</h2><div class="big">{text.rate(_latest(rows))}</div>'
        f'<p class="quiet">{text.count(series.rows.sum())} shown</p>'
        + _plot(series, inside, "Rows per second over time", text.rate(high))
    )


def _render_labels(series: Series) -> str:
    total = series.labels.sum(axis=0)
    order = np.argsort(-total, kind="stable")
    shown = series.labels[:, order[:COLOURED]]
    rest = series.labels[:, order[COLOURED:]].sum(axis=1, keepdims=True)
    parts = np.hstack([shown, rest]) if len(order) > COLOURED else shown
    sums = parts.sum(axis=1, keepdims=True)
    shares = np.divide(parts, sums, out=np.full(parts.shape, np.nan), where=sums > 0)
    names = [series.label_names[place] for place in order[:COLOURED]]
    names += [f"{len(order) - COLOURED} others"] if len(order) > COLOURED else []
    whole = (parts.sum(axis=0) / max(parts.sum(), 1)).tolist()
    told = [f"{text.clean(name, 24)} {text.share(part)}" for name, part in zip(names, whole, strict=True)]
    inside = charts.stack(shares) + _hint(series, (_tell_mix(names, row) for row in shares.tolist()))
    most = f"{text.name(names[0], 24)}, the most common" if parts.sum() else "no row yet"
    return (
        f'<h2>Predicted labels</h2><div class="big">{text.share(whole[0]) if parts.sum() else "–"}</div>'
        f'<p class="quiet">{most}</p>'
        + _plot(series, inside, "Share of each predicted label over time: " + ", ".join(told), "100%")
        + _key([(f"part{place}", name) for place, name in enumerate(names)])
    )


def _tell_mix(names: Sequence[str], shares: Sequence[float]) -> str:
    if not shares or np.isnan(shares[0]):
        return "no rows"
    return ", ".join(f"{text.clean(name, 24)} {part:.0%}" for name, part in zip(names, shares, strict=True))


def render_mix(columns: Sequence[Mapping[str, Any]]) -> str:
    """Render predictions now beside the reference: the labels as bars, the scores as histograms."""
    if not columns:
        return ""
    panels = [_render_shares(each) for each in columns if not each["ordered"]]
    scores = [each for each in columns if each["ordered"]]
    panels += [_render_histogram(each) for each in scores[:SHOWN_SCORES]]
    rows = sum(columns[0]["counts"])
    more = f" {len(scores) - SHOWN_SCORES} more scores are in /metrics." if len(scores) > SHOWN_SCORES else ""
    kind = "third" if len(panels) > 2 else "half"
    title = (
        '<section class="card"><h2>Predictions, now and in the reference</h2>'
        f'<p class="quiet">{text.count(rows)} rows now; the reference is what the model said of rows it was not '
        f"trained on.{more}</p>" + _key([("live bar", "now"), ("then line", "reference")], lines=True)
    )
    return (
        f'{title}<div class="cards">'
        + "".join(f'<div class="{kind}">{each}</div>' for each in panels)
        + "</div></section>"
    )


def _render_shares(column: Mapping[str, Any]) -> str:
    now, then = _shares(column["counts"]), _shares(column["reference"])
    rows = "".join(
        f'<tr><th scope="row">{text.name(label, 40)}</th><td class="time">'
        + charts.draw(
            100,
            12,
            f'<rect class="live bar" width="{a * 100:.2f}" height="12"/>'
            f'<path class="then tick" d="M{min(max(b * 100, 0.3), 99.7):.2f} 0v12"/>',
            f"{text.clean(label, 40)}: {text.share(a)} now, {text.share(b)} in the reference",
            "meter",
        )
        + f'</td><td class="number">{text.share(a)}</td><td class="number quiet">{text.share(b)}</td></tr>'
        for label, a, b in zip(column["labels"], now, then, strict=True)
    )
    head = (
        '<thead><tr><th scope="col">label</th><th scope="col">share of rows</th>'
        '<th scope="col" class="number">now</th><th scope="col" class="number">reference</th></tr></thead>'
    )
    return f'<h3>{text.name(column["name"])}</h3><table class="shares">{head}<tbody>{rows}</tbody></table>'


def _render_histogram(column: Mapping[str, Any]) -> str:
    now, then = np.array(_shares(column["counts"])), np.array(_shares(column["reference"]))
    labels = list(column["labels"])
    if not (column["counts"][-1] or column["reference"][-1]):  # no prediction is missing
        now, then, labels = now[:-1], then[:-1], labels[:-1]
    high = max(float(np.concatenate([now, then]).max(initial=0)), 0.01)
    inside = charts.bars(now, high, "live") + charts.outline(then, high, "then outline")
    inside += charts.hints(
        f"{label}: {text.share(a)} now, {text.share(b)} in the reference"
        for label, a, b in zip(labels, now.tolist(), then.tolist(), strict=True)
    )
    label = f"Histogram of {text.clean(column['name'])}, now and in the reference"
    ends = f"<span>{text.name(labels[0], 20)}</span><span>{text.name(labels[-1], 20)}</span>"
    return (
        f'<h3>{text.name(column["name"])}</h3><div class="plot tall">'
        f'<div class="scale"><span>{text.share(high)} of rows</span></div>'
        f'{charts.draw(len(now), charts.HEIGHT, inside, label)}<div class="scale">{ends}</div></div>'
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = max(sum(counts), 1)
    return [value / total for value in counts]


def _plot(series: Series, inside: str, label: str, top: str) -> str:
    days = series.step_s > 3600
    first = text.clock(float(series.starts_s[0]), day=days)
    drawing = charts.draw(len(series.starts_s), charts.HEIGHT, inside, label)
    return (
        f'<div class="plot"><div class="scale"><span>{top}</span></div>{drawing}'
        f'<div class="scale"><span>{first}</span><span>now</span></div></div>'
    )


def _hint(series: Series, texts: Any) -> str:
    days = series.step_s > 3600
    told = (
        (text.clock(start, day=True) + " " if days else "") + text.clock(start)
        for start in series.starts_s.tolist()
    )
    return charts.hints(f"{when} – {what}" for when, what in zip(told, texts, strict=True))


def _key(parts: Sequence[tuple[str, str]], *, lines: bool = False) -> str:
    """Name the colours of a chart."""

    def sample(kind: str) -> str:
        shape = (
            f'<path class="{kind} line" d="M0 5h10"/>'
            if lines and "bar" not in kind
            else f'<rect class="{kind}" width="10" height="10"/>'
        )
        return f'<svg viewBox="0 0 10 10" aria-hidden="true">{shape}</svg>'

    told = "".join(f"<span>{sample(kind)}{text.name(name, 24)}</span>" for kind, name in parts)
    return f'<div class="key">{told}</div>'


def _pairs(one: FloatArray, other: FloatArray) -> Any:
    return zip(one.tolist(), other.tolist(), strict=True)


def _largest(values: FloatArray) -> float:
    return float(np.nanmax(values)) if not np.isnan(values).all() else 0.0


def _latest(values: FloatArray) -> float | None:
    """Give the rate of the last step, or of the one before it."""
    known = values[-2:][~np.isnan(values[-2:])]
    return float(known[-1]) if known.size else None


def _round_up(value: float) -> float:
    """Give the next of 1, 2 and 5 times a power of ten: the top of an axis.

    >>> _round_up(0.3), _round_up(17), _round_up(0)
    (0.5, 20.0, 1.0)
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.9999))
