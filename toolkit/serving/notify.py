"""Tells people when an alarm is raised and when it is over, without the service ever waiting for them.

Each receiver has a thread and a queue of its own: one that is slow or down delays nobody. What comes within a minute
goes in one message. A receiver that cannot be reached is tried again, later and later; what could not be told within
an hour is dropped and counted. The alarms stay on the status page and in the metrics whatever happens here.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolkit.errors import NotifyError, count_of
from toolkit.serving.page_text import clean
from toolkit.serving.receivers import Note, Receiver

PAUSE_S = 60.0  # between two messages to a receiver
RETRY_S, MOST_RETRY_S = 2.0, 300.0  # the first wait after a failure, doubled with each further one
KEEP_S = 3600.0  # how long it is worth telling
CAPACITY = 1000  # alarms that wait for a receiver; the oldest give way
SHOWN = 50  # alarms in a message
MESSAGE, VALUE = 600, 200  # characters of an alarm's message, and of any other text in it
CLOSE_S = 3.0
Alarms = Sequence[Mapping[str, Any]]
logger = logging.getLogger("toolkit.serving")


class Notifier:
    """Takes alarms and sees to it that every receiver is told.

    Parameters
    ----------
    receivers : sequence of Receiver
        See :func:`toolkit.serving.receivers.load_receivers`. Without any nothing is done.
    version : str
        Of the model, which every message names.
    pause_s, retry_s : float
        Seconds between messages, and before the first new try.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        version: str,
        pause_s: float = PAUSE_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._outboxes = [Outbox(receiver, version, pause_s, retry_s) for receiver in receivers]

    def add(self, raised: Alarms, cleared: Alarms) -> None:
        """Hand over alarms that were raised, and those that are over. Returns at once and raises nothing.

        Parameters
        ----------
        raised, cleared : sequence of mapping
            Alarms as in ``status.json``.
        """
        if raised or cleared:
            for outbox in self._outboxes:
                outbox.add(raised, cleared)

    @property
    def counts(self) -> dict[str, int]:
        """``receivers``, those ``failing`` at the last try; messages ``sent``, tries ``failed``; alarms ``dropped``."""
        told = {"receivers": len(self._outboxes), "sent": 0, "failed": 0, "dropped": 0}
        for outbox in self._outboxes:
            for name, count in outbox.counts.items():
                told[name] += count
        return told | {"failing": sum(outbox.failing for outbox in self._outboxes)}

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Try once more to tell what waits, and end."""
        for outbox in self._outboxes:
            outbox.stop()
        deadline = time.monotonic() + timeout_s
        for outbox in self._outboxes:
            outbox.join(max(deadline - time.monotonic(), 0.0))


class Outbox:
    """What one receiver is still to be told, and the thread that tells it."""

    def __init__(
        self,
        receiver: Receiver,
        version: str,
        pause_s: float = PAUSE_S,
        retry_s: float = RETRY_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.receiver, self.version = receiver, version
        self.counts = {"sent": 0, "failed": 0, "dropped": 0}
        self._pause_s, self._retry_s, self._now = pause_s, retry_s, now
        self._waiting: list[tuple[float, bool, dict[str, Any]]] = []  # since, whether raised, the alarm
        self._next_s, self._failures = 0.0, 0
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    @property
    def failing(self) -> bool:
        """Whether the last try failed."""
        return self._failures > 0

    def add(self, raised: Alarms, cleared: Alarms) -> None:
        """Put alarms into the queue; the thread begins with the first."""
        with self._changed:
            now = self._now()
            self._waiting += [(now, True, shorten(alarm)) for alarm in raised]
            self._waiting += [(now, False, shorten(alarm)) for alarm in cleared]
            self._drop(len(self._waiting) - CAPACITY)
            if self._thread is None and not self._stopped:
                self._start()
            self._changed.notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="toolkit-notify", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread is left in this container: the next alarm tries again
            logger.error("Notifications to %s wait: %s", self.receiver.name, error)
        else:
            self._thread = thread

    def stop(self) -> None:
        """Make the thread try once and end."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not (self._waiting and self._now() >= self._next_s):
                    left = self._next_s - self._now() if self._waiting else None
                    self._changed.wait(left)
                last = self._stopped
            if self._waiting:
                self.deliver()
            if last:
                return

    def deliver(self) -> None:
        """Try to tell all that waits; plans the next try."""
        with self._changed:
            since = self._now() - KEEP_S
            self._drop(sum(began < since for began, _, _ in self._waiting))
            waiting = list(self._waiting)
        if not waiting:
            return
        try:
            self.receiver.send(write_note(self.version, *_split(waiting)))
        except NotifyError as error:
            self._note_failure(error, waiting)
            return
        except Exception as error:  # whatever a receiver does, serving goes on
            fault = NotifyError(f"{self.receiver.name}: {type(error).__name__}")
            self._note_failure(fault, waiting)
            return
        if self._failures:
            logger.info("Notifications reach %s again", self.receiver.name)
        with self._changed:
            self.counts["sent"] += 1
            self._failures, self._next_s = 0, self._now() + self._pause_s
            told = {id(alarm) for _, _, alarm in waiting}
            self._waiting = [each for each in self._waiting if id(each[2]) not in told]

    def _note_failure(self, error: NotifyError, waiting: Sequence[Any]) -> None:
        if not self._failures or not error.again:
            logger.error("A notification was not sent: %s", error)
        with self._changed:
            self.counts["failed"] += 1
            self._failures += 1
            wait_s = max(min(self._retry_s * 2 ** min(self._failures - 1, 20), MOST_RETRY_S), error.wait_s)
            if not error.again:  # these will not be taken; what comes later may be
                refused = {id(alarm) for _, _, alarm in waiting}
                self._drop(sum(id(alarm) in refused for _, _, alarm in self._waiting))
                wait_s = max(wait_s, self._pause_s)
            self._next_s = self._now() + wait_s

    def _drop(self, count: int) -> None:
        """Give up the oldest."""
        if count > 0:
            del self._waiting[:count]
            self.counts["dropped"] += count


def _split(waiting: Sequence[tuple[float, bool, dict[str, Any]]]) -> tuple[list[Any], list[Any]]:
    raised = [alarm for _, is_raised, alarm in waiting if is_raised]
    return raised, [alarm for _, is_raised, alarm in waiting if not is_raised]


def write_note(version: str, raised: Alarms, cleared: Alarms) -> Note:
    """Write one message of several alarms.

    ``content`` has ``version``, ``raised`` and ``cleared``, the alarms as they are in ``status.json``.
    """
    name = clean(version.partition(":")[0], 60)
    parts = [f"{count_of(len(raised), 'alarm')} raised"] if raised else []
    parts += [f"{count_of(len(cleared), 'alarm')} over"] if cleared else []
    subject = f"{name}: {', '.join(parts)}"
    lines = [subject, *_list("Raised", raised), *_list("Over", cleared), "", f"Model: {clean(version, 120)}"]
    content = {"version": version, "raised": list(raised[:SHOWN]), "cleared": list(cleared[:SHOWN])}
    return Note(subject, _disarm("\n".join(lines)), content)


def write_test(version: str) -> Note:
    """Write a message that tells of nothing."""
    name = clean(version.partition(":")[0], 60)
    text = f"{name}: a test. Alarms of this model will come here.\n\nModel: {clean(version, 120)}"
    return Note(
        f"{name}: a test of notifications", _disarm(text), {"version": version, "raised": [], "cleared": []}
    )


def _list(title: str, alarms: Alarms) -> list[str]:
    if not alarms:
        return []
    lines = [f"- {clean(alarm.get('message') or alarm.get('column'), MESSAGE)}" for alarm in alarms[:SHOWN]]
    more = [f"and {len(alarms) - SHOWN} more"] if len(alarms) > SHOWN else []
    return ["", f"{title}:", *lines, *more]


def _disarm(text: str) -> str:
    """Take from what a column may be called the power to call a whole channel, which ``<!channel>`` has in Slack."""
    return re.sub(r"<(?=[!@#]|[A-Za-z]+:)", "‹", text)


def shorten(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Give an alarm whose texts have an end."""
    return {
        name: clean(value, MESSAGE if name == "message" else VALUE) if isinstance(value, str) else value
        for name, value in alarm.items()
    }
