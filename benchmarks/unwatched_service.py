"""The service without its monitoring: no log, no counts, no drift. What these cost is the difference."""

import toolkit.serving.service as watched
from toolkit.serving.monitor import Monitor
from toolkit.serving.records import Answered, AnsweredOne
from toolkit.serving.waiting import Waiting


def forget(self: Waiting, answered: Answered | AnsweredOne) -> None:
    """Record nothing."""


def stay_idle(self: Monitor) -> None:
    """Start no thread."""


def find_nothing_wrong(self: Monitor) -> tuple[str, str]:
    """Be ready without a thread."""
    return "", ""


Monitor.check = find_nothing_wrong  # type: ignore[method-assign]
Waiting.add = forget  # type: ignore[method-assign]
Waiting.add_one = forget  # type: ignore[method-assign]
Monitor.start = stay_idle  # type: ignore[method-assign]
service = watched.service
