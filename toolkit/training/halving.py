"""ASHA with a fixed order: which trials stop early depends on their scores, never on who finished first.

Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020) stops a
trial at a rung when it is not among the best 1/ETA of those that have come to that rung so far. "So far" depends on
the machine's load. Here it means: of the trials with a lower number. That is what ASHA does with one worker; with more
workers a trial may run ahead of the decision, and what it did beyond its stopping rung is then left out of the
results. So the outcome is the same for every concurrency, and after any interruption.
"""

from __future__ import annotations

from collections.abc import Sequence

ETA = 3  # of so many trials at a rung, one goes on
FEWEST_ROUNDS = 10  # a comparison after fewer boosting rounds says little


def plan_rungs(max_rounds: int) -> tuple[int, ...]:
    """Give the rounds at which trials are compared; the last is ``max_rounds``.

    >>> plan_rungs(200)
    (23, 67, 200)
    """
    rungs = [max_rounds]
    while -(-rungs[0] // ETA) >= FEWEST_ROUNDS:
        rungs.insert(0, -(-rungs[0] // ETA))
    return tuple(rungs)


def decide(scores: Sequence[Sequence[float]], rungs: int) -> list[int | None]:
    """Decide how many rungs of each trial count.

    Parameters
    ----------
    scores : sequence
        For each trial, in order, its loss at each rung that it has come to so far (lower is better).
    rungs : int
        Number of rungs.

    Returns
    -------
    list
        For each trial the number of rungs after which it stopped (``rungs`` if it ran to the end), or None if the
        scores do not settle it yet.
    """
    boards: list[list[float]] = [[] for _ in range(rungs)]
    settled = [
        True
    ] * rungs  # whether it is known which of the trials before came to this rung, and how they did
    return [_decide_one(own, boards, settled) for own in scores]


def _decide_one(own: Sequence[float], boards: list[list[float]], settled: list[bool]) -> int | None:
    last = len(boards) - 1
    for rung, board in enumerate(boards):
        if rung >= len(own):
            settled[rung:] = [False] * (len(boards) - rung)
            return None
        board.append(own[rung])
        if rung == last:
            break
        if not settled[rung]:
            settled[rung + 1 :] = [False] * (last - rung)
            return None
        better = sum(score < own[rung] for score in board)
        if better >= max(1, len(board) // ETA):
            return rung + 1
    return last + 1
