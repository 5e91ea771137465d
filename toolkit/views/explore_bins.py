"""Bins of a histogram: what range is drawn, on which scale, and where a bin ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.data.association import FloatArray

_PRESSED = 20  # a middle half narrower than this part of the range is too narrow to be seen
_LOG_FROM = 100.0  # times that the largest is the smallest value, from which a log scale helps
_ENDS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05)  # shares of the values that are left out on a far side
_DECIMALS = 3  # that a grid of values may have
_MOST_EXACT = 2.0**50  # up to here halves of whole numbers are exact
_RIPPLE = 30  # values of a grid in each bin, from where on one more or less is not seen


@dataclass(frozen=True)
class Bins:
    """Edges of bins, whether they stand on a log scale, and how many values lie outside."""

    edges: FloatArray
    log: bool = False
    outside: int = 0


def choose_bins(values: FloatArray, most: int = 60, time: bool = False) -> Bins:
    """Choose the bins of known values, one or more.

    Where all would press the middle half of the values into a twentieth of the plot, positive values that span two
    decades get a log scale, and others lose the ends of their far sides. Values on a grid, such as whole numbers,
    prices in quarters or lengths of texts, get bins that hold equally many of its points: else bars that hold one
    more would stand beside those that hold one less.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        reach = 3e10 if time else max(0.5, abs(low) / 100)  # 8 hours to each side of one time
        return Bins(np.array([low - reach, low + reach]))
    most = min(most, max(24, 10 + int(len(values) ** 0.4)))
    if not time and low > 0 and high >= _LOG_FROM * low and _is_pressed(values):
        return Bins(space_by_ratio(low, high, most, _find_unit(values)), log=True)
    low, high, outside = find_range(values)
    inside = values[(values >= low) & (values <= high)] if outside else values
    return Bins(space_evenly(low, high, most, 0.0 if time else _find_unit(inside)), outside=outside)


def find_range(values: FloatArray) -> tuple[float, float, int]:
    """Find what to draw of numbers with far tails: from, to, and how many values lie outside.

    It is all of them, unless that would press the middle half into a twentieth of the plot (where it is one value:
    the middle 98 %): then each side ends where it is not far, or where 5 % of the values lie beyond.
    """
    low, first, start, end, last, high = np.quantile(values, [0, 0.01, 0.25, 0.75, 0.99, 1]).tolist()
    if end <= start:
        start, end = first, last
    reach = end - start
    if reach <= 0 or high - low <= _PRESSED * reach:
        return low, high, 0
    room = _PRESSED / 2 * reach
    floors, ceilings = np.quantile(values, _ENDS), np.quantile(values, 1 - np.array(_ENDS))
    floor = next((edge for edge in floors.tolist() if start - edge <= room), float(floors[-1]))
    ceiling = next((edge for edge in ceilings.tolist() if edge - end <= room), float(ceilings[-1]))
    margin = (ceiling - floor) / 20
    low, high = max(low, floor - margin), min(high, ceiling + margin)
    return low, high, int(((values < low) | (values > high)).sum())


def _is_pressed(values: FloatArray) -> bool:
    low, start, end, high = np.quantile(values, [0, 0.25, 0.75, 1])
    return bool(start < end and high - low > _PRESSED * (end - start))


def _find_unit(values: FloatArray) -> float:
    """Find the step of the grid that all values lie on, such as 1, 0.25 or 100; 0 if there is none."""
    largest = float(np.abs(values).max())
    for power in 10.0 ** np.arange(_DECIMALS + 1):
        if largest > _MOST_EXACT / power:
            return 0.0
        if not (_is_whole(values[:1000] * power) and _is_whole(values * power)):
            continue
        steps = np.rint(values * power).astype(np.int64)
        return float(np.gcd.reduce(steps - steps.min()) / power)
    return 0.0


def _is_whole(values: FloatArray) -> bool:
    return bool(np.abs(values - np.rint(values)).max() < 1e-6)


def space_evenly(low: float, high: float, most: int, unit: float) -> FloatArray:
    """Space edges evenly; with a unit half of it beside its points, each bin with equally many of them."""
    if unit:
        low, high = np.ceil(low / unit - 1e-6) * unit, np.floor(high / unit + 1e-6) * unit
        points = round((high - low) / unit) + 1
        if points <= most * _RIPPLE:
            least = -(-points // most)
            step = min(range(least, 2 * least), key=lambda size: (-points % size / size, size))
            return np.asarray(low + unit * (np.arange(0, points + step, step) - 0.5), np.float64)
    return np.asarray(np.linspace(low, high, most + 1), np.float64)


def space_by_ratio(low: float, high: float, most: int, unit: float) -> FloatArray:
    """Space edges evenly by ratio; with a unit no bin lacks a point of it, and none holds fewer than the one before."""
    if not unit:
        edges: FloatArray = np.asarray(np.geomspace(low, high, most + 1), np.float64)
        edges[[0, -1]] = low, high
        return edges
    ratio = (high / low) ** (1 / most)
    points, size = [round(low / unit)], 1
    while points[-1] <= high / unit:
        size = max(size, int(points[-1] * (ratio - 1)))
        points.append(points[-1] + size)
    return np.asarray(unit * (np.array(points) - 0.5), np.float64)
