"""The labels until it is found that a model errs more, and how often one that errs as ever is blamed.

Labelled rows of a model of two classes with well spread scores. Concept drift turns a share of the true labels,
whatever the score. Beside the alarm stand two usual rules on the share of wrong answers: a window of 500 labels whose
95 % interval leaves out the held-out rows' share, and DDM (Gama et al., "Learning with drift detection", 2004), which
alarms at three standard deviations above the lowest share so far. ``./run python benchmarks/performance_alarm.py``
"""

from __future__ import annotations

import argparse
import math
import statistics

import numpy as np

from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.intervals import bound_share
from toolkit.monitoring.outcomes import count_outcomes, fit_outcome_profile

CLASSES = ("no", "yes")
BLOCK_ROWS, WINDOW_ROWS = 100, 500
MOST_ROWS = 50_000
Z = 1.959964


def draw_rows(rng: np.random.Generator, rows: int, turned: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw true labels and probabilities; about a tenth is wrong, and ``turned`` of the labels the other way."""
    yes = 1 / (1 + np.exp(-4 * rng.normal(size=rows)))
    target = (rng.random(rows) < yes) ^ (rng.random(rows) < turned)
    return target.astype(np.float64), np.column_stack([1 - yes, yes])


def measure_delays(rng: np.random.Generator, reference_rows: int, turned: float) -> dict[str, float]:
    """Give the labels until each rule alarms; infinite if it does not within 50,000."""
    target, prediction = draw_rows(rng, reference_rows, 0.0)
    reference = float((prediction.argmax(axis=1) != target).mean())
    profile = fit_outcome_profile(target, prediction, CLASSES)
    detector, ddm = DriftDetector(profile, group="performance"), Ddm()
    window = np.zeros(0)
    delays: dict[str, float] = {}
    for seen in range(BLOCK_ROWS, MOST_ROWS + 1, BLOCK_ROWS):
        target, prediction = draw_rows(rng, BLOCK_ROWS, turned)
        wrong = (prediction.argmax(axis=1) != target).astype(np.float64)
        window = np.concatenate([window, wrong])[-WINDOW_ROWS:]
        if "alarm" not in delays:
            detector.update(count_outcomes(profile, target, prediction, CLASSES))
        low, high = bound_share(float(window.mean()), WINDOW_ROWS, Z)
        found = {
            "alarm": bool(detector.alarms),
            "window": len(window) == WINDOW_ROWS and not low <= reference <= high,
            "DDM": ddm.update(wrong),
        }
        for rule, alarmed in found.items():
            if alarmed:
                delays.setdefault(rule, seen)
        if len(delays) == len(found):
            break
    return {rule: delays.get(rule, math.inf) for rule in ("alarm", "window", "DDM")}


class Ddm:
    """The drift detection method of Gama and others, row by row."""

    def __init__(self) -> None:
        self._wrong = self._rows = 0
        self._lowest = math.inf
        self._bound = math.inf

    def update(self, wrong: np.ndarray) -> bool:
        """Take rows in; give whether one of them alarms."""
        alarmed = False
        for value in wrong.tolist():
            self._rows += 1
            self._wrong += int(value)
            share = self._wrong / self._rows
            spread = math.sqrt(share * (1 - share) / self._rows)
            if self._rows < 30:
                continue
            if share + spread < self._lowest:
                self._lowest, self._bound = share + spread, share + 3 * spread
            alarmed = alarmed or share + spread > self._bound
        return alarmed


def main() -> None:
    """Print delays, and with nothing turned the share of runs that alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print("| held-out rows | labels turned | alarm | window of 500, 95 % | DDM |\n|---|---|---|---|---|")
    for reference_rows in (200, 1000, 10_000):
        for turned in (0.0, 0.05, 0.1, 0.2):
            rng = np.random.default_rng(args.seed)
            runs = [measure_delays(rng, reference_rows, turned) for _ in range(args.runs)]
            cells = []
            for rule in ("alarm", "window", "DDM"):
                delays = [run[rule] for run in runs]
                share = statistics.mean(delay < math.inf for delay in delays)
                median = statistics.median(delays)
                told = "none" if median == math.inf else f"{median:,.0f}"
                cells.append(f"{share:.0%} of runs" if not turned else f"{told} ({share:.0%})")
            print(f"| {reference_rows:,} | {turned:.0%} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
