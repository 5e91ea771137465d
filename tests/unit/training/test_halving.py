"""The sweep's decisions: a pure function of scores, whatever order they came in."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.params import Dimension, Train
from toolkit.training.halving import decide, plan_rungs
from toolkit.training.parameters import resolve_parameters
from toolkit.training.search import draw_configs, place_point

SCORES = st.lists(
    st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda own: list(itertools.accumulate(own, min))),
    min_size=1,
    max_size=12,
)


def one_after_the_other(full: list[list[float]]) -> list[int]:
    """Run the trials as ASHA does with one worker: each sees the trials before it, and no other."""
    boards: list[list[float]] = [[] for _ in full[0]]
    ends = []
    for own in full:
        for rung, score in enumerate(own):
            boards[rung].append(score)
            better = sum(other < score for other in boards[rung])
            if rung == len(own) - 1 or better >= max(1, len(boards[rung]) // 3):
                ends.append(rung + 1)
                break
    return ends


@given(SCORES, st.integers(1, 5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_outcome_is_that_of_one_worker_for_any_number_and_any_timing(full, workers, random) -> None:
    expected = one_after_the_other(full)
    known: list[list[float]] = [[] for _ in full]
    waiting, running = list(range(len(full))), []
    while waiting or running:
        while waiting and len(running) < workers:
            running.append(waiting.pop(0))
        trial = random.choice(running)
        known[trial].append(full[trial][len(known[trial])])
        decision = decide(known, 3)[trial]
        if decision is not None or len(known[trial]) == 3:
            running.remove(trial)
    assert decide(known, 3) == expected


@given(SCORES)
def test_a_decision_once_taken_stands(full: list[list[float]]) -> None:
    expected = decide(full, 3)
    for cut in itertools.product(range(4), repeat=min(len(full), 4)):
        part = [own[: cut[i]] if i < len(cut) else [] for i, own in enumerate(full)]
        for early, late in zip(decide(part, 3), expected, strict=True):
            assert early in (None, late)


def test_the_best_trial_is_never_stopped() -> None:
    rng = np.random.default_rng(0)
    full = [np.minimum.accumulate(rng.uniform(size=1).repeat(3)).tolist() for _ in range(30)]
    best = int(np.argmin([own[-1] for own in full]))
    assert decide(full, 3)[best] == 3


def test_rungs_end_at_the_last_round() -> None:
    assert plan_rungs(1) == (1,) and plan_rungs(30) == (10, 30)
    assert plan_rungs(10_000)[-1] == 10_000


SPACE = {
    "num_leaves": Dimension(type="int", low=2, high=9),
    "lambda_l2": Dimension(type="float", low=0.001, high=10.0, log=True),
    "min_data_in_leaf": Dimension(type="choice", values=[5, 10, 20]),
}


def test_points_are_a_prefix_of_a_longer_sweep_and_change_with_the_seed() -> None:
    assert draw_configs(SPACE, 5, 1) == draw_configs(SPACE, 20, 1)[:5]
    assert draw_configs(SPACE, 5, 1) != draw_configs(SPACE, 5, 2)
    assert draw_configs({}, 2, 1) == [{}, {}]


def test_every_value_is_reached_about_equally_often() -> None:
    drawn = draw_configs(SPACE, 800, 3)
    counts = np.bincount([config["num_leaves"] for config in drawn], minlength=10)[2:]
    assert counts.min() > 80 and counts.max() < 120
    assert 0.45 < np.mean([config["lambda_l2"] < 0.1 for config in drawn]) < 0.55


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(list(SPACE.values())))
def test_points_stay_in_their_dimension(u: float, dimension: Dimension) -> None:
    value = place_point(dimension, u)
    if dimension.type == "choice":
        assert value in dimension.values
    else:
        assert dimension.low <= value <= dimension.high
        assert isinstance(value, int) == (dimension.type == "int")


def test_a_choice_of_whole_numbers_is_one_that_train_takes() -> None:
    space: dict[Any, Dimension] = {
        "num_leaves": Dimension(type="choice", values=[15, 31]),
        "lambda_l2": Dimension(type="choice", values=[0, 1]),
    }
    for config in draw_configs(space, 8, 1):
        assert isinstance(config["num_leaves"], int)
        assert resolve_parameters(Train(), config)[0].num_leaves == config["num_leaves"]
