"""Hands records of the prediction log to ``bentoml.monitor``, for those who ship them elsewhere.

BentoML 1.4.39's monitor cuts columns of unequal length silently (its check asserts an exception, which is true), and
what its context holds stays there when its body or its export raises: every later record of that thread then fails.
So columns are made whole before it is entered, and each block runs in a context of its own. It runs in a thread of its
own, with a bounded queue: what it ships to may be slow, or hang.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

MOST_WAITING = 100_000  # records
BLOCK_RECORDS = 1000
WAIT_S = 1.0
CLOSE_S = 5.0  # what the last records may take
NUMBERS = ("latency_ms", "value")
logger = logging.getLogger("toolkit.serving")


class Shipper:
    """Ships records; a failure costs the records of its block, is told once, and disturbs nobody.

    Parameters
    ----------
    name : str
        Of the monitor.
    numbers : collection of str
        Features whose values are numbers; BentoML calls the others categorical.
    """

    def __init__(self, name: str, numbers: Collection[str]) -> None:
        self._name, self._numbers = name, frozenset(numbers)
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._lost = 0
        self._failure = ""
        self._is_described = False
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="toolkit-shipper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, lines: Sequence[bytes]) -> None:
        """Hand over lines of the log; those above a hundred thousand that wait are lost."""
        room = max(MOST_WAITING - len(self._waiting), 0)
        self._waiting.extend(lines[:room])
        self._lose(len(lines) - room)
        self._wake.set()

    def take_lost(self) -> int:
        """Give how many records were lost since the last call."""
        with self._lock:
            lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        """Ship what waits, for five seconds at most; what is left then is lost."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        self._lose(len(self._waiting))

    def _run(self) -> None:
        while self._waiting or not self._stop.is_set():
            self._wake.wait(WAIT_S)
            self._wake.clear()
            while self._waiting:
                most = (
                    BLOCK_RECORDS if self._is_described else 1
                )  # BentoML warns of each value that comes with names
                self._ship([self._waiting.popleft() for _ in range(min(most, len(self._waiting)))])

    def _ship(self, lines: Sequence[bytes]) -> None:
        try:
            columns = make_columns([orjson.loads(line) for line in lines])
            contextvars.Context().run(self._log, columns)
        except Exception as error:  # whatever a monitor's class raises
            self._lose(len(lines))
            self._tell(f"{type(error).__name__}: {error}"[:500])
        else:
            self._is_described = True
            self._tell("")

    def _log(self, columns: Mapping[str, Sequence[Any]]) -> None:
        import bentoml

        monitor: Any = None
        is_described = True
        try:
            with bentoml.monitor(self._name) as monitor:
                is_described = getattr(monitor, "columns_schema", None) is not None
                for column, values in columns.items():
                    monitor.log_batch(values, column, *self._describe(column))
        except BaseException:
            if not is_described:  # the next block describes the columns again
                monitor.columns_schema = None
            raise

    def _describe(self, column: str) -> tuple[str, str]:
        """Give the role and the type of a column; others than BentoML's own make it warn at every value."""
        group, _, name = column.partition(".")
        role = "feature" if group in ("features", "personal") else "prediction"
        is_number = (
            group == "probabilities" or column in NUMBERS or (group == "features" and name in self._numbers)
        )
        return role, "numerical" if is_number else "categorical"

    def _lose(self, count: int) -> None:
        if count > 0:
            with self._lock:
                self._lost += count

    def _tell(self, failure: str) -> None:
        if failure == self._failure:
            return
        self._failure = failure  # once per kind of failure, and once when it is over
        if failure:
            logger.error("Predictions are not shipped by bentoml.monitor: %s. Serving goes on.", failure)
        else:
            logger.info("Predictions are shipped again")


def make_columns(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Turn records into columns of equal length, ``features.size`` for what is nested.

    Raises
    ------
    KeyError
        A record lacks a key that the first has.

    >>> make_columns([{"id": "a", "features": {"x": 1}}, {"id": "b", "features": {"x": None}}])
    {'id': ['a', 'b'], 'features.x': [1, None]}
    """
    columns: dict[str, list[Any]] = {}
    for key, value in records[0].items():
        if isinstance(value, dict):
            columns |= {f"{key}.{name}": [record[key][name] for record in records] for name in value}
        else:
            columns[key] = [record[key] for record in records]
    return columns
