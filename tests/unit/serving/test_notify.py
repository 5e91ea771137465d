"""Alarms are told in few messages, again after a failure, and never at the cost of serving."""

import threading
import time
from dataclasses import dataclass, field

import pytest

from toolkit.errors import NotifyError
from toolkit.serving.notify import CAPACITY, KEEP_S, Notifier, Outbox, write_note, write_test
from toolkit.serving.receivers import Note

ALARM = {
    "watch": "features",
    "column": "radius",
    "group": "feature",
    "message": "Feature 'radius' has drifted.",
}


@dataclass
class Someone:
    """A receiver that does what a test says."""

    name: str = "someone"
    notes: list[Note] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    wait_s: float = 0.0

    def send(self, note: Note, timeout_s: float = 10.0) -> None:
        time.sleep(self.wait_s)
        if self.errors:
            raise self.errors.pop(0)
        self.notes.append(note)


def wait_for(condition, limit_s: float = 5.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def alarm(number: int) -> dict:
    return ALARM | {"column": f"c{number}", "message": f"Feature 'c{number}' has drifted."}


def test_the_first_alarm_is_told_at_once_and_what_follows_in_one_message() -> None:
    someone = Someone()
    notifier = Notifier([someone], "m:1", pause_s=0.3)
    notifier.add([alarm(0)], [])
    wait_for(lambda: someone.notes)
    for number in range(1, 6):
        notifier.add([alarm(number)], [alarm(0)] if number == 5 else [])
    time.sleep(0.1)
    assert len(someone.notes) == 1
    wait_for(lambda: len(someone.notes) == 2)
    assert [len(note.content["raised"]) for note in someone.notes] == [1, 5]
    assert someone.notes[1].content["cleared"] == [alarm(0)]
    assert someone.notes[1].subject == "m: 5 alarms raised, 1 alarm over"
    notifier.close()
    assert notifier.counts == {"receivers": 1, "sent": 2, "failed": 0, "dropped": 0, "failing": 0}


def test_a_failure_is_tried_again_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    someone = Someone(errors=[NotifyError("someone: down", again=True) for _ in range(3)])
    notifier = Notifier([someone], "m:1", pause_s=0, retry_s=0.01)
    notifier.add([alarm(0)], [])
    wait_for(lambda: someone.notes)
    notifier.close()
    assert notifier.counts == {"receivers": 1, "sent": 1, "failed": 3, "dropped": 0, "failing": 0}
    assert caplog.text.count("was not sent: someone: down") == 1


def test_one_that_is_slow_delays_neither_the_caller_nor_the_others() -> None:
    slow, quick = Someone(wait_s=1.0), Someone()
    notifier = Notifier([slow, quick], "m:1")
    begin = time.monotonic()
    notifier.add([alarm(0)], [])
    assert time.monotonic() - begin < 0.1
    wait_for(lambda: quick.notes, 0.8)
    notifier.close(0.05)
    assert time.monotonic() - begin < 0.95


def test_a_refusal_drops_those_alarms_and_not_later_ones() -> None:
    someone = Someone(errors=[NotifyError("someone must answer with 2xx. It answered 404.")])
    notifier = Notifier([someone], "m:1", pause_s=0.01, retry_s=0.01)
    notifier.add([alarm(0), alarm(1)], [])
    wait_for(lambda: notifier.counts["dropped"])
    assert notifier.counts["failing"] == 1
    notifier.add([alarm(2)], [])
    wait_for(lambda: someone.notes)
    notifier.close()
    assert someone.notes[0].content["raised"] == [alarm(2)]
    assert notifier.counts == {"receivers": 1, "sent": 1, "failed": 1, "dropped": 2, "failing": 0}


def test_an_error_that_nobody_thought_of_ends_nothing() -> None:
    someone = Someone(errors=[RuntimeError("secret")])
    notifier = Notifier([someone], "m:1", pause_s=0.01, retry_s=0.01)
    notifier.add([alarm(0)], [])
    wait_for(lambda: notifier.counts["failed"])
    notifier.add([alarm(1)], [])
    wait_for(lambda: someone.notes)
    notifier.close()


def test_the_queue_is_bounded_and_old_news_is_none() -> None:
    clock = [0.0]
    outbox = Outbox(Someone(), "m:1", now=lambda: clock[0])
    outbox._thread = threading.current_thread()  # this one
    outbox.add([alarm(number) for number in range(CAPACITY + 7)], [])
    assert outbox.counts["dropped"] == 7
    clock[0] = KEEP_S + 1
    outbox.add([alarm(0)], [])
    outbox.deliver()
    assert outbox.counts["dropped"] == 7 + CAPACITY
    assert outbox.receiver.notes[0].content["raised"] == [alarm(0)]


def test_waits_grow_and_a_receiver_may_ask_for_longer() -> None:
    clock, someone = [0.0], Someone()
    outbox = Outbox(someone, "m:1", pause_s=60, retry_s=2, now=lambda: clock[0])
    outbox._thread = threading.current_thread()
    outbox.add([alarm(0)], [])
    waits = []
    for wait_s in (0, 0, 100, 0):
        someone.errors = [NotifyError("x", again=True, wait_s=wait_s)]
        outbox.deliver()
        waits.append(outbox._next_s)
    assert waits == [2, 4, 100, 16]


def test_closing_tells_what_waits() -> None:
    someone = Someone()
    notifier = Notifier([someone], "m:1", pause_s=60)
    notifier.add([alarm(0)], [])
    wait_for(lambda: someone.notes)
    notifier.add([], [alarm(0)])
    notifier.close()
    assert [note.content["cleared"] for note in someone.notes] == [[], [alarm(0)]]


def test_without_receivers_and_without_news_nothing_happens() -> None:
    Notifier([], "m:1").add([alarm(0)], [])
    someone = Someone()
    notifier = Notifier([someone], "m:1")
    notifier.add([], [])
    notifier.close()
    assert someone.notes == [] and notifier.counts["sent"] == 0


def test_texts_have_an_end_and_call_nobody() -> None:
    hostile = ALARM | {
        "column": "x" * 80_000,
        "message": "<!channel> <http://x|click>\r\nBcc: a@b " + "y" * 80_000,
    }
    someone = Someone()
    outbox = Outbox(someone, "m\r\n:1")
    outbox._thread = threading.current_thread()
    outbox.add([hostile] * 80, [])
    outbox.deliver()
    (note,) = someone.notes
    assert "<!" not in note.text and "<http" not in note.text and "\r" not in note.text + note.subject
    assert len(note.text) < 35_000 and "and 30 more" in note.text and "\n" not in note.subject
    assert len(note.content["raised"][0]["column"]) <= 200


def test_messages_name_the_model() -> None:
    assert "Model: m:1" in write_note("m:1", [ALARM], []).text
    assert "a test" in write_test("m:1").text


def test_where_no_thread_can_be_started_nothing_fails_and_the_next_alarm_tries_again(monkeypatch) -> None:
    someone = Someone()
    notifier = Notifier([someone], "m:1")

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        notifier.add([alarm(0)], [])
    notifier.add([alarm(1)], [])
    wait_for(lambda: someone.notes)
    notifier.close()
    assert someone.notes[0].content["raised"] == [alarm(0), alarm(1)]
