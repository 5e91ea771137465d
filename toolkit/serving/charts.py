"""Small charts as inline SVG: no style attribute, no script, colours from the page's style sheet by class.

A chart's drawing is stretched to the width it has (``preserveAspectRatio="none"``), so all text stands beside it, in
HTML, and keeps its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from toolkit.serving.page_text import attribute

HEIGHT = 100  # of a drawing, in its own units; a step is 1 wide
STRIP_HEIGHT = 10
LEVELS = (20, 50, 100, 200, 400)  # changes of a share, in thousandths, from which a strip is drawn stronger
FloatArray = NDArray[np.float64]


def draw(width: float, height: float, inside: str, label: str, kind: str = "") -> str:
    """Put shapes into a drawing that has a name."""
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{attribute(label, 300)}">{inside}</svg>'
    )


def line(values: FloatArray, low: float, high: float, kind: str, *, filled: bool = False) -> str:
    """Draw a line through the middles of the steps, broken where a value is NaN; a value between two such is a dot."""
    heights = HEIGHT - (np.clip(values, low, high) - low) / ((high - low) or 1) * (HEIGHT - 4) - 2
    strokes, dots, areas = [], [], []
    for run in _runs(~np.isnan(values)):
        points = [f"{place + 0.5:g} {heights[place]:.1f}" for place in run]
        if len(points) == 1:
            dots.append(f"M{points[0]}h0")
            continue
        strokes.append("M" + "L".join(points))
        if filled:
            areas.append(f"M{run[0] + 0.5:g} {HEIGHT}L" + "L".join(points) + f"V{HEIGHT}Z")
    paths = (("area", areas), ("line", strokes), ("point line", dots))
    return "".join(f'<path class="{kind} {shape}" d="{"".join(parts)}"/>' for shape, parts in paths if parts)


def bars(values: FloatArray, high: float, kind: str) -> str:
    """Draw a bar a step."""
    scaled = np.nan_to_num(values) / (high or 1) * (HEIGHT - 2)
    shapes = [
        f"M{place + 0.1:g} {HEIGHT}v{-max(height, 2):.1f}h.8V{HEIGHT}z"
        for place, height in enumerate(scaled.tolist())
        if height > 0
    ]
    return f'<path class="{kind} bar" d="{"".join(shapes)}"/>' if shapes else ""


def stack(shares: FloatArray) -> str:
    """Draw shares, shape (steps, parts), on top of each other; steps of NaN stay empty."""
    below = np.cumsum(shares, axis=1)
    parts = []
    for part in range(shares.shape[1]):
        shapes = []
        for place in np.flatnonzero(shares[:, part] > 0).tolist():
            top, tall = HEIGHT * (1 - below[place, part]), HEIGHT * shares[place, part]
            shapes.append(f"M{place} {top:.1f}h1v{tall:.1f}h-1z")
        parts.append(f'<path class="part{part}" d="{"".join(shapes)}"/>' if shapes else "")
    return "".join(parts)


def outline(values: FloatArray, high: float, kind: str) -> str:
    """Draw the upper edge of bars that touch each other."""
    heights = HEIGHT - values / (high or 1) * (HEIGHT - 2)
    return (
        f'<path class="{kind} line" d="M0 {HEIGHT}'
        + "".join(f"V{each:.1f}h1" for each in heights)
        + f'V{HEIGHT}"/>'
    )


def hints(texts: Iterable[str], height: float = HEIGHT) -> str:
    """Draw what shows a step's text when pointed at; goes last."""
    return "".join(
        f'<rect class="hint" x="{place}" width="1" height="{height:g}"><title>{attribute(text)}</title></rect>'
        for place, text in enumerate(texts)
    )


def strip(changes: FloatArray, kind: str, marks: Sequence[tuple[float, float]], label: str) -> str:
    """Draw how far a column was from the reference, the stronger the farther; below it, the spans of its alarms.

    Where nothing is known nothing is drawn.
    """
    shapes: dict[int, list[str]] = {}
    levels = (np.abs(changes) * 1000 >= np.array(LEVELS)[:, None]).sum(axis=0)  # NaN reaches none
    ends = np.flatnonzero(np.diff(levels)) + 1
    for start, end in zip([0, *ends.tolist()], [*ends.tolist(), len(levels)], strict=True):
        if level := int(levels[start]):
            shapes.setdefault(level, []).append(f"M{start} 0h{end - start}v{STRIP_HEIGHT}h{start - end}z")
    inside = _draw_known(np.isfinite(changes).tobytes()) + "".join(
        f'<path class="{kind} level{level}" d="{"".join(paths)}"/>' for level, paths in sorted(shapes.items())
    )
    inside += "".join(
        f'<rect class="mark" x="{start:.2f}" y="{STRIP_HEIGHT + 1}" width="{max(end - start, 0.7):.2f}" height="2"/>'
        for start, end in marks
    )
    return draw(len(changes), STRIP_HEIGHT + 3, inside, label, "strip")


@lru_cache(maxsize=64)
def _draw_known(known: bytes) -> str:
    """Draw in which steps anything is known: of all columns mostly the same ones."""
    runs = _runs(np.frombuffer(known, dtype=np.bool_))
    path = "".join(f"M{run[0]} 0h{len(run)}v{STRIP_HEIGHT}h{-len(run)}z" for run in runs)
    return f'<path class="known" d="{path}"/>' if path else ""


def interval(
    value: float | None, low: float | None, high: float | None, ticks: Sequence[tuple[float, str]], label: str
) -> str:
    """Draw a value from 0 to 1 with its interval, and ticks to compare it with (place, class)."""
    inside = '<path class="rail" d="M0 8h100"/>'
    if low is not None and high is not None:
        width = max(_at(high) - _at(low), 0.4)
        inside += f'<rect class="between" x="{_at(low):.2f}" y="4" width="{width:.2f}" height="8"/>'
    inside += "".join(f'<path class="{kind} tick" d="M{_at(place):.2f} 0v16"/>' for place, kind in ticks)
    if value is not None:
        inside += f'<path class="dot" d="M{_at(value):.2f} 8h0"/>'
    return draw(100, 16, inside, label, "interval")


def _at(share: float) -> float:
    return min(max(share, 0.0), 1.0) * 100


def _runs(held: NDArray[np.bool_]) -> Iterable[list[int]]:
    places = np.flatnonzero(held)
    for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        if run.size:
            yield run.tolist()
