"""How good is the estimate of a metric before labels come? Coverage of its interval, and mean error, under shifts.

Simulated rows have one score; its probability is that of a model that is as sharp as it says or somewhat too sure.
Covariate shift moves the rows, and leaves what they mean alone. Beside the estimate stands what is usual without
labels: to go on believing the figure of the held-out rows. ``./run python benchmarks/performance_estimate.py``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from toolkit.metrics import measure_metric
from toolkit.monitoring.calibration import fit_tables
from toolkit.monitoring.estimate import estimate_performance
from toolkit.monitoring.profile import Profile, fit_profile, fit_scores

CONFIDENCE = 0.95
Draw = Callable[[np.random.Generator, int, float], tuple[np.ndarray, np.ndarray]]


def draw_binary(
    rng: np.random.Generator, rows: int, shift: float, base: float, sure: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels and probabilities of two classes.

    Parameters
    ----------
    shift : float
        Of the rows, in standard deviations of what the model sees.
    base : float
        Log odds of the second class where nothing speaks for either.
    sure : float
        1: probabilities are true; above, they are too far from one half.
    """
    log_odds = base + 2.0 * rng.normal(shift, 1.0, rows)
    target = (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    stated = 1 / (1 + np.exp(-sure * log_odds))
    return target, np.column_stack([1 - stated, stated])


def draw_multiclass(
    rng: np.random.Generator, rows: int, shift: float, classes: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels and probabilities of several classes; the shift moves rows towards the first one."""
    odds = 2.0 * rng.normal(size=(rows, classes))
    odds[:, 0] += 2.0 * shift
    true = np.exp(odds)
    true /= true.sum(axis=1, keepdims=True)
    target = (rng.random(rows)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    stated = np.exp(1.2 * odds)
    return np.minimum(target, classes - 1).astype(np.float64), stated / stated.sum(axis=1, keepdims=True)


def draw_values(rng: np.random.Generator, rows: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw true and predicted values; the larger a value, the larger its error."""
    predicted = rng.normal(shift, 1.0, rows)
    return predicted + np.exp(0.4 * predicted) * rng.normal(size=rows), predicted


CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], Draw]] = {
    "two classes, 50 %": (
        ("no", "yes"),
        ("roc_auc", "accuracy", "f1", "log_loss"),
        lambda rng, rows, shift: draw_binary(rng, rows, shift, 0.0, 1.3),
    ),
    "two classes, 10 %": (
        ("no", "yes"),
        ("roc_auc", "accuracy", "f1", "log_loss"),
        lambda rng, rows, shift: draw_binary(rng, rows, shift, -3.5, 1.3),
    ),
    "five classes": (tuple("abcde"), ("roc_auc", "accuracy", "f1", "log_loss"), draw_multiclass),
    "regression": ((), ("mae", "rmse"), draw_values),
}


def make_profile(prediction: np.ndarray, classes: tuple[str, ...]) -> Profile:
    """Make a profile that describes predictions, as training does; its one feature does not matter."""
    return fit_profile({"x": [0.0, 1.0]}, {"x": "number"}, 2).with_scores(fit_scores(prediction, classes))


def name_columns(prediction: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """Give predictions as the service counts them."""
    if not classes:
        return {"value": prediction}
    return {
        "label": [classes[index] for index in prediction.argmax(axis=1)],
        **{f"p_{name}": prediction[:, index] for index, name in enumerate(classes)},
    }


@dataclass(frozen=True)
class Setting:
    """Rows and shift of a run."""

    reference_rows: int
    live_rows: int
    shift: float


def measure(case: str, setting: Setting, runs: int, seed: int) -> dict[str, list[float]]:
    """Give, for each metric, coverage, mean width, and the mean error of the estimate and of the held-out figure."""
    classes, metrics, draw = CASES[case]
    rng = np.random.default_rng(seed)
    found: dict[str, list[tuple[float, ...]]] = {metric: [] for metric in metrics}
    profile = make_profile(draw(rng, 2000, 0.0)[1], classes)  # of the valid split: other rows
    for _ in range(runs):
        target, prediction = draw(rng, setting.reference_rows, 0.0)
        tables = fit_tables(target, prediction, classes, profile.predictions)
        truth, live = draw(rng, setting.live_rows, setting.shift)
        counts = profile.count({"x": np.zeros(setting.live_rows)}, name_columns(live, classes))
        for metric in metrics:
            estimate = estimate_performance(tables, profile, counts, metric, CONFIDENCE)
            actual = _compute(metric, truth, live)
            naive = _compute(metric, target, prediction)
            if estimate.value is None or estimate.low is None or estimate.high is None:
                continue
            if np.isnan(actual + naive):
                continue
            covered = estimate.low <= actual <= estimate.high
            width = estimate.high - estimate.low
            found[metric].append((covered, width, abs(estimate.value - actual), abs(naive - actual)))
    return {metric: np.mean(rows, axis=0).tolist() for metric, rows in found.items()}


def _compute(metric: str, target: np.ndarray, prediction: np.ndarray) -> float:
    return float(measure_metric(metric, target, prediction, np.ones((1, len(target))))[0])


def main() -> None:
    """Print a table for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for case, (_, metrics, _) in CASES.items():
        print(f"\n{case}: coverage of the 95 % interval; mean error (in brackets as at training)\n")
        print(f"| held-out rows | live rows | shift | {' | '.join(metrics)} |")
        print("|---|---|---|" + "---|" * len(metrics))
        for reference_rows, live_rows, shift in product((200, 1000, 10_000), (500, 20_000), (0.0, 0.5, 1.0)):
            found = measure(case, Setting(reference_rows, live_rows, shift), args.runs, args.seed)
            cells = [
                f"{coverage:.1%}; {error:.3f} ({naive:.3f})" for coverage, _, error, naive in found.values()
            ]
            told = f"{shift} sd" if shift else "none"
            print(f"| {reference_rows:,} | {live_rows:,} | {told} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
