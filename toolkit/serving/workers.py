"""How many processes answer: a number, or as many as there are processors to run them, a container's limit included."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from toolkit.errors import ModelError

VARIABLE = "TOOLKIT_WORKERS"
MAX_WORKERS = 64
CGROUP = Path("/sys/fs/cgroup")


def count_processors(folder: Path = CGROUP) -> int:
    """Count the processors that this process may use: those it may run on, and no more than its control group's quota.

    A quota of 1.5 counts as 2: a process that waits for the disk or for its turn leaves room.
    """
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read_quota(folder)
    return max(1, min(here, math.ceil(quota))) if quota else max(1, here)


def read_workers(environment: Mapping[str, str] = os.environ) -> int:
    """Read TOOLKIT_WORKERS as :func:`parse_workers` does; 1 if it is not set.

    Raises
    ------
    ModelError
        It is something else.
    """
    return parse_workers(environment.get(VARIABLE, "1"), VARIABLE)


def parse_workers(text: str, source: str, count: Callable[[], int] = count_processors) -> int:
    """Turn text into a number of processes: a number, or ``auto`` for :func:`count_processors`.

    Raises
    ------
    ModelError
        It is something else; names ``source``.
    """
    given = text.strip()
    if given == "auto":
        return min(count(), MAX_WORKERS)
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= MAX_WORKERS:
        raise ModelError(
            f"{source} must be a whole number from 1 to {MAX_WORKERS}, or auto. Got '{given[:20]}'."
        )
    return int(given)


def _read_quota(folder: Path) -> float:
    """Read the processors that the control group allows (cgroup v2, else v1); 0: any number."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((folder / name).read_text(encoding="ascii") for name in names).split()
            return max(0.0, int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):  # not there, or "max"
            continue
    return 0.0
