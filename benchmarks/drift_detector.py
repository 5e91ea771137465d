"""False alarms and delays of the drift detector on simulated rows, beside usual practice on the same rows.

python benchmarks/drift_detector.py [--full] [--only NAME ...] [--runs N] [--delays N] [--seed N]

30 columns, 20 bins, blocks of 256 rows, tolerance 0.02, at most one false alarm in 2,000,000 rows: so at most one in
20 runs of 100,000. Usual practice looks at windows of 1,000 rows: Kolmogorov-Smirnov with p < 0.05 for any feature,
the same with Bonferroni's correction, and PSI > 0.1 for any. ``--full`` makes 2,000 runs of each kind without drift,
which takes hours; ``--only`` names parts to run.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta, ks_2samp

sys.path.insert(0, str(Path(__file__).parent))

from drift_simulation import BINS, BLOCK_ROWS, FEATURES, NAMES, Independent, Rows, count_blocks

from toolkit.monitoring.counts import Counts
from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import Profile, fit_profile

WINDOW_ROWS = 1000
QUIET_ROWS = 100_000
FALSE_ALARM_EVERY = 2_000_000
CYCLE_ROWS = 20_480
TOLERANCE = 0.02

Make = Callable[[np.random.Generator], Independent | Rows]

# Rows without drift: what they are, how they are made, and the cycle that the detector is told of.
QUIET: dict[str, tuple[str, Make, float]] = {
    "independent-400": ("independent, 400", lambda rng: Independent(rng, 400), 0),
    "independent-2000": ("independent, 2,000", lambda rng: Independent(rng, 2000), 0),
    "independent-10000": ("independent, 10,000", lambda rng: Independent(rng, 10_000), 0),
    "independent-100000": ("independent, 100,000", lambda rng: Independent(rng, 100_000), 0),
    "mixed-400": ("mixed columns, 400", lambda rng: Independent(rng, 400, mixed=True), 0),
    "mixed-10000": ("mixed columns, 10,000", lambda rng: Independent(rng, 10_000, mixed=True), 0),
    "correlated-400": (
        "columns correlated at .5, 400",
        lambda rng: Rows(rng, 400, correlation=0.5, independent=True),
        0,
    ),
    "correlated-10000": (
        "columns correlated at .5, 10,000",
        lambda rng: Rows(rng, 10_000, correlation=0.5),
        0,
    ),
    "memory-ordered": ("AR(1) .9, 20,000 in order", lambda rng: Rows(rng, 20_000, memory=0.9), 0),
    "memory-learnt": (
        "AR(1) .9, 2,000, learnt live",
        lambda rng: Rows(rng, 2000, memory=0.9, ordered=False),
        0,
    ),
    "cycle-ordered": (
        "daily cycle, 50,000 in order",
        lambda rng: Rows(rng, 50_000, cycle_rows=CYCLE_ROWS),
        0,
    ),
    "cycle-learnt": (
        "daily cycle, 50,000, learnt live",
        lambda rng: Rows(rng, 50_000, cycle_rows=CYCLE_ROWS, ordered=False),
        CYCLE_ROWS,
    ),
    "new-rows-400": (
        "independent, 400, learnt live",
        lambda rng: Rows(rng, 400, ordered=False),
        0,
    ),
}


def make_detector(profile: Profile, cycle: float = 0) -> DriftDetector:
    """Make the detector that is measured."""
    return DriftDetector(profile, TOLERANCE, FALSE_ALARM_EVERY, cycle=cycle)


def iterate_counts(
    source: Independent | Rows, profile: Profile, shift: float, quiet_rows: int, rows: int
) -> Iterator[Counts]:
    """Give the blocks of a source."""
    if isinstance(source, Rows):
        return source.iterate(profile, shift, quiet_rows, rows)
    return source.iterate(profile, shift, quiet_rows)


def watch_quiet(source: Independent | Rows, cycle: float = 0, rows: int = QUIET_ROWS) -> DriftDetector:
    """Watch rows without drift."""
    profile = source.fit()
    detector = make_detector(profile, cycle)
    for counts in iterate_counts(source, profile, 0.0, 0, rows):
        detector.update(counts)
        if detector.rows >= rows:
            break
    return detector


def measure_false_alarms(kind: str, seed: int, runs: int) -> tuple[int, int]:
    """Count the runs of 100,000 rows without drift in which the detector alarms, and the alarms in them."""
    _, make, cycle = QUIET[kind]
    found = [len(watch_quiet(make(np.random.default_rng([seed, run])), cycle).alarms) for run in range(runs)]
    return sum(map(bool, found)), sum(found)


def measure_upper_bound(hits: int, runs: int) -> float:
    """Measure Clopper and Pearson's (1934) upper bound of a chance, one-sided, of 97.5 %."""
    return float(beta.ppf(0.975, hits + 1, runs - hits)) if hits < runs else 1.0


def watch_shift(
    source: Independent | Rows, shift: float, quiet_rows: int, most_rows: int, cycle: float = 0
) -> tuple[float, Any]:
    """Give the rows from a shift of the first column until its alarm (infinite if there is none), and the alarm."""
    profile = source.fit()
    detector = make_detector(profile, cycle)
    for counts in iterate_counts(source, profile, shift, quiet_rows, quiet_rows + most_rows):
        detector.update(counts)
        found = [alarm for alarm in detector.alarms if alarm.column == NAMES[0]]
        if found and found[-1].raised_row > quiet_rows:
            return found[-1].raised_row - quiet_rows, found[-1]
        if detector.rows >= quiet_rows + most_rows:
            break
    return np.inf, None


def measure_psi(profile: Profile, counts: Counts) -> float:
    """Measure the largest population stability index, half a row added to each bin."""
    cells = np.array([feature.counts[:-1] for feature in profile.features]) + 0.5
    live = counts.features.reshape(FEATURES, -1)[:, :-1] + 0.5
    q, p = cells / cells.sum(axis=1, keepdims=True), live / live.sum(axis=1, keepdims=True)
    return float(((p - q) * np.log(p / q)).sum(axis=1).max())


class Practice:
    """The usual rules on windows of rows (columns, rows)."""

    def __init__(self, reference: np.ndarray) -> None:
        self._reference = np.sort(reference, axis=1)
        columns = dict(zip(NAMES, reference, strict=True))
        self.profile = fit_profile(columns, dict.fromkeys(NAMES, "number"), BINS).with_independent_rows()

    def judge(self, window: np.ndarray) -> dict[str, bool]:
        """Say which rules alarm on a window."""
        tests = [
            ks_2samp(live, reference, method="asymp").pvalue
            for live, reference in zip(window, self._reference, strict=True)
        ]
        counts = self.profile.count(dict(zip(NAMES, window, strict=True)))
        return {
            "KS p < .05": min(tests) < 0.05,
            "KS, Bonferroni": min(tests) < 0.05 / FEATURES,
            "PSI > .1": measure_psi(self.profile, counts) > 0.1,
        }


def measure_practice_false_alarms(rng: np.random.Generator, m: int, windows: int) -> dict[str, float]:
    """Give each usual rule's share of windows that alarm without drift; every tenth has a new reference."""
    found = []
    for number in range(windows):
        if number % 10 == 0:
            practice = Practice(rng.normal(size=(FEATURES, m)))
        found.append(practice.judge(rng.normal(size=(FEATURES, WINDOW_ROWS))))
    return {rule: float(np.mean([alarms[rule] for alarms in found])) for rule in found[0]}


def compare_delays(rng: np.random.Generator, m: int, shift: float, most_windows: int) -> dict[str, float]:
    """Give the rows until the detector and each usual rule alarm, all on the same rows."""
    practice = Practice(rng.normal(size=(FEATURES, m)))
    rows = rng.normal(size=(FEATURES, most_windows * WINDOW_ROWS))
    rows[0] += shift
    detector = make_detector(practice.profile)
    for counts in count_blocks(practice.profile, rows):
        detector.update(counts)
        if detector.alarms:
            break
    delays = {"detector": detector.rows if detector.alarms else np.inf}
    for number in range(1, most_windows + 1):
        for rule, alarm in practice.judge(rows[:, (number - 1) * WINDOW_ROWS : number * WINDOW_ROWS]).items():
            if alarm:
                delays.setdefault(rule, number * WINDOW_ROWS)
        if len(delays) == 4:
            break
    return {
        rule: delays.get(rule, np.inf) for rule in ("detector", "KS p < .05", "KS, Bonferroni", "PSI > .1")
    }


def _tell(delays: list[float]) -> str:
    """Write a median, and the share that was found where it is not all."""
    found, middle = np.mean(np.isfinite(delays)), statistics.median(delays)
    told = f"{middle:,.0f}" if np.isfinite(middle) else "none"
    return told if found in (0, 1) else f"{told} ({found:.0%} found)"


def print_false_alarms(kinds: list[str], runs: int, seed: int) -> None:
    """Print false alarms of each kind of rows."""
    print(
        "\n| rows, reference | runs with an alarm | alarms | upper bound | promised |\n|---|---|---|---|---|"
    )
    for kind in kinds:
        alarmed, alarms = measure_false_alarms(kind, seed, runs)
        bound = measure_upper_bound(alarmed, runs)
        promised = QUIET_ROWS / FALSE_ALARM_EVERY
        print(
            f"| {QUIET[kind][0]} | {alarmed} of {runs:,} | {alarms} | {bound:.2%} | {promised:.0%} |",
            flush=True,
        )


def print_practice(windows: int, seed: int) -> None:
    """Print false alarms of the usual rules."""
    print(
        "\n| reference rows | rule | windows with an alarm | false alarms in 100,000 rows |\n|---|---|---|---|"
    )
    for m in (400, 10_000):
        shares = measure_practice_false_alarms(np.random.default_rng(seed), m, windows)
        for rule, share in shares.items():
            print(f"| {m:,} | {rule} | {share:.1%} | {share * QUIET_ROWS / WINDOW_ROWS:.3g} |", flush=True)


def print_delays(runs: int, seed: int) -> None:
    """Print the detector's median delays: from the first row, and after 10,240 quiet rows."""
    print("\n| reference rows | 0.1 sd | 0.25 sd | 0.5 sd | 1 sd |\n|---|---|---|---|---|")
    for m in (400, 2000, 10_000, 100_000):
        told = []
        for shift in (0.1, 0.25, 0.5, 1.0):
            both = []
            for quiet in (0, 10_240):
                sources = (Independent(np.random.default_rng([seed, run]), m) for run in range(runs))
                both.append(_tell([watch_shift(source, shift, quiet, 50_000)[0] for source in sources]))
            told.append("; ".join(both))
        print(f"| {m:,} | {' | '.join(told)} |", flush=True)


def print_dependent_delays(runs: int, seed: int) -> None:
    """Print delays where rows depend on each other, after 20,480 quiet rows."""
    print("\n| rows, reference | 0.5 sd | 1 sd | 2 sd |\n|---|---|---|---|")
    for kind in ("memory-ordered", "memory-learnt", "cycle-ordered", "cycle-learnt", "new-rows-400"):
        told, (name, make, cycle) = [], QUIET[kind]
        for shift in (0.5, 1.0, 2.0):
            quiet = 2 * CYCLE_ROWS if cycle else 20_480
            delays = [
                watch_shift(make(np.random.default_rng([seed, run])), shift, quiet, 50_000, cycle)[0]
                for run in range(runs)
            ]
            told.append(_tell(delays))
        print(f"| {name} | {' | '.join(told)} |", flush=True)


def print_side_by_side(runs: int, seed: int) -> None:
    """Print delays beside usual practice, on the same rows."""
    print(
        "\n| reference rows | shift | detector | KS p < .05 | KS, Bonferroni | PSI > .1 |\n|---|---|---|---|---|---|"
    )
    for m in (400, 10_000):
        for shift in (0.25, 0.5, 1.0):
            rng = np.random.default_rng([seed, m])
            delays = [compare_delays(rng, m, shift, 20) for _ in range(runs)]
            told = [_tell([each[rule] for each in delays]) for rule in delays[0]]
            print(f"| {m:,} | {shift:g} sd | {' | '.join(told)} |", flush=True)


def measure_coverage(seed: int, runs: int) -> dict[str, tuple[int, int]]:
    """Count alarms whose interval holds the true share of the rows since the shift, by shift, of all alarms."""
    covered = {}
    for shift in (0.25, 0.5, 1.0):
        hits = found = 0
        for run in range(runs):
            source = Independent(np.random.default_rng([seed, run]), 10_000)
            _, alarm = watch_shift(source, shift, 10_240 * (run % 2), 20_000)
            if alarm is not None:
                edge = int(np.argmin(np.abs(source.below[0] - alarm.reference_share)))
                hits += alarm.share_low <= source.measure_share(edge, shift) <= alarm.share_high
                found += 1
        covered[f"{shift:g} sd"] = hits, found
    return covered


def print_coverage(runs: int, seed: int) -> None:
    """Print how often an alarm's interval holds the true share."""
    print("\n| shift | intervals that hold the true share |\n|---|---|")
    for shift, (hits, found) in measure_coverage(seed, runs).items():
        print(f"| {shift} | {hits} of {found} |", flush=True)


def print_ends(runs: int, seed: int) -> None:
    """Print how many rows after drift of 5,120 rows ended the alarm is over, and how often it was over before."""
    print("\n| reference rows | shift | rows until it is over | over too soon |\n|---|---|---|---|")
    for m in (400, 10_000):
        for shift in (0.5, 1.0):
            delays, soon = [], 0
            for run in range(runs):
                source = Independent(np.random.default_rng([seed, run]), m)
                profile = source.fit()
                detector = make_detector(profile)
                drifted = source.iterate(profile, shift)
                for counts in chain(islice(drifted, 20), source.iterate(profile, 0.0)):
                    detector.update(counts)
                    if detector.rows > 20 * BLOCK_ROWS and (not detector.active or detector.rows > 60_000):
                        break
                soon += len(detector.alarms) > 1
                ended = detector.alarms[-1].cleared_row if detector.alarms else None
                delays.append(np.inf if ended is None else ended - 20 * BLOCK_ROWS)
            print(f"| {m:,} | {shift:g} sd | {_tell(delays)} | {soon} of {runs} |", flush=True)


def print_cost(seed: int) -> None:
    """Print what a block costs."""
    rng = np.random.default_rng(seed)
    profile = Practice(rng.normal(size=(FEATURES, 10_000))).profile
    detector = make_detector(profile)
    columns = dict(zip(NAMES, rng.normal(size=(FEATURES, BLOCK_ROWS)), strict=True))
    counts = profile.count(columns)
    acts: dict[str, Callable[[], Any]] = {
        "count a block": lambda: profile.count(columns),
        "update": lambda: detector.update(counts),
        "statistics": detector.statistics,
        "to_dict": detector.to_dict,
    }
    print()
    for name, act in acts.items():
        times = []
        for _ in range(200):
            start = time.perf_counter()
            act()
            times.append(time.perf_counter() - start)
        print(f"{name}: {min(times) * 1e6:.0f} µs (best of 200)")


def main() -> None:
    """Run the parts and print them as Markdown."""
    parts = ["practice", "delays", "dependent-delays", "side-by-side", "coverage", "ends", "cost"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="2,000 runs of each kind without drift; hours")
    parser.add_argument("--only", nargs="+", choices=[*QUIET, *parts], default=[], help="parts to run")
    parser.add_argument("--runs", type=int, help="runs of 100,000 rows for false alarms")
    parser.add_argument("--delays", type=int, help="runs for each delay")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    runs = options.runs or (2000 if options.full else 20)
    few = options.delays or (100 if options.full else 9)
    wanted = options.only or [*QUIET, *parts]
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores, seed {options.seed}"
    )
    quiet = [kind for kind in QUIET if kind in wanted]
    if quiet:
        print_false_alarms(quiet, runs, options.seed)
    acts: dict[str, Callable[[], None]] = {
        "practice": lambda: print_practice(10 * few, options.seed),
        "delays": lambda: print_delays(few, options.seed),
        "dependent-delays": lambda: print_dependent_delays(few, options.seed),
        "side-by-side": lambda: print_side_by_side(few, options.seed),
        "coverage": lambda: print_coverage(4 * few, options.seed),
        "ends": lambda: print_ends(few, options.seed),
        "cost": lambda: print_cost(options.seed),
    }
    for name, act in acts.items():
        if name in wanted:
            act()


if __name__ == "__main__":
    main()
