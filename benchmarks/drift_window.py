"""False alarms and power of the drift report beside usual practice, on the same simulated windows.

python benchmarks/drift_window.py [--runs N] [--seed N]

30 normal features, 20 bins, one of them shifted; alpha 0.01 for the whole report, tolerance 0.02. Beside it
Kolmogorov-Smirnov with p < 0.05 for any feature, the same with Bonferroni at 0.01, and PSI > 0.25 for any.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import ks_2samp

from toolkit.monitoring.drift import measure_drift
from toolkit.monitoring.profile import fit_profile

FEATURES = 30
NAMES = [f"x{index:02}" for index in range(FEATURES)]
RULES = ("report", "KS p < .05", "KS, Bonferroni .01", "PSI > .25")


def find_alarms(rng: np.random.Generator, m: int, n: int, shift: float) -> dict[str, bool]:
    """Draw a reference and a window, and say which rules call it drifted."""
    reference, window = rng.normal(size=(m, FEATURES)), rng.normal(size=(n, FEATURES))
    window[:, 0] += shift
    profile = fit_profile(dict(zip(NAMES, reference.T, strict=True)), dict.fromkeys(NAMES, "number"), 20)
    report = measure_drift(profile, profile.count(dict(zip(NAMES, window.T, strict=True))), 0.01, 0.02)
    tests = (ks_2samp(window[:, index], reference[:, index], method="asymp") for index in range(FEATURES))
    p_value = min(float(test.pvalue) for test in tests)
    found = (
        bool(report.drifted),
        p_value < 0.05,
        p_value < 0.01 / FEATURES,
        max(column.psi for column in report.columns) > 0.25,
    )
    return dict(zip(RULES, found, strict=True))


def main() -> None:
    """Run the comparison and print it as Markdown: the share of windows that each rule calls drifted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100, help="windows for each line")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print(f"| reference rows | window rows | shift | {' | '.join(RULES)} |")
    print("|---|---|---|" + "---|" * len(RULES))
    for m, n in ((455, 114), (10_000, 1000)):
        for shift in (0.0, 0.25, 0.5, 0.75, 1.0):
            found = [find_alarms(rng, m, n, shift) for _ in range(options.runs)]
            shares = " | ".join(f"{np.mean([alarms[rule] for alarms in found]):.0%}" for rule in RULES)
            print(f"| {m:,} | {n:,} | {f'{shift:g} sd' if shift else 'none'} | {shares} |")


if __name__ == "__main__":
    main()
