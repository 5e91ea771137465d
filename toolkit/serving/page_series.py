"""The history as evenly spaced series for the status page's charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.serving.history import NO_CHANGE, measure_quantile

SPANS_S = {1: 60, 24: 900, 336: 3 * 3600}  # hours shown -> seconds of a step
HOURS = tuple(SPANS_S)
ENOUGH_S = 10  # a rate of fewer seconds says little
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Steps of ``step_s`` seconds that end with the one that ``now_s`` lies in.

    Attributes
    ----------
    covered_s : ndarray
        Seconds of each step in which the service watched itself; 0 where it did not run.
    latency, labels : ndarray, shape (steps, buckets), (steps, labels)
        Counts.
    performance : ndarray
        NaN where none was measured.
    changes : ndarray, shape (columns, steps)
        Of shares; NaN where none is known.
    """

    starts_s: FloatArray
    step_s: int
    covered_s: FloatArray
    rows: FloatArray
    requests: FloatArray
    errors: FloatArray
    latency: FloatArray
    labels: FloatArray
    performance: FloatArray
    changes: FloatArray
    edges_s: tuple[float, ...] = ()
    label_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def per_second(self, counts: FloatArray) -> FloatArray:
        """Give counts as rates; NaN where the service did not run, or has hardly begun to."""
        enough = self.covered_s >= ENOUGH_S
        return np.divide(counts, self.covered_s, out=np.full(len(counts), np.nan), where=enough)

    def quantiles(self, quantile: float) -> FloatArray:
        """Give a quantile of the latency of each step; NaN where nothing was asked."""
        found = (measure_quantile(buckets, self.edges_s, quantile) for buckets in self.latency.tolist())
        return np.array([np.nan if value is None else value for value in found])


def read_series(history: Sequence[Any], now_s: float, hours: int) -> Series:
    """Read the last hours of what :meth:`toolkit.serving.history.History.to_list` gave."""
    step = SPANS_S[hours]
    steps = hours * 3600 // step
    last = int(now_s) - int(now_s) % step
    first = last - (steps - 1) * step
    head = history[0] if history else {}
    edges, labels, columns = head.get("edges_s", ()), head.get("labels", ()), head.get("columns", ())
    changes = np.full((len(columns), steps), np.nan)
    entries, places = [], []
    for entry in history[1:]:
        start, end = entry["start_s"], entry["start_s"] + entry["span_s"]
        if end <= first or start > now_s:
            continue
        place = max((start - first) // step, 0)
        if "changes" in entry:
            _place_changes(changes, entry["changes"], place, max((end - 1 - first) // step, place))
        else:
            entries.append(entry)
            places.append(place)

    def total(values: Sequence[Any], width: int = 0) -> FloatArray:
        """Add up what the entries of each step have."""
        summed = np.zeros((steps, width) if width else steps)
        if values:
            np.add.at(summed, places, np.array(values, dtype=np.float64))
        return summed

    def pad(name: str, width: int) -> list[list[int]]:
        return [(found := entry.get(name, [])) + [0] * (width - len(found)) for entry in entries]

    performance = np.full(steps, np.nan)
    for place, entry in zip(places, entries, strict=True):
        performance[place] = entry.get("performance", performance[place])
    return Series(
        starts_s=first + step * np.arange(steps, dtype=np.float64),
        step_s=step,
        covered_s=total([max(min(entry["span_s"], now_s - entry["start_s"]), 1) for entry in entries]),
        rows=total([entry.get("rows", 0) for entry in entries]),
        requests=total([entry.get("requests", 0) for entry in entries]),
        errors=total([entry.get("errors", 0) for entry in entries]),
        latency=total(pad("latency", len(edges) + 1), len(edges) + 1),
        labels=total(pad("labels", len(labels)), len(labels)) if labels else np.zeros((steps, 0)),
        performance=performance,
        changes=changes,
        edges_s=tuple(edges),
        label_names=tuple(labels),
        columns=tuple(columns),
    )


def _place_changes(changes: FloatArray, row: Sequence[int], place: int, until: int) -> None:
    values = np.array(row, dtype=np.float64)
    values[values == NO_CHANGE] = np.nan
    changes[:, place : until + 1] = (values / 1000)[:, None]
