"""The service without its monitoring: no log, no counts, no drift. What these cost is the difference."""

from typing import Any

import toolkit.serving.service as watched
from toolkit.serving.monitor import Monitor
from toolkit.serving.recorder import Recorder


def forget(self: Recorder, answered: Any) -> None:
    """Record nothing."""


def stay_idle(self: Monitor) -> None:
    """Start no thread."""


def find_nothing_wrong(self: Monitor) -> tuple[str, str]:
    """Be ready without a thread."""
    return "", ""


Monitor.check = find_nothing_wrong  # type: ignore[method-assign]
Recorder.add = forget  # type: ignore[method-assign]
Monitor.start = stay_idle  # type: ignore[method-assign]
service = watched.service
