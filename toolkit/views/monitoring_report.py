"""The drift report as one HTML file: no script, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from toolkit.artifacts import write_text
from toolkit.errors import count_of
from toolkit.monitoring.cells import CellGroup, Cells
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.drift import ColumnDrift, DriftReport
from toolkit.monitoring.profile import Profile
from toolkit.views.monitoring import name_column, plot_features, plot_predictions, tell_left_out, tell_verdict
from toolkit.views.style import show

_BAR, _HEIGHT = 5, 26  # pixels of a small bar chart

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --page: #fff; --alarm: #b3400a;
  --calm: #1a6e3c; --bar: #59636e66; --now: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #9da7b3; --line: #3a424b; --page: #111;
  --alarm: #ff9a62; --calm: #6fcf97; --bar: #9da7b366; --now: #56b4e9; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p.verdict { font-size: 1.1rem; font-weight: 600; } .drifted { color: var(--alarm); } .calm { color: var(--calm); }
.quiet { color: var(--quiet); } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th { text-align: left; font-weight: 600; } thead th { color: var(--quiet); vertical-align: bottom; }
td svg { display: block; }
th, td { padding: .3rem 1rem .3rem 0; vertical-align: middle; overflow-wrap: anywhere; min-width: 4rem;
  border-bottom: 1px solid var(--line); }
.number, td.verdict { white-space: nowrap; min-width: 0; } tbody th { min-width: 8rem; }
.number { text-align: right; } td.drifted { font-weight: 600; }
figure { margin: 0; }
svg { max-width: 100%; height: auto; }
svg .reference { fill: var(--bar); } svg .now { fill: var(--now); }
tr.alarm svg .now { fill: var(--alarm); }
"""


def write_report(  # noqa: PLR0917
    path: Path,
    profile: Profile,
    counts: Counts,
    report: DriftReport,
    versions: Any,
    left_out: Sequence[str] = (),
) -> None:
    """Write the report of a window; the same numbers give the same bytes.

    Parameters
    ----------
    path : Path
        The .html file.
    profile, counts, report
        The reference, the window, and what :func:`~toolkit.monitoring.drift.measure_drift` found.
    versions : mapping of str to int
        Rows by version of the model.
    left_out : sequence of str
        Personal features, which were not measured.
    """
    write_text(path, render_report(profile, counts, report, versions, left_out))


def render_report(
    profile: Profile, counts: Counts, report: DriftReport, versions: Any, left_out: Sequence[str] = ()
) -> str:
    """Render the report as HTML."""
    any_drift = bool(report.drifted) or report.predictions_drifted
    known = ", ".join(
        f"{escape(version)} ({count_of(rows, 'row')})" for version, rows in sorted(versions.items())
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Drift report</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><main>",
        "<h1>Drift report</h1>",
        f'<p class="verdict {"drifted" if any_drift else "calm"}">{escape(tell_verdict(report))}</p>',
        f'<p class="quiet">{count_of(report.rows, "row")} compared with '
        f"{count_of(report.reference_rows, 'reference row')}"
        f"{'; predicted by ' + known if known else ''}. A column drifted if a share of its rows changed by more than "
        f"{report.tolerance * 100:g} points; the chance that a report without drift shows any is at most "
        f"{report.alpha:.4g}.</p>",
        *([f'<p class="quiet">{escape(tell_left_out(left_out))}</p>'] if left_out else []),
        "<h2>Columns, the most drifted first</h2>",
        _render_table(profile, counts, report),
        '<p class="quiet">Bars: shares of rows per bin or category, the last for missing values; grey is the '
        "reference. PSI, the population stability index, sums (p − q) ln(p / q) over them; beside it what it is on "
        "average without drift. p is corrected for the number of shares and columns (Bonferroni, Holm).</p>",
        "<h2>Features</h2>",
        _render_plot(
            plot_features(profile, counts, report), "features-", "shares of rows per bin of the top features"
        ),
    ]
    if report.predictions:
        plot = plot_predictions(profile, counts, report)
        parts += ["<h2>Predictions</h2>", _render_plot(plot, "predictions-", "shares of predictions per bin")]
    return "\n".join([*parts, "</main></body></html>", ""])


def _render_table(profile: Profile, counts: Counts, report: DriftReport) -> str:
    heads = [
        "",
        "column",
        "verdict",
        "p",
        "share of rows",
        "reference",
        "now",
        "change",
        "PSI",
        "by chance",
        "missing",
    ]
    numbers = {"p", "reference", "now", "change", "PSI", "by chance", "missing"}
    head = "".join(f'<th scope="col"{_NUMBER if name in numbers else ""}>{name}</th>' for name in heads)
    head = head.replace('<th scope="col"></th>', '<th scope="col">shares</th>', 1)
    rows = [_render_row(column, *_find_cells(profile, counts, column)) for column in report.ranked()]
    body = "".join(rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


_NUMBER = ' class="number"'


def _find_cells(profile: Profile, counts: Counts, column: ColumnDrift) -> tuple[Cells, Any]:
    feature = column.group == "feature"
    group: CellGroup = profile.feature_group if feature else profile.prediction_group
    counted = counts.features if feature else counts.predictions
    index = next(index for index, cells in enumerate(group.columns) if cells.name == column.name)
    return group.columns[index], counted[group.slice(index)]


def _render_row(column: ColumnDrift, cells: Cells, counted: Any) -> str:
    p = f"{column.p_value:.2g}" if column.p_value >= 0.0001 else "&lt; 0.0001"
    numbers = [
        f"{column.reference_share:.1%}",
        f"{column.share:.1%}",
        f"{column.change * 100:+.1f}".replace("-", "−"),
        f"{column.psi:.3f}",
        f"{column.psi_by_chance:.3f}",
        f"{column.missing:.1%}",
    ]
    alarm = ' class="alarm"' if column.drifted else ""
    verdict = (
        '<td class="verdict drifted">drifted</td>'
        if column.drifted
        else '<td class="verdict quiet">no drift</td>'
    )
    return (
        f"<tr{alarm}><td>{_render_bars(cells, counted)}</td>"
        f'<th scope="row">{escape(name_column(column))}</th>{verdict}<td class="number">{p}</td>'
        f"<td>{escape(column.where)}</td>"
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + "</tr>"
    )


def _render_bars(cells: Cells, counted: Any) -> str:
    reference = [count / sum(cells.counts) for count in cells.counts]
    now = [count / counted.sum() for count in counted.tolist()]
    top = max(*reference, *now)
    bars = []
    for place, (was, share) in enumerate(zip(reference, now, strict=True)):
        for name, value, inset in (("reference", was, 0), ("now", share, 1)):
            height = value / top * _HEIGHT
            if height >= 0.05:
                bars.append(
                    f'<rect class="{name}" x="{place * (_BAR + 1) + inset}" y="{_HEIGHT - height:.1f}" '
                    f'width="{_BAR - 2 * inset}" height="{height:.1f}"/>'
                )
    width = len(reference) * (_BAR + 1)
    box = f'width="{width}" height="{_HEIGHT}" viewBox="0 0 {width} {_HEIGHT}"'
    return f'<svg {box} aria-hidden="true">{"".join(bars)}</svg>'


def _render_plot(figure: Any, prefix: str, alt: str) -> str:
    """Give a plot as inline SVG whose ids are its own: two plots in one page must not share them."""
    svg = show(figure, alt=alt).svg
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{prefix}", svg)
    return f"<figure>{svg}</figure>"
