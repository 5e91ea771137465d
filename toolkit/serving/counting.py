"""Answered rows counted in the cells of the reference profile."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.serving.model import Predictions
from toolkit.serving.records import Answered
from toolkit.serving.rows import Column

logger = logging.getLogger("toolkit.serving")


def count_answered(profile: Profile, answered: Answered) -> Counts:
    """Count the rows of a request."""
    columns = {cells.name: answered.take_column(cells.name) for cells in profile.features}
    return count_columns(profile, columns, [answered.predictions])


def count_columns(
    profile: Profile, columns: Mapping[str, Column], predictions: Sequence[Predictions]
) -> Counts:
    """Count rows with their predictions; what the profile refuses is told and not counted."""
    outputs = join_predictions(predictions) if profile.predictions else None
    try:
        return profile.count(columns, outputs)
    except ToolkitError as error:
        logger.error("Rows were not counted for drift: %s", error)
        return profile.no_rows()


def join_predictions(parts: Sequence[Predictions]) -> dict[str, Any]:
    """Join predictions as the columns that a profile counts: ``label`` and ``p_<class>``, or ``value``."""
    if parts[0].values is not None:
        return {"value": np.concatenate([part.values for part in parts if part.values is not None])}
    probabilities = np.concatenate([part.probabilities for part in parts if part.probabilities is not None])
    joined = Predictions(parts[0].classes, probabilities, None)
    return {"label": joined.labels} | {
        f"p_{name}": probabilities[:, index] for index, name in enumerate(joined.classes)
    }
