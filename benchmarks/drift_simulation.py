"""Simulated references and live rows for drift_detector.py: of independent, correlated, mixed and seasonal kinds.

A source draws a reference profile and then blocks of counts. Where rows are independent, counts are drawn from the true
chances of the profile's cells: exactly what counting rows would give, many times faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from toolkit.monitoring.cell_fit import fit_cells
from toolkit.monitoring.cells import Cells
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile, fit_profile

FEATURES, BINS, BLOCK_ROWS = 30, 20, 256
NAMES = [f"x{index:02}" for index in range(FEATURES)]
BATCH_BLOCKS = 40  # drawn at a time: a run that alarms early draws no more than needed
MISSING = 0.05


def draw_number(rng: np.random.Generator, name: str, m: int, missing: int = 0) -> tuple[Cells, np.ndarray]:
    """Draw the cells of m uniform reference values, and the true chances to be at or below each edge.

    The spacings of order statistics are gamma variates over their sum, so the values themselves need not be drawn.
    """
    ranks = -(-np.arange(1, BINS) * m // BINS)
    steps = np.diff(ranks, prepend=0, append=m + 1)
    below = np.cumsum(rng.gamma(steps))
    below = below[:-1] / below[-1]
    counts = (*np.diff(ranks, prepend=0, append=m).tolist(), missing)
    return Cells(name, "number", edges=tuple(below.tolist()), counts=counts), below


@dataclass
class Independent:
    """Rows that do not depend on each other; the first column may shift, in standard deviations of a normal one.

    ``mixed``: 16 numbers, of which eight lack 5 % of values, ten categories of 2 to 200 values, four booleans.
    """

    rng: np.random.Generator
    m: int
    mixed: bool = False
    below: list[np.ndarray] = field(default_factory=list)
    fixed: list[np.ndarray] = field(default_factory=list)

    def fit(self) -> Profile:
        """Draw the reference."""
        rng, columns = self.rng, []
        for index in range(16 if self.mixed else FEATURES):
            lacking = int(rng.binomial(self.m, MISSING)) if self.mixed and index % 2 else 0
            cells, below = draw_number(rng, NAMES[index], self.m - lacking, lacking)
            columns.append(cells)
            self.below.append(below)
        for index in range(16, FEATURES) if self.mixed else ():
            values, chances = self._draw_category(index - 16)
            columns.append(fit_cells(NAMES[index], "category", values, BINS))
            self.fixed.append(self._place(columns[-1], chances))
        return Profile(tuple(columns)).with_independent_rows()

    def _draw_category(self, index: int) -> tuple[list[str], np.ndarray]:
        size = 2 if index >= 10 else (2, 3, 4, 5, 8, 12, 20, 40, 80, 200)[index]
        chances = 1 / np.arange(1, size + 1) ** (1.0 if index % 2 else 0.5)
        chances /= chances.sum()
        return np.char.add("c", self.rng.choice(size, self.m, p=chances).astype(str)).tolist(), chances

    def _place(self, cells: Cells, chances: np.ndarray) -> np.ndarray:
        known = [chances[int(text[1:])] for text in cells.categories]
        return np.array([*known, max(1 - sum(known), 0.0), 0.0])

    def measure_chances(self, shift: float) -> list[np.ndarray]:
        """Measure the true chance of each cell of each column."""
        found = []
        for index, below in enumerate(self.below):
            moved = ndtr(ndtri(below) - shift) if shift and not index else below
            lacking = MISSING if self.mixed and index % 2 else 0.0
            found.append(np.array([*np.diff(moved, prepend=0, append=1) * (1 - lacking), lacking]))
        return found + self.fixed

    def measure_share(self, edge: int, shift: float) -> float:
        """Measure the true share of the first column at or below an edge."""
        return float(ndtr(ndtri(self.below[0][edge]) - shift))

    def iterate(self, profile: Profile, shift: float, quiet_rows: int = 0) -> Iterator[Counts]:
        """Draw block after block; the shift begins after the quiet rows."""
        quiet, moved, done = self.measure_chances(0.0), self.measure_chances(shift), 0
        nothing = np.zeros(0, dtype=np.int64)
        while True:
            chances = moved if done >= quiet_rows else quiet
            left = (quiet_rows - done) // BLOCK_ROWS if done < quiet_rows else BATCH_BLOCKS
            drawn = [self.rng.multinomial(BLOCK_ROWS, each, size=min(left, BATCH_BLOCKS)) for each in chances]
            for cells in np.concatenate(drawn, axis=1):
                yield Counts(profile.id, BLOCK_ROWS, cells, nothing)
            done += BLOCK_ROWS * min(left, BATCH_BLOCKS)


@dataclass
class Rows:
    """Normal rows that are drawn one by one: correlated columns, an autoregression, a cycle.

    ``ordered``: the reference is in the order of time, and tells how rows hang together.
    """

    rng: np.random.Generator
    m: int
    correlation: float = 0.0
    memory: float = 0.0
    cycle_rows: int = 0
    ordered: bool = True
    independent: bool = False

    def draw(self, rows: int, start: int) -> np.ndarray:
        """Draw rows of all columns, in time from ``start`` on."""
        values = self.rng.normal(size=(FEATURES, rows + 200 * bool(self.memory)))
        if self.correlation:
            common = self.rng.normal(size=values.shape[1])
            values = np.sqrt(self.correlation) * common + np.sqrt(1 - self.correlation) * values
        if self.memory:
            values = lfilter([np.sqrt(1 - self.memory**2)], [1, -self.memory], values, axis=1)[:, 200:]
        if self.cycle_rows:  # of half a standard deviation, a time of day of its own in each column
            at = (start + np.arange(rows)) / self.cycle_rows + np.arange(FEATURES)[:, None] / FEATURES
            values += 0.5 * np.sin(2 * np.pi * at)
        return values

    def fit(self) -> Profile:
        """Draw the reference."""
        values = self.draw(self.m, 0)
        columns = dict(zip(NAMES, values, strict=True))
        kinds = dict.fromkeys(NAMES, "number")
        profile = fit_profile(columns, kinds, BINS, times=np.arange(self.m) if self.ordered else None)
        return profile.with_independent_rows() if self.independent else profile

    def iterate(self, profile: Profile, shift: float, quiet_rows: int = 0, rows: int = 0) -> Iterator[Counts]:
        """Draw so many rows, and give them block after block; the shift begins after the quiet rows."""
        values = self.draw(rows, int(self.rng.integers(0, 1 << 40)))
        values[0, quiet_rows:] += shift
        return count_blocks(profile, values)


def count_blocks(profile: Profile, values: np.ndarray) -> Iterator[Counts]:
    """Count blocks of rows of numbers without missing values, as the profile does."""
    blocks = values.shape[1] // BLOCK_ROWS
    rows = np.arange(blocks * BLOCK_ROWS) // BLOCK_ROWS
    counted = []
    for cells, column in zip(profile.features, values, strict=True):
        places = np.searchsorted(cells.edges, column[: len(rows)]) + rows * cells.size
        counted.append(np.bincount(places, minlength=blocks * cells.size).reshape(blocks, cells.size))
    for cells in np.concatenate(counted, axis=1):
        yield Counts(profile.id, BLOCK_ROWS, cells, np.zeros(0, dtype=np.int64))
