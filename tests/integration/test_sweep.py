"""The sweep on a real Ray: killed half way and resumed, it gives what its trials give one after the other."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import write_json
from toolkit.features import Features
from toolkit.params import Sweep
from toolkit.training.dataset import load_prepared
from toolkit.training.halving import decide, plan_rungs
from toolkit.training.search import draw_configs
from toolkit.training.trials import TrialData, iterate_rungs

pytestmark = pytest.mark.integration

# In a process of its own, as in a kernel: Ray's settings and logging stay out of the tests' process.
PROGRAM = """
import json, sys
from pathlib import Path
from toolkit.params import Sweep
from toolkit.training.dataset import load_prepared
from toolkit.training.sweep import run_sweep
data = load_prepared(Path(sys.argv[1]), "train", "valid")
params = Sweep(trials=6, max_rounds=1000, concurrency=int(sys.argv[3]))
result = run_sweep(data, params, Path(sys.argv[2]))
trials = [[t.number, t.config, t.rounds, t.scores, t.stopped] for t in result.trials]
print(json.dumps([result.describe_best(), trials]))
"""
WAIT_S = 180


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(400, 4))
    labels = np.where(matrix[:, 0] + matrix[:, 1] ** 2 + 0.5 * rng.normal(size=400) > 1, "yes", "no")
    folder = tmp_path_factory.mktemp("prepared")
    columns = {f"x{index}": matrix[:, index] for index in range(4)}
    for name, rows in (("train", slice(0, 300)), ("valid", slice(300, 400))):
        table = {"row_id": [f"{name}{row}" for row in range(rows.stop - rows.start)], "label": labels[rows]}
        pq.write_table(
            pa.table(table | {key: value[rows] for key, value in columns.items()}), folder / f"{name}.parquet"
        )
    kinds = dict.fromkeys(columns, "number")
    write_json(
        folder / "features.json", Features.fit({key: v[:300] for key, v in columns.items()}, kinds).to_dict()
    )
    write_json(
        folder / "task.json", {"schema": 1, "task": "binary", "classes": ["no", "yes"], "key": "row_id"}
    )
    return folder


def expect_trials(prepared: Path) -> list:
    """Compute the sweep without Ray: every trial to its end, then what does not count taken away."""
    data = load_prepared(prepared, "train", "valid")
    params = Sweep(trials=6, max_rounds=1000)
    rungs = plan_rungs(params.max_rounds)
    splits = [(data[name].matrix, data[name].target) for name in ("train", "valid")]
    shared = TrialData("binary", 2, data.features.names, (), splits[0], splits[1])
    configs = draw_configs(params.space, params.trials, params.seed)
    scores = [list(iterate_rungs(shared, c, params.learning_rate, params.seed, rungs)) for c in configs]
    return [
        [number, configs[number], rungs[end - 1], scores[number][:end], end < len(rungs)]
        for number, end in enumerate(decide(scores, len(rungs)))
        if end is not None
    ]


def begin(prepared: Path, work: Path, concurrency: int, home: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", PROGRAM, str(prepared), str(work), str(concurrency)]
    # A home without a Ray token, as on a new machine.
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(home)},
    )


def finish(process: subprocess.Popen) -> str:
    output, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, errors
    return output


def test_killed_half_way_it_goes_on_to_the_result_of_trials_run_alone(prepared: Path, tmp_path: Path) -> None:
    """With another number of workers each time, a long path with blanks, and no Ray token in the home folder."""
    work = tmp_path / "a rather long folder name with blanks" / ("x" * 60) / "sweep"
    process = begin(prepared, work, 3, tmp_path)
    deadline = time.monotonic() + WAIT_S
    while not list(work.glob("*/trial-*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    left = Path((work / "ray-folder").read_text())
    assert family and left.exists()
    # The runner's guard ends them at once; by themselves two of Ray's agents take some seconds to notice.
    _, alive = psutil.wait_procs(family, timeout=90)
    assert [other.name() for other in alive] == []

    resumed = finish(begin(prepared, work, 2, tmp_path))
    assert not left.exists() and list(work.iterdir()) == []
    best, trials = json.loads(resumed)
    assert trials == expect_trials(prepared)
    assert best["score"] == min(trial[3][-1] for trial in trials)
    assert any(trial[4] for trial in trials) and not all(trial[4] for trial in trials)
    assert not (tmp_path / ".ray").exists()
