"""What a sweep keeps of its trials, and what it takes up again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import ModelError
from toolkit.params import Sweep
from toolkit.training.dataset import Prepared
from toolkit.training.parameters import load_best
from toolkit.training.sweep import Board, SweepResult, Trial, measure_fingerprint
from toolkit.training.trials import TrialData, iterate_rungs

CONFIGS = [{"num_leaves": 4 + number} for number in range(3)]
RUNGS = (5, 15)


def test_board_takes_up_what_was_recorded(tmp_path: Path) -> None:
    seen: list[tuple[int, int, float]] = []
    board = Board(tmp_path, CONFIGS, RUNGS, lambda *told: seen.append(told))
    assert board.open_trials() == [0, 1, 2]
    assert board.record(0, [0.5]) is False
    assert board.record(0, [0.5, 0.4]) is True
    assert board.record(1, [0.6]) is True
    assert seen[-1] == (2, 3, 0.4)
    again = Board(tmp_path, CONFIGS, RUNGS, None)
    assert again.open_trials() == [2] and again.scores == [[0.5, 0.4], [0.6], []]
    with pytest.raises(ModelError, match="Trial 2"):
        again.close()
    again.record(2, [0.1, 0.05])
    assert [(t.rounds, t.stopped, t.score) for t in again.close()] == [
        (15, False, 0.4),
        (5, True, 0.6),
        (15, False, 0.05),
    ]


def test_what_ran_ahead_of_a_decision_does_not_count(tmp_path: Path) -> None:
    board = Board(tmp_path, CONFIGS[:2], RUNGS, None)
    assert board.record(1, [0.6]) is False  # nothing is known of trial 0 yet
    board.record(0, [0.5, 0.4])
    assert board.record(1, [0.6, 0.1]) is True
    assert board.close()[1].scores == (0.6,)


@pytest.mark.parametrize(
    "text", ["", '{"config": {"num_leaves": 4}, "scor', '{"config": {"num_leaves": 99}, "scores": [1]}']
)
def test_a_file_that_is_damaged_or_of_another_trial_is_not_taken(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial-00000.json").write_text(text)
    assert Board(tmp_path, CONFIGS, RUNGS, None).open_trials() == [0, 1, 2]


def share(data: Prepared) -> TrialData:
    splits = [(data[name].matrix, data[name].target) for name in ("train", "valid")]
    return TrialData("binary", 2, data.features.names, tuple(data.features.categorical), splits[0], splits[1])


def test_fingerprint_follows_data_and_parameters_but_not_the_number_of_workers(seeded: Prepared) -> None:
    data, params = share(seeded), Sweep()
    same = params.model_copy(update={"concurrency": 7, "trials": 99})
    assert measure_fingerprint(data, params) == measure_fingerprint(data, same)
    other = replace(data, valid=(data.valid[0] + 1e-9, data.valid[1]))
    prints = {measure_fingerprint(data, params), measure_fingerprint(other, params)}
    prints.add(measure_fingerprint(data, params.model_copy(update={"seed": 2})))
    assert len(prints) == 3


def test_trial_gives_its_best_loss_at_each_rung(seeded: Prepared) -> None:
    data = share(seeded)
    scores = list(iterate_rungs(data, {"num_leaves": 5}, 0.1, 1, (3, 9, 27)))
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert scores == list(iterate_rungs(data, {"num_leaves": 5}, 0.1, 1, (3, 9, 27)))
    hopeless = replace(data, train=(data.train[0][:6], np.array([0.0, 1, 0, 1, 0, 1])))
    assert len(list(iterate_rungs(hopeless, {"min_data_in_leaf": 40}, 0.1, 1, (3, 9, 27)))) == 3


def test_best_is_the_lowest_loss_and_of_equals_the_first(tmp_path: Path) -> None:
    trials = tuple(
        Trial(n, {"num_leaves": n + 2}, 15, (0.9, score), False) for n, score in enumerate([0.3, 0.2, 0.2])
    )
    result = SweepResult("log_loss", RUNGS, trials)
    assert result.describe_best() == {
        "schema": 1, "params": {"num_leaves": 3}, "score": 0.2, "metric": "log_loss", "trial": 1
    }  # fmt: skip
    (tmp_path / "best.json").write_text('{"params": {"learning_rate": 0.3}}')
    with pytest.raises(ModelError, match="Got learning_rate"):
        load_best(tmp_path / "best.json")
