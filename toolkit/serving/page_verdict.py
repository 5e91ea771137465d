"""What the status page says first: how things are, in one sentence, and why.

What the service can know by itself is judged here. The limits on requests are those that ``package.alerts`` begins
with: its values are Prometheus' and no part of a package, and of latency and silence only a person knows what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolkit.errors import count_of
from toolkit.metrics import LOWER_IS_BETTER
from toolkit.serving import page_text as text
from toolkit.serving.page_model import find_limit, is_worse
from toolkit.serving.page_watch import LEARNING, is_open

STALE_S = 60  # the watch writes every few seconds; so old a status is a watch that stands still
RECENT_S = 900  # requests and lost records are judged over so long
FAILED, REFUSED = 0.01, 0.2  # shares of requests, of ``ENOUGH`` or more
ENOUGH = 20
NAMED = 6
Status = Mapping[str, Any]


def judge(status: Status | None, now_s: float, lineage: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """Say how things are: ``alarm``, ``calm`` or nothing as the kind, one sentence, and each reason as HTML."""
    if status is None:
        return "", "The service has just started; nothing is counted yet", []
    opened = [alarm for alarm in status.get("alarms") or () if is_open(alarm)]
    poor, faults = list(_find_poor(status, lineage)), list(_find_faults(status, now_s))
    reasons = [*_tell_drift(opened), *poor, *faults]
    if opened:
        are = "is" if len(opened) == 1 else "are"
        return "alarm", f"{count_of(len(opened), 'alarm')} {are} open", reasons
    if poor:
        return "alarm", "The model is worse than its limit", reasons
    if faults:
        return "alarm", "Something is wrong", reasons
    if not status.get("rows"):
        return "", "Ready; no row has been predicted yet", []
    return "calm", "No alarm", list(_tell_calm(status, now_s))


def _tell_drift(opened: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell of what there are alarms; what the model's errors are is said apart from what came in."""
    for groups, told in (
        (("performance",), "The model errs in another way than in validation: "),
        (("label",), "The true labels are another mix than in training: "),
        ((), "Drift of "),
    ):
        found = [alarm for alarm in opened if _find_group(alarm) in (groups or ("",))]
        if found:
            names = ", ".join(_name_alarm(alarm) for alarm in found[:NAMED])
            more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
            yield f"{told}{names}{more}."


def _find_group(alarm: Mapping[str, Any]) -> str:
    return str(alarm["group"]) if alarm.get("group") in ("performance", "label") else ""


def _name_alarm(alarm: Mapping[str, Any]) -> str:
    way = text.name(alarm.get("direction"), 60)
    return text.name(alarm.get("column"), 40) + (f" ({way})" if _find_group(alarm) else "")


def _find_poor(status: Status, lineage: Mapping[str, Any]) -> Iterator[str]:
    for part, how in (("performance", "By the true labels that came back"), ("estimated", "By its estimate")):
        measured = status.get(part) or {}
        metric = str(measured.get("metric"))
        if is_worse(measured, lineage):
            side = "above" if metric in LOWER_IS_BETTER else "below"
            yield (
                f"{how} {text.name(metric)} is {text.number(measured.get('value'))} "
                f"({text.number(measured['low'])} to {text.number(measured['high'])}), {side} the gate's limit "
                f"{text.number(find_limit(metric, lineage))}."
            )


def _find_faults(status: Status, now_s: float) -> Iterator[str]:
    log, sent = status.get("log") or {}, status.get("notifications") or {}
    if status.get("rows") and not status.get("time_s"):
        yield "The watch has written nothing, so no alarm can be raised: the service's log says why."
    age = now_s - float(status.get("time_s") or now_s)
    if age > STALE_S:
        yield f"The watch last wrote {text.span(age)} ago: what is shown is old."
    if log.get("failure"):
        yield f"The prediction log cannot be written: {text.name(log['failure'], 300)}"
    yield from _judge_requests(status, now_s)
    if sent.get("failing"):
        yield (
            f"Notifications do not arrive: the last try failed for {text.count(sent['failing'])} of "
            f"{count_of(int(sent.get('receivers') or 0), 'receiver')}; the service's log says why."
        )


def _judge_requests(status: Status, now_s: float) -> Iterator[str]:
    recent = [
        entry
        for entry in status.get("history") or ()
        if now_s - RECENT_S < entry.get("start_s", 0) + entry.get("span_s", 0) and entry["start_s"] <= now_s
    ]
    asked, errors, failed, lost = (
        sum(entry.get(name, 0) for entry in recent) for name in ("requests", "errors", "failed", "lost")
    )
    told = f"of {count_of(asked, 'request')} in the last quarter of an hour"
    if asked >= ENOUGH and failed > FAILED * asked:
        yield f"{text.count(failed)} {told} failed: the service's log says why, or it has more to do than it can."
    if asked >= ENOUGH and errors - failed > REFUSED * asked:
        yield f"{text.count(errors - failed)} {told} were refused: what is sent is not what the model takes."
    if lost:
        yield f"{count_of(lost, 'prediction')} of the last quarter of an hour are lost to the prediction log."


def _tell_calm(status: Status, now_s: float) -> Iterator[str]:
    watched = f"Watched {count_of(int(status['rows']), 'row')}"
    past = [alarm.get("cleared_s") or 0.0 for alarm in status.get("alarms") or ()]
    if past:
        over = "is over," if len(past) == 1 else "are over, the last"
        yield f"{watched}; {count_of(len(past), 'alarm')} {over} since {text.moment(max(past))}."
    else:
        yield f"{watched}: no change in them is large and certain enough for an alarm."
    if ((status.get("drift") or {}).get("features") or {}).get("learning"):
        yield LEARNING
    busy = [entry for entry in status.get("history") or () if entry.get("rows")]
    quiet_s = now_s - max((entry["start_s"] + entry["span_s"] for entry in busy), default=now_s)
    if quiet_s > RECENT_S:
        yield f"No row has come for {text.span(quiet_s)}."
