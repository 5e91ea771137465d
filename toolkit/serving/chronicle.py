"""Keeps the history of the service: totals of all workers, taken by the one that leads, saved once a minute."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from toolkit.monitoring.profile import Profile
from toolkit.serving.history import History, name_column
from toolkit.serving.ledger import Tally, replace_file
from toolkit.serving.metrics import LATENCY_BUCKETS_S, Metrics

FILE = "history.json"
TAKE_S = 10.0
SAVE_S = 60.0


class Chronicle:
    """The history, and the file that it is kept in.

    Parameters
    ----------
    folder : Path
        Of the state of monitoring.
    profile : Profile
        Names the predicted labels.
    metrics : Metrics
        Counts requests.
    """

    def __init__(self, folder: Path, profile: Profile, metrics: Metrics) -> None:
        self.folder, self._profile, self._metrics = folder, profile, metrics
        self._history = History(LATENCY_BUCKETS_S)
        self._taken_s = self._saved_s = -float("inf")

    def load(self) -> None:
        """Go on from the file."""
        self._history = History.from_list(load_history(self.folder), LATENCY_BUCKETS_S)

    def take(self, tally: Tally, status: Mapping[str, Any], *, now: bool = False) -> None:
        """Take in what has been counted, every ten seconds or when somebody looks; save it once a minute.

        Raises
        ------
        OSError
            The folder cannot be written to.
        """
        moment = time.monotonic()
        if not now and moment - self._taken_s < TAKE_S:
            return
        self._taken_s = moment
        self._history.add(time.time(), self._measure(tally, status))
        if now or moment - self._saved_s >= SAVE_S:
            replace_file(self.folder / FILE, orjson.dumps(self._history.to_list()))
            self._saved_s = moment

    def tell(self, tally: Tally, status: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the history until now to any worker: what the leader last saved, and what was counted since."""
        history = History.from_list(load_history(self.folder), LATENCY_BUCKETS_S)
        history.add(time.time(), self._measure(tally, status))
        return history.to_list()

    def _measure(self, tally: Tally, status: Mapping[str, Any]) -> dict[str, Any]:
        group, labels = self._profile.prediction_group, {}
        for index, cells in enumerate(self._profile.predictions):
            if cells.name == "label":
                counts = tally.counts.predictions[group.slice(index)].tolist()
                labels = dict(zip(cells.categories, counts, strict=False))
        columns = [
            column
            for statistics in status.get("drift", {}).values()
            if statistics
            for column in statistics["columns"]
        ]
        performance = status.get("performance") or {}
        return {
            **self._metrics.measure_totals(),
            "rows": tally.counts.rows,
            "lost": tally.lost,
            "labels": labels,
            "changes": {name_column(column): column["change"] for column in columns},
            "performance": performance.get("value"),
        }


def load_history(folder: Path) -> Any:
    """Read what was last saved; nothing if that is not there or damaged."""
    try:
        return orjson.loads((folder / FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return []
