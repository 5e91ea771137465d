"""What it costs to run an empty stage notebook: `toolkit run` beside papermill's own command, in turn.

    ./run python benchmarks/runner_startup.py [ROUNDS]

Both execute the same notebook of one trivial cell with the same kernel package, one after the other in each round,
so that a busy machine slows both. Prints the median wall time and CPU time of each, and the ratios.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELL = "input = 'data/prepared/test.parquet'"


def make_project(folder: Path) -> None:
    """Make a project whose stage 'predict' is an empty notebook."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "notebooks").mkdir()
    cell = new_code_cell(CELL, id="only", metadata={"tags": ["parameters"]})
    spec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(
        new_notebook(cells=[cell], metadata={"kernelspec": spec}), folder / "notebooks/predict.ipynb"
    )


def measure(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; give wall and CPU seconds, its children's included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "TOOLKIT_ROOT": str(folder)}  # ./run has set it to this repository
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int) -> None:
    """Measure both in turn and print the table."""
    commands = {
        "toolkit run": [sys.executable, "-m", "toolkit", "run", "predict"],
        "papermill": [sys.executable, "-m", "papermill", "notebooks/predict.ipynb", "out.ipynb"],
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder))
        for turn in range(rounds + 1):
            for name, command in commands.items():
                result = measure(command, Path(folder))
                if turn:  # the first round warms the disk's cache and Python's
                    times[name].append(result)
    medians = {
        name: [statistics.median(part) for part in zip(*results, strict=True)]
        for name, results in times.items()
    }
    print(f"{'':12} {'wall s':>8} {'CPU s':>8}   (medians of {rounds})")
    for name, (wall, cpu) in medians.items():
        print(f"{name:12} {wall:8.2f} {cpu:8.2f}")
    ours, theirs = medians["toolkit run"], medians["papermill"]
    print(f"{'ratio':12} {theirs[0] / ours[0]:8.2f} {theirs[1] / ours[1]:8.2f}   papermill / toolkit run")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
