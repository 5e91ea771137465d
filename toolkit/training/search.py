"""The points of a sweep, drawn before it starts: the same for every concurrency, and a prefix of a longer sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from toolkit.params import Dimension, is_whole

Config = dict[str, int | float]


def draw_configs(space: Mapping[Any, Dimension], trials: int, seed: int) -> list[Config]:
    """Draw the parameters of each trial.

    Points come from a scrambled Halton sequence (Owen, "A randomized Halton algorithm in R", 2017): as random as one
    needs, and spread more evenly over the space than independent draws. The first n points of a sweep of m > n trials
    are those of a sweep of n.

    Parameters
    ----------
    space : mapping
        Dimensions by parameter name; their order matters.
    trials : int
        Number of points.
    seed : int

    Returns
    -------
    list of dict
        One per trial.
    """
    if not space:
        return [{} for _ in range(trials)]
    from scipy.stats import qmc

    points = qmc.Halton(len(space), scramble=True, rng=np.random.default_rng(seed)).random(trials)
    return [
        {
            name: _number(name, place_point(dimension, float(u)))
            for (name, dimension), u in zip(space.items(), point, strict=True)
        }
        for point in points
    ]


def _number(name: str, value: int | float) -> int | float:
    """Give a whole number as one: those of a choice are floats, which ``train`` takes for a fraction."""
    return int(value) if is_whole(name) else value


def place_point(dimension: Dimension, u: float) -> int | float:
    """Map ``u`` from [0, 1) onto a dimension; both ends of an int dimension can be reached.

    >>> place_point(Dimension(type="int", low=1, high=3), 0.99)
    3
    >>> place_point(Dimension(type="choice", values=[0, 0.5]), 0.2)
    0.0
    """
    if dimension.type == "choice":
        return dimension.values[min(int(u * len(dimension.values)), len(dimension.values) - 1)]
    assert dimension.low is not None and dimension.high is not None
    # A whole number owns the interval from half below to half above it.
    half = 0.5 if dimension.type == "int" else 0.0
    low, high = dimension.low - half, dimension.high + half
    value = (
        math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
        if dimension.log
        else low + u * (high - low)
    )
    value = min(max(value, dimension.low), dimension.high)
    return round(value) if dimension.type == "int" else value
