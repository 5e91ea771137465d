"""Random tables without a leak: of few or many rows and columns, hanging together, rounded, skewed, with gaps."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = "the pump was hot and loud after rain we saw oil near valve days cold start no fault".split()  # noqa: SIM905


def make_clean_table(seed: int) -> tuple[dict[str, Any], list[Any], dict[str, str]]:
    """Give columns, labels, and the names of the columns of group and time, for :class:`toolkit.params.Prepare`."""
    random = np.random.default_rng(seed)
    rows = int(np.exp(random.uniform(np.log(150), np.log(3000))))
    hidden = random.standard_normal((rows, 3))
    columns: dict[str, Any] = {}
    for number in range(int(random.integers(1, 12))):
        columns[f"number{number}"] = make_number(random, hidden)
    for number in range(int(random.integers(0, 3))):
        columns[f"count{number}"] = random.poisson(np.exp(random.uniform(-1, 4)), rows)
    for number in range(int(random.integers(0, 4))):
        size = int(random.integers(2, 30))
        chosen = np.clip(
            (hidden[:, 0] + random.standard_normal(rows)) * size / 6 + size / 2, 0, size - 1
        ).astype(int)
        columns[f"kind{number}"] = [f"v{value}" for value in chosen]
    if random.random() < 0.5:
        columns["flag"] = random.random(rows) < 0.3
    if random.random() < 0.5:
        columns["words"] = [" ".join(random.choice(WORDS, int(random.integers(4, 12)))) for _ in range(rows)]
    if random.random() < 0.5:
        columns["salary"] = np.exp(10 + 0.3 * random.standard_normal(rows)).round().astype(int)
    start = np.datetime64("2026-01-01T00:00:00", "us")
    at = start + np.sort(random.integers(0, 10**13, rows)).astype("timedelta64[us]")
    columns["opened"] = at
    columns["born"] = at - random.integers(10**12, 10**15, rows).astype("timedelta64[us]")
    columns["customer"] = [f"c{value}" for value in random.integers(0, max(rows // 5, 30), rows)]
    score = hidden[:, 0] + random.standard_normal(rows) * random.uniform(0.3, 3)
    task = random.integers(3)
    labels = score.tolist() if task == 0 else ["abc"[value] for value in np.digitize(score, [0, 1][:task])]
    return columns, labels, {"group": "customer", "time": "opened"}


def make_number(random: np.random.Generator, hidden: np.ndarray) -> np.ndarray:
    """Give one column of numbers: of some shape, hanging together with the others, rounded or not, with gaps or not."""
    values = hidden @ random.standard_normal(3) * random.uniform(0, 1) + random.standard_normal(
        len(hidden)
    ) * (random.choice([0.01, 0.1, 0.5, 1.0]))
    shape = random.integers(4)
    if shape == 1:
        values = np.exp(values)
    elif shape == 2:
        values = values * (random.random(len(values)) < 0.5)  # many zeros
    elif shape == 3:
        values = random.standard_t(2, len(values))
    if random.random() < 0.4:
        values = values.round(int(random.integers(0, 4)))
    if random.random() < 0.4:
        values[random.random(len(values)) < random.uniform(0, 0.5)] = np.nan
    return values
