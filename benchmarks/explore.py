"""Time from a click to a view of the exploration, on a table of every kind of column, beside the usual pandas calls.

python benchmarks/explore.py [--rows N] [--seed N]

30 columns: 21 numbers (one with a far tail, two missing together), 3 integers, a boolean, 3 categories (one of 1,000),
a time and a text. Each view is timed as it is drawn first, after what views before it have read and kept; load opens
the files. The pandas path reads the same file and calls describe, corr and hist on it, in the same process.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.views import (
    explore,
    explore_association,
    explore_data,
    explore_features,
    explore_groups,
    explore_missing,
    explore_notices,
    explore_outliers,
    explore_relation,
    explore_time,
    explore_words,
)
from toolkit.views.style import new_figure

Times = tuple[float, float]
KINDS = (
    {f"x{place:02}": "number" for place in range(21)}
    | {f"count{place}": "integer" for place in range(3)}
    | {"flag": "boolean", "region": "category", "product": "category", "customer": "category"}
    | {"when": "time", "remark": "text"}
)
WORDS = np.array("good bad refund late order please broken thanks again never value price".split())  # noqa: SIM905


def write_project(root: Path, rows: int, seed: int) -> None:
    """Write a raw table, its schema and its labels as the stages do."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, rows)
    table: dict[str, Any] = {"id": [f"row-{row:08}" for row in range(rows)]}
    for place in range(20):
        table[f"x{place:02}"] = random.normal(kind * 0.02 * place, 1 + place)
    table["x00"] = np.where(random.random(rows) < 0.1, np.nan, table["x00"])
    table["x01"] = np.where(np.isnan(table["x00"]), np.nan, table["x01"])
    table["x20"] = np.exp(random.normal(0, 4, rows))
    for place in range(3):
        table[f"count{place}"] = random.poisson(3 + place, rows)
    table["flag"] = random.random(rows) < 0.3 + 0.1 * kind
    table["region"] = np.array(["north", "south", "east", "west"])[random.integers(0, 4, rows)]
    table["product"] = np.array([f"product {place}" for place in range(1000)])[random.integers(0, 1000, rows)]
    table["customer"] = np.array([f"customer {place}" for place in range(rows // 20 + 1)])[
        random.integers(0, rows // 20 + 1, rows)
    ]
    table["when"] = np.datetime64("2024-01-01", "us") + (np.sort(random.random(rows)) * 3e13).astype(
        "timedelta64[us]"
    )
    words = WORDS[random.integers(0, len(WORDS), (rows, 8))]
    words[:, 0] = np.where((kind == 1) & (random.random(rows) < 0.3), "broken", words[:, 0])
    table["remark"] = [" ".join(row) for row in words.tolist()]
    for folder in ("data/raw", "data/labels"):
        (root / folder).mkdir(parents=True)
    whole = pa.table({name: pa.array(values, from_pandas=True) for name, values in table.items()})
    pq.write_table(whole, root / explore_data.TABLE, row_group_size=65_536)
    columns = [{"name": "id", "type": "text", "role": "key"}]
    columns += [{"name": name, "type": type_, "role": "feature"} for name, type_ in KINDS.items()]
    schema = {"schema": 1, "key": "id", "rows": rows, "exclude": [], "columns": columns}
    (root / explore_data.SCHEMA).write_text(json.dumps(schema))
    labels = pa.table(
        {"id": table["id"], "label": np.array(["no", "yes"])[kind], "status": ["agreed"] * rows}
    )
    pq.write_table(labels, root / explore_data.LABELS)


VIEWS: dict[str, Callable[[explore.Dataset], object]] = {
    "overview": explore.describe_dataset,
    "columns": explore.describe_columns,
    "worth knowing": explore_notices.list_notices,
    "missing, by class": explore_missing.describe_missing,
    "missing together, table": explore_missing.describe_missing_together,
    "missing together, plot": explore_missing.plot_missing_together,
    "what tells the label": explore_relation.plot_relation,
    "a number by class": lambda data: explore_features.plot_feature(data, "x05"),
    "a number's figures": lambda data: explore_features.describe_feature(data, "x05"),
    "a number with a far tail": lambda data: explore_features.plot_feature(data, "x20"),
    "whole numbers by class": lambda data: explore_features.plot_feature(data, "count0"),
    "a category of 1,000": lambda data: explore_features.plot_feature(data, "product"),
    "a time by class": lambda data: explore_features.plot_feature(data, "when"),
    "a text's length": lambda data: explore_features.plot_feature(data, "remark"),
    "a text's words": lambda data: explore_words.describe_words(data, "remark"),
    "association, all kinds": explore_association.plot_associations,
    "Spearman": explore_association.plot_correlations,
    "Pearson, all rows": lambda data: explore_association.plot_correlations(data, "pearson"),
    "outliers by column": explore_outliers.describe_outliers,
    "rows far in many columns": explore_outliers.describe_far_rows,
    "times and gaps": explore_time.describe_times,
    "label and feature by period": lambda data: explore_time.plot_time(data, "when", "x05"),
    "groups": explore_groups.describe_groups,
    "group sizes": explore_groups.plot_groups,
}


def measure(name: str, work: Callable[[], Any], times: dict[str, Times]) -> Any:
    """Run a step and keep its seconds, by the clock and of the processor."""
    start = time.perf_counter(), time.process_time()
    found = work()
    times[name] = time.perf_counter() - start[0], time.process_time() - start[1]
    return found


def main() -> None:
    """Run both paths and print them as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ours: dict[str, Times] = {}
    theirs: dict[str, Times] = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, options.rows, options.seed)
        new_figure(1, 1)  # matplotlib's import, once a kernel
        data = measure("load", lambda: explore.load_dataset(root), ours)
        for name, view in VIEWS.items():
            shown = measure(name, lambda view=view: view(data), ours)
            found = shown.svg if hasattr(shown, "svg") else repr(shown)
            notes[name] = "sample" if data.sampled != data.tell() and _is_sampled(name) else "all"
            assert found
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        frame = measure("read_parquet", lambda: pd.read_parquet(root / explore_data.TABLE), theirs)
        numbers = frame.select_dtypes("number")
        measure("describe", lambda: frame.describe(include="all"), theirs)
        measure("isna().corr()", lambda: frame.isna().corr(), theirs)
        measure('corr("pearson")', numbers.corr, theirs)
        measure('corr("spearman")', lambda: numbers.corr("spearman"), theirs)
        measure("hist", lambda: frame.hist(column="x05", by=frame["flag"], bins=60), theirs)
    print(
        f"{options.rows:,} rows x {len(KINDS)} columns; our peak memory {peak:.1f} GiB, with the making of the table\n"
    )
    print("| view | rows | s | CPU s |\n|---|---|---|---|")
    for name, (wall, cpu) in ours.items():
        print(f"| {name} | {notes.get(name, '')} | {wall:.2f} | {cpu:.2f} |")
    print("\n| pandas | s | CPU s |\n|---|---|---|")
    for name, (wall, cpu) in theirs.items():
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")


def _is_sampled(name: str) -> bool:
    return name in {"what tells the label", "a text's words", "association, all kinds", "Spearman"}


if __name__ == "__main__":
    main()
