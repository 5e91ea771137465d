"""The first sentence of the status page is green only where the service knows of nothing that is wrong."""

import pytest
import status_cases as cases

from toolkit.params_package import Alerts
from toolkit.serving import page_verdict
from toolkit.serving.history import History
from toolkit.serving.notify import Notifier
from toolkit.serving.page_verdict import judge

LIMIT = {"metric": "roc_auc", "value": 0.8, "rows": 100}
OPEN = {"cleared_s": None, "direction": "more rows are wrong"}


def see(change: dict) -> tuple[str, str, str]:
    kind, verdict, reasons = judge(cases.quiet() | change, cases.NOW, cases.LINEAGE)
    return kind, verdict, " ".join(reasons).replace("<bdi>", "").replace("</bdi>", "")


def ask(ago_s: float = 60, **counts: int) -> dict:
    """Give what is known of a service that was asked once, some time ago."""
    history = History(cases.EDGES)
    history.add(cases.NOW - ago_s, {"rows": 1, **counts})
    return {"history": history.to_list()}


@pytest.mark.parametrize(
    ("change", "kind", "verdict"),
    [
        ({}, "calm", "No alarm"),
        ({"rows": 0}, "", "Ready; no row has been predicted yet"),
        ({"log": {"failure": "No space left on device"}}, "alarm", "Something is wrong"),
        ({"time_s": cases.NOW - 3600}, "alarm", "Something is wrong"),
        ({"time_s": None}, "alarm", "Something is wrong"),
        ({"notifications": {"receivers": 2, "failed": 3, "failing": 1}}, "alarm", "Something is wrong"),
        ({"notifications": {"receivers": 2, "failed": 3, "failing": 0}}, "calm", "No alarm"),
        (ask(requests=61, errors=60), "alarm", "Something is wrong"),
        (ask(requests=61, errors=60) | {"rows": 0}, "alarm", "Something is wrong"),
        (ask(requests=61, errors=60, ago_s=1000), "calm", "No alarm"),
        (ask(requests=10, errors=10), "calm", "No alarm"),
        (ask(requests=100, errors=20), "calm", "No alarm"),
        (ask(requests=100, errors=2, failed=2), "alarm", "Something is wrong"),
        (ask(requests=100, errors=1, failed=1), "calm", "No alarm"),
        (ask(lost=1), "alarm", "Something is wrong"),
        ({"performance": LIMIT | {"low": 0.7, "high": 0.849}}, "alarm", "The model is worse than its limit"),
        ({"performance": LIMIT | {"low": 0.7, "high": 0.851}}, "calm", "No alarm"),
        ({"performance": LIMIT | {"low": None, "high": None}}, "calm", "No alarm"),
        ({"estimated": LIMIT | {"low": 0.7, "high": 0.849}}, "alarm", "The model is worse than its limit"),
        ({"alarms": [{"column": "x", "cleared_s": None}]}, "alarm", "1 alarm is open"),
        ({"alarms": [{"column": "x", "cleared_s": cases.NOW}]}, "calm", "No alarm"),
    ],
)
def test_the_verdict(change: dict, kind: str, verdict: str) -> None:
    assert see(change)[:2] == (kind, verdict)


def test_an_error_above_its_limit_is_worse_too() -> None:
    lineage = {"gates": {"gates": [{"name": "log_loss at most 0.5", "limit": 0.5}]}}
    measured = {"metric": "log_loss", "value": 0.6, "low": 0.51, "high": 0.7}
    assert judge(cases.quiet() | {"performance": measured}, cases.NOW, lineage)[0] == "alarm"
    assert judge(cases.quiet() | {"performance": measured | {"low": 0.4}}, cases.NOW, lineage)[0] == "calm"


def test_each_thing_that_is_wrong_is_told_beside_an_alarm() -> None:
    alarms = [
        OPEN | {"column": "all answers", "group": "performance"},
        OPEN | {"column": "label", "group": "label", "direction": "more rows are benign"},
        OPEN | {"column": "size", "group": "feature"},
    ]
    poor = {"performance": LIMIT | {"low": 0.7, "high": 0.84}}
    wrong = ask(requests=61, errors=60, failed=1, lost=1200) | poor
    _, verdict, told = see({"alarms": alarms, **wrong})
    assert verdict == "3 alarms are open"
    assert told == (
        "The model errs in another way than in validation: all answers (more rows are wrong). "
        "The true labels are another mix than in training: label (more rows are benign). Drift of size. "
        "By the true labels that came back roc_auc is 0.8 (0.7 to 0.84), below the gate's limit 0.85. "
        "1 of 61 requests in the last quarter of an hour failed: the service's log says why, or it has more to do "
        "than it can. 59 of 61 requests in the last quarter of an hour were refused: what is sent is not what the "
        "model takes. 1,200 predictions of the last quarter of an hour are lost to the prediction log."
    )


def test_rows_that_drifted_once_are_not_called_without_change() -> None:
    past = {"column": "x", "cleared_s": cases.NOW - 60}
    assert "no change in them is large and certain enough for an alarm" in see({})[2]
    for alarms, words in (
        ([past], "1 alarm is over, since"),
        ([past] * 2, "2 alarms are over, the last since"),
    ):
        told = see({"alarms": alarms})[2]
        assert words in told and "no change" not in told


def test_a_service_that_nobody_asks_says_so() -> None:
    assert "No row has come" not in see(ask(600))[2]
    assert "No row has come for 1 h 59 min." in see(ask(7200))[2]


def test_the_limits_are_those_that_the_alerts_begin_with() -> None:
    alerts = Alerts()
    limits = page_verdict.FAILED, page_verdict.REFUSED, page_verdict.ENOUGH
    assert limits == (alerts.errors, alerts.refused, alerts.min_requests)
    assert Notifier((), "").counts["failing"] == 0
