"""One row's features for a request, and a block's for training: beside scikit-learn's ColumnTransformer and pandas.

    ./run python benchmarks/feature_row.py [ROUNDS]

Thirty mixed features: 12 numbers, 6 categories, 2 times (their parts), 2 texts (5 statistics and 50 TF-IDF terms each),
2 statistics of a group, 3 looks at its history, 3 functions of a person. The peers compute the same but the history,
which they have nothing for, on a DataFrame of one row. All are asked in turns; printed are the medians of rounds, each
the best of several calls, and the ratios.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.features import Features, count_before, last_before, mean_by, since_last, std_by
from toolkit.features.definitions import parse_definitions

ROWS, BLOCK = 5000, 65_536
SOURCE = """
from datetime import datetime
from toolkit.features import feature

@feature(meaning="one number over another")
def ratio(n2: float, n3: float) -> float | None:
    return n2 / n3 if n3 else None

@feature(meaning="the larger of two numbers")
def larger(n4: float | None, n5: float | None) -> float:
    return max(n4 or 0.0, n5 or 0.0)

@feature(meaning="whether it is late in the day")
def late(t1: datetime) -> bool:
    return t1.hour >= 22
"""
WORDS = [
    "please",
    "send",
    "the",
    "invoice",
    "again",
    "refund",
    "broken",
    "now",
    "order",
    "late",
    "Hello",
    "12",
    "RETURN",
]
PARTS = ("year", "month", "day", "day_of_week", "hour", "minute")


def make_rows(count: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Draw columns of each kind."""
    rng = np.random.default_rng(0)
    columns: dict[str, np.ndarray] = {f"n{index}": rng.normal(size=count) for index in range(12)}
    letters = np.array(list("abcdefgh"), dtype=object)
    columns |= {f"c{index}": letters[rng.integers(0, 8, count)] for index in range(6)}
    begin = np.datetime64("2023-01-01", "us")
    columns |= {
        f"t{i}": begin + rng.integers(0, 3 * 31_536_000, count).astype("timedelta64[s]") for i in range(2)
    }
    columns |= {
        f"x{index}": np.array([" ".join(rng.choice(WORDS, 8)) for _ in range(count)], dtype=object)
        for index in range(2)
    }
    kinds = {"n": "number", "c": "category", "t": "time", "x": "text"}
    return columns, {name: kinds[name[0]] for name in columns}


def fit_ours(columns: dict[str, np.ndarray], kinds: dict[str, str]) -> Features:
    """Fit the thirty features."""
    declared = {
        "mean": mean_by("n0", "c0"),
        "spread": std_by("n0", "c0"),
        "last": last_before("n1", "c1", "t0"),
        "visits": count_before("c1", "t0"),
        "pause": since_last("c1", "t0"),
    }
    named = [replace(definition, name=name) for name, definition in declared.items()]
    return Features.fit(columns, kinds, [*named, *parse_definitions(SOURCE)], {"t0": "Europe/Berlin"})


def fit_sklearn(columns: dict[str, np.ndarray]) -> Any:
    """Fit a ColumnTransformer that gives the same columns, less the history."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    frame = pd.DataFrame(columns)
    means = frame.groupby("c0")["n0"].agg(["mean", "std"])

    def take_parts(some: pd.DataFrame) -> np.ndarray:
        moments = [some["t0"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"), some["t1"]]
        return np.column_stack([getattr(moment.dt, part) for moment in moments for part in PARTS])

    def count_signs(some: pd.DataFrame) -> np.ndarray:
        return np.column_stack(
            [
                part
                for text in (some["x0"], some["x1"])
                for part in (
                    text.str.len(),
                    text.str.split().str.len(),
                    *(text.str.count(p) for p in PATTERNS),
                )
            ]
        )

    def call_functions(some: pd.DataFrame) -> np.ndarray:
        return np.column_stack(
            [some["n2"] / some["n3"], np.maximum(some["n4"], some["n5"]), some["t1"].dt.hour >= 22]
        )

    transformer = ColumnTransformer(
        [
            ("numbers", "passthrough", [f"n{index}" for index in range(12)]),
            (
                "categories",
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
                [f"c{index}" for index in range(6)],
            ),
            ("dates", FunctionTransformer(take_parts), ["t0", "t1"]),
            ("signs", FunctionTransformer(count_signs), ["x0", "x1"]),
            ("words 0", TfidfVectorizer(max_features=50), "x0"),
            ("words 1", TfidfVectorizer(max_features=50), "x1"),
            ("group", FunctionTransformer(lambda some: means.reindex(some["c0"]).to_numpy()), ["c0"]),
            ("functions", FunctionTransformer(call_functions), ["n2", "n3", "n4", "n5", "t1"]),
        ],
        sparse_threshold=0,
    )
    return transformer.fit(frame)


PATTERNS = (r"\d", "[A-Z]", r"[^\w\s]")


def make_pandas(columns: dict[str, np.ndarray]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Write the features as a data scientist would in a notebook, without the words of the texts and the history."""
    frame = pd.DataFrame(columns)
    codes = {
        name: {v: code for code, v in enumerate(sorted(set(frame[name])))} for name in frame if name[0] == "c"
    }
    means = frame.groupby("c0")["n0"].agg(["mean", "std"])

    def compute(some: pd.DataFrame) -> pd.DataFrame:
        out = some[[f"n{index}" for index in range(12)]].copy()
        for name, known in codes.items():
            out[name] = some[name].map(known)
        for name in ("t0", "t1"):
            for part in PARTS:
                out[f"{name} {part}"] = getattr(some[name].dt, part)
        for name in ("x0", "x1"):
            out[f"{name} length"] = some[name].str.len()
            out[f"{name} words"] = some[name].str.split().str.len()
            for pattern in PATTERNS:
                out[f"{name} {pattern}"] = some[name].str.count(pattern) / out[f"{name} length"]
        out["mean"], out["spread"] = some["c0"].map(means["mean"]), some["c0"].map(means["std"])
        out["ratio"] = some["n2"] / some["n3"]
        out["larger"] = some[["n4", "n5"]].max(axis=1)
        out["late"] = some["t1"].dt.hour >= 22
        return out

    return compute


def measure(call: Callable[[], Any], calls: int) -> float:
    """Give the seconds of the best of some calls."""
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def make_numbers() -> tuple[Features, dict[str, float], dict[str, np.ndarray]]:
    """Give thirty numbers, fitted, as a row and as a block."""
    names = [f"n{index}" for index in range(30)]
    block = {name: np.random.default_rng(1).normal(size=BLOCK) for name in names}
    return Features.fit(block, dict.fromkeys(names, "number")), dict.fromkeys(names, 0.25), block


def main(rounds: int) -> None:
    """Ask all in turns and print the tables."""
    columns, kinds = make_rows(ROWS)
    ours, theirs, plain = fit_ours(columns, kinds), fit_sklearn(columns), make_pandas(columns)
    frame = pd.DataFrame(columns)
    one = frame.iloc[:1]
    row = {name: value.item() if hasattr(value, "item") else value for name, value in one.iloc[0].items()}
    row |= {"t0": f"{columns['t0'][0]}Z", "t1": str(columns["t1"][0])}
    numbers, number_row, block = make_numbers()
    assert ours.row(row).tobytes() == ours.matrix(columns)[0].tobytes()
    cases: dict[str, tuple[Callable[[], Any], int]] = {
        "toolkit": (lambda: ours.row(row), 300),
        "scikit-learn": (lambda: theirs.transform(one), 5),
        "pandas": (lambda: plain(one), 5),
        "toolkit, 30 numbers": (lambda: numbers.row(number_row), 300),
        f"toolkit, {ROWS:,} rows": (lambda: ours.matrix(columns), 2),
        f"scikit-learn, {ROWS:,} rows": (lambda: theirs.transform(frame), 2),
        f"pandas, {ROWS:,} rows": (lambda: plain(frame), 2),
        f"toolkit, 30 numbers, {BLOCK:,} rows": (lambda: numbers.matrix(block), 3),
        f"NumPy, 30 numbers, {BLOCK:,} rows": (lambda: np.column_stack(list(block.values())), 3),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (call, calls) in cases.items():
            times[name].append(measure(call, calls))
    for name, found in times.items():
        print(f"{name:40s} {statistics.median(found) * 1e6:12.1f} us")
    for name, base in (("scikit-learn", "toolkit"), ("pandas", "toolkit")):
        for suffix in ("", f", {ROWS:,} rows"):
            ratio = [b / a for a, b in zip(times[base + suffix], times[name + suffix], strict=True)]
            print(f"{name + suffix} / {base + suffix}: {statistics.median(ratio):.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
