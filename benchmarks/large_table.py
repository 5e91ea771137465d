"""A table larger than memory: seconds and peak memory from its CSV to LightGBM's dataset, beside pandas.

The stages collect, annotate and prepare are executed as the pipeline does, each in processes of its own; the memory of
a step is the largest sum over its processes (what they share counts more than once, so it is an upper bound).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv

from toolkit.params_edit import write_params

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 250_000
NUMBERS, WHOLE, CATEGORIES = 24, 3, 3
PROJECT = (
    "notebooks",
    "schemas",
    "features",
    "generators",
    "released",
    "dvc.yaml",
    "params.yaml",
    "requirements-serve.lock",
)
DATASET = """
import sys
from pathlib import Path
from toolkit.params import Train
from toolkit.training.dataset import load_prepared
from toolkit.training.parameters import SWEEPABLE, build_booster_params
from toolkit.training.train import build_dataset, clean_names
data = load_prepared(Path("data/prepared"), "train")
values = {name: getattr(Train(), name) for name in ("learning_rate", *SWEEPABLE)}
settings = build_booster_params(data.task.kind, len(data.task.classes), values, 1)
names = clean_names(data.features.names)
dataset = build_dataset(data["train"], settings, names, data.features.categorical).construct()
print(dataset.num_data(), "rows", dataset.num_feature(), "features")
"""
PANDAS = """
import lightgbm as lgb, numpy as np, pandas as pd
table = pd.read_csv("table.csv", dtype={f"group_{i}": "category" for i in range(3)})
share = np.random.default_rng(1).random(len(table))
train = table[share < 0.6]
dataset = lgb.Dataset(train.drop(columns=["id", "label"]), train["label"] == "yes").construct()
print(dataset.num_data(), "rows", dataset.num_feature(), "features")
"""


def write_table(path: Path, rows: int, seed: int) -> None:
    """Write the CSV chunk by chunk: numbers (some missing), whole numbers, categories, a label that some tell."""
    rng = np.random.default_rng(seed)
    writer = None
    for first in range(0, rows, CHUNK):
        count = min(CHUNK, rows - first)
        columns: dict[str, pa.Array] = {"id": pa.array([f"r{first + row:08d}" for row in range(count)])}
        values = rng.normal(size=(NUMBERS, count)).round(4)
        lost = rng.random(count) < 0.1
        for index in range(NUMBERS):
            columns[f"number_{index}"] = pa.array(values[index], mask=lost if index < 3 else None)
        for index in range(WHOLE):
            columns[f"count_{index}"] = pa.array(rng.poisson(3 + index, count))
        for index in range(CATEGORIES):
            names = np.array([f"g{number}" for number in range(5 + 20 * index)])
            columns[f"group_{index}"] = pa.array(rng.choice(names, count))
        score = values[5] + values[6] * values[7] + rng.normal(size=count)
        columns["label"] = pa.array(np.where(score > 0, "yes", "no"))
        table = pa.table(columns)
        writer = writer or pa.csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def make_project(folder: Path) -> None:
    """Copy what the stages need of the project and point it at the table, by params.yaml alone."""
    for name in PROJECT:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    changes = {
        "collect.source": "table.csv", "collect.key": "id", "collect.exclude": [],
        "collect.contract": "schemas/large.yaml", "annotate.source": "data/raw/table.parquet",
        "annotate.format": "column", "annotate.key": "id", "annotate.label": "label", "annotate.classes": ["no", "yes"],
        "annotate.truth": "",
    }  # fmt: skip
    write_params(folder, changes)


def measure(name: str, command: list[str], folder: Path) -> tuple[str, float, float]:
    """Run a command to its end; give its seconds and the most GiB that its processes held together."""
    begin, most = time.monotonic(), 0
    environment = {**os.environ, "TOOLKIT_ROOT": str(folder)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        held = 0
        try:
            tree = [psutil.Process(process.pid)]
            for one in [*tree, *tree[0].children(recursive=True)]:
                held += one.memory_info().rss
        except psutil.NoSuchProcess:
            pass
        most = max(most, held)
        time.sleep(0.05)
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{name} failed:\n{output}")
    seconds = time.monotonic() - begin
    print(f"| {name} | {seconds:.0f} | {most / 2**30:.2f} |", flush=True)
    return name, seconds, most / 2**30


def main() -> None:
    """Write the table, run both ways, print a line a step and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    toolkit = str(Path(sys.executable).with_name("toolkit"))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_project(folder)
        write_table(folder / "table.csv", options.rows, options.seed)
        size = (folder / "table.csv").stat().st_size / 2**30
        columns = NUMBERS + WHOLE + CATEGORIES
        print(f"{options.rows:,} rows x {columns} columns, {size:.2f} GiB of CSV, seed {options.seed}\n")
        print("| step | s | peak GiB |\n|---|---|---|")
        steps = [
            measure(stage, [toolkit, "run", stage], folder) for stage in ("collect", "annotate", "prepare")
        ]
        steps.append(measure("LightGBM dataset", [sys.executable, "-c", DATASET], folder))
        _, seconds, memory = measure("pandas, all of it", [sys.executable, "-c", PANDAS], folder)
        ours, most = sum(step[1] for step in steps), max(step[2] for step in steps)
        print(f"\ntoolkit {ours:.0f} s and {most:.2f} GiB at most; pandas / toolkit:", end=" ")
        print(f"time {seconds / ours:.2f}, memory {memory / most:.2f}")


if __name__ == "__main__":
    main()
