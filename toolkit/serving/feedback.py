"""True labels that come back: ``POST /feedback`` finds the prediction by its id and keeps both, once and for all.

A label is stored before it is answered, in append-only segments like the predictions'. It may come late, again, or
corrected: every label that came is kept in the order it came in, and whoever reads them takes the last one of an id.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from toolkit.errors import RequestError
from toolkit.serving.faults import check_findings, describe, finding
from toolkit.serving.log import SegmentLog
from toolkit.serving.lookup import ID, find_records
from toolkit.serving.records import OPTIONS

WRAPPER = "feedback"
KEYS = frozenset(("id", "label"))
UNFLUSHED_S = 0.15  # so long a prediction may be on its way to the log
MOST_NAMED = 20


class Feedback:
    """Takes true labels; used from any thread.

    Parameters
    ----------
    log : SegmentLog
        Keeps them.
    predictions : Path
        The prediction log's folder.
    classes : sequence of str
        Labels that there are; none for regression, whose labels are numbers.
    most : int
        Most labels in one request.
    flush : callable
        Writes the predictions that wait in this worker.
    note_unknown : callable
        Is told the number of ids that were not found.
    """

    def __init__(
        self,
        log: SegmentLog,
        predictions: Path,
        classes: Sequence[str],
        *,
        most: int,
        flush: Callable[[], None],
        note_unknown: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._log, self._predictions, self._classes = log, predictions, tuple(classes)
        self._most, self._flush, self._note_unknown = most, flush, note_unknown
        self._lock = threading.Lock()

    def take(self, body: bytes) -> dict[str, Any]:
        """Store the labels of a request; give how many were, and the ids that no prediction has.

        Raises
        ------
        RequestError
            The body or a label is wrong, or no id is known, or the disk refuses: nothing was stored.
        """
        labels = parse_feedback(body, self._classes, self._most)
        found = self._find([id_ for id_, _ in labels])
        unknown = [id_ for id_, _ in labels if id_ not in found]
        self._note_unknown(len(unknown))
        if not found:
            raise RequestError(_tell_unknown(unknown), 404, "unknown_id")
        now = datetime.now(UTC)
        lines = [
            orjson.dumps(
                {"id": id_, "time": now, "label": label, "predicted": _shorten(found[id_])}, option=OPTIONS
            )
            for id_, label in labels
            if id_ in found
        ]
        try:
            with self._lock:
                self._log.append(b"".join(lines))
        except OSError as error:
            raise RequestError(
                f"The labels could not be stored ({error.strerror or error}) and were not. Send them again later.",
                503,
                "not_stored",
            ) from None
        return {"stored": len(lines), "unknown": unknown}

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            self._log.close()

    def _find(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        found = find_records(self._predictions, ids)
        if len(found) < len(set(ids)):  # some may be on their way to the log, here or in another worker
            self._flush()
            time.sleep(UNFLUSHED_S)
            found |= find_records(self._predictions, [id_ for id_ in ids if id_ not in found])
        return found


def parse_feedback(body: bytes, classes: Sequence[str], most: int) -> list[tuple[str, Any]]:
    """Read ``{"id": ..., "label": ...}``, a list of such, or ``{"feedback": [...]}``.

    Raises
    ------
    RequestError
        With all findings, each naming the item.
    """
    content = _parse_json(body)
    if isinstance(content, dict) and WRAPPER in content and len(content) == 1:
        content = content[WRAPPER]
    items = [content] if isinstance(content, dict) else content
    if not isinstance(items, list):
        raise RequestError(
            f'The body must be {{"id": ..., "label": ...}}, a list of such, or {{"{WRAPPER}": [...]}}. '
            f"Got {describe(items)}."
        )
    if not items:
        raise RequestError("The request must have at least one label. Got an empty list.", kind="empty")
    if len(items) > most:
        raise RequestError(
            f"A request may have {most} labels at most. Got {len(items)}. Send them in several requests.",
            413,
            "too_many_rows",
        )
    check_findings(
        [found for row, item in enumerate(items) if (found := _find_fault(item, row, classes)) is not None]
    )
    counts = Counter(item["id"] for item in items)
    check_findings(
        [
            finding(f"id {item['id']} is given more than once in this request.", row, None)
            for row, item in enumerate(items)
            if counts[item["id"]] > 1
        ]
    )
    return [(item["id"], item["label"]) for item in items]


def _find_fault(item: Any, row: int, classes: Sequence[str]) -> dict[str, Any] | None:
    if not isinstance(item, dict) or item.keys() != KEYS:
        got = describe(item) if not isinstance(item, dict) else f"the keys {', '.join(item)[:80] or 'none'}"
        return finding(f"must be an object with the keys id and label. Got {got}.", row, None)
    id_, label = item["id"], item["label"]
    if not isinstance(id_, str) or not ID.fullmatch(id_):
        return finding(f"id must be one that the service answered. Got {describe(id_)}.", row, None)
    if classes:
        if not isinstance(label, str) or label not in classes:
            meant = (label, classes) if isinstance(label, str) else None
            named = ", ".join(classes[:MOST_NAMED])
            return finding(f"label must be one of {named}. Got {describe(label)}.", row, None, meant)
    elif type(label) not in (int, float) or not math.isfinite(label) or abs(label) > 1e300:
        return finding(f"label must be a finite number. Got {describe(label)}.", row, None)
    return None


def _parse_json(body: bytes) -> Any:
    if not body.strip():
        raise RequestError("The request must have a JSON body. Got an empty one.", kind="empty")
    try:
        content = orjson.loads(body)
        json.loads(body, object_pairs_hook=_refuse_repeated)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The body must be JSON (UTF-8) and is not: {error}.", kind="not_json") from None
    except RecursionError:
        raise RequestError("An item must hold an id and a label. Got lists in lists.") from None
    return content


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        repeated = next(name for name, count in Counter(names).items() if count > 1)
        raise RequestError(f"'{repeated[:80]}' is given more than once in one object.")


def _shorten(record: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a prediction what its judgement needs: no features."""
    return {
        name: record[name]
        for name in ("time", "version", "label", "probabilities", "value")
        if name in record
    }


def _tell_unknown(ids: Sequence[str]) -> str:
    named = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
    return (
        f"The id must be that of a prediction in the prediction log. Not found: {named}. The prediction may be older "
        "than the log keeps (package.log.max_mb, max_days), or not in its sample (package.log.sample)."
    )
