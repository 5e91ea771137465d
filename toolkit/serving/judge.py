"""Judges the model by the true labels that come back: what the leader reads, measures and hands to the detectors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.errors import DriftError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.estimate import estimate_performance
from toolkit.monitoring.outcomes import count_labels, count_outcomes, encode_outcome, fit_label_profile
from toolkit.monitoring.performance import RollingPerformance
from toolkit.monitoring.performance_reference import PerformanceReference
from toolkit.monitoring.profile import Profile
from toolkit.serving.label_reader import MATCHED, Labelled, LabelReader

LABELS, PERFORMANCE = "labels", "performance"
logger = logging.getLogger("toolkit.serving")


class Judge:
    """Follows the labels of one model version.

    Parameters
    ----------
    folder : Path
        Of the feedback log.
    version : str
        Of the model; labels of other versions' predictions are passed over.
    metric : str
        The one that is followed.
    classes : sequence of str
        The model's; none for regression.
    profile : Profile
        The reference; its label mix is what the true labels' is compared with.
    reference : PerformanceReference
        What the model did on held-out rows.
    """

    def __init__(
        self,
        folder: Path,
        version: str,
        metric: str,
        classes: Sequence[str],
        *,
        profile: Profile,
        reference: PerformanceReference,
    ) -> None:
        self._folder, self._version, self._metric, self._classes = folder, version, metric, classes
        self._profile, self._reference = profile, reference
        self._labels, self._outcomes = fit_label_profile(profile), reference.outcomes
        self._reader = LabelReader(folder)
        self._rolling = RollingPerformance(metric, classes)
        self._unfit = 0

    @property
    def profiles(self) -> dict[str, Profile]:
        """What is watched, by the name of the watch."""
        found = {LABELS: self._labels, PERFORMANCE: self._outcomes}
        return {name: profile for name, profile in found.items() if profile is not None and profile.features}

    def load(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a saved state, or (None) begin with the first label there is."""
        held = state or {}
        self._reader = LabelReader(self._folder, held.get("positions"))
        self._reader.counts |= held.get("counts", {})
        self._rolling = RollingPerformance(self._metric, self._classes)
        for record in self._reader.replay(2 * self._rolling.window_rows):
            self._add(record)

    def to_dict(self) -> dict[str, Any]:
        """Give the state as values that JSON can hold."""
        return {"positions": self._reader.positions, "counts": self._reader.counts}

    def read(self) -> dict[str, Counts]:
        """Read what labels came, and count them for the detectors: a label once, as it came first."""
        fresh = [record for kind, record in self._reader.read() if self._add(record) and kind == MATCHED]
        if not fresh:
            return {}
        counts = {PERFORMANCE: self._count_outcomes(fresh)}
        if self._labels is not None:
            counts[LABELS] = count_labels(self._labels, [record.truth for record in fresh])
        return {name: counts[name] for name in self.profiles}

    def describe(self, recent: Counts) -> dict[str, Any]:
        """Give the metric on true labels, the one estimated for recent rows, and how many labels came.

        Parameters
        ----------
        recent : Counts
            Of the recent rows, with labels or without.
        """
        figures = {
            "performance": self._rolling.measure(),
            "estimated": estimate_performance(self._reference.tables, self._profile, recent, self._metric),
        }
        told = {
            name: {**figure.to_dict(), "reference": self._reference.performance.value}
            for name, figure in figures.items()
        }
        return {**told, "feedback": dict(self._reader.counts)}

    def _add(self, record: Labelled) -> bool:
        """Take a label into the rolling metric; False for one of another version or another model's classes."""
        if record.version != self._version:
            return False
        try:
            self._rolling.add(record.id, record.time_s, record.truth, record.predicted)
        except DriftError as error:
            if not self._unfit:  # once: a log of such lines must not fill another
                logger.warning("Labels are passed over: %s", error)
            self._unfit += 1
            return False
        return True

    def _count_outcomes(self, records: Sequence[Labelled]) -> Counts:
        pairs = [encode_outcome(record.truth, record.predicted, self._classes) for record in records]
        target = np.array([truth for truth, _ in pairs])
        prediction = np.array([row for _, row in pairs])
        return count_outcomes(self._outcomes, target, prediction, self._classes)
