"""What the service answers, apart from how it is asked: bytes in, bytes out, no web framework and no disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from toolkit.errors import RequestError, ToolkitError
from toolkit.features.functions import RowFault
from toolkit.serving.explain import Explainer, check_top, parse_top
from toolkit.serving.model import Model, Predictions, check_self_test
from toolkit.serving.monitor import Monitor
from toolkit.serving.openapi import describe_api
from toolkit.serving.page import HEADERS, MEDIA_TYPE, parse_hours, render_page
from toolkit.serving.records import Answered, AnsweredOne, may_stand
from toolkit.serving.render import render_many, render_one
from toolkit.serving.request import parse_request
from toolkit.serving.rows import Ids, Rows
from toolkit.serving.tables import ARROW, Tables
from toolkit.serving.wanted import Wanted

JSON = "application/json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """Status, body and media type of a response."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()  # besides those that every answer has


class Endpoints:
    """The endpoints over a loaded model.

    Parameters
    ----------
    model : Model
        Answers.
    monitor : Monitor
        Is handed what was answered, counts, and shows all counts.
    lineage : Mapping
        What ``GET /lineage`` answers.
    secured : bool
        A bearer token is asked for; ``GET /docs.json`` says so.
    """

    def __init__(
        self, model: Model, monitor: Monitor, lineage: Mapping[str, Any], secured: bool = False
    ) -> None:
        self.model, self.monitor, self.metrics = model, monitor, monitor.metrics
        self.draining = False  # the process is about to end
        limits = model.settings["limits"]
        self._max_rows = int(limits["rows"])
        self._wanted = Wanted(dict(model.inputs), model.nullable, model.rules, model.zoned)
        self.tables = Tables(self._wanted, int(limits["bulk_rows"]), int(limits["body_kb"]) * 1000)
        self._explainer = Explainer(model)
        self._explained_rows = int(limits.get("explain_rows", 100))
        self._told = describe_schema(model), lineage
        self._schema, self._lineage = map(orjson.dumps, self._told)
        apart = bool(model.settings.get("metrics_address"))
        self._docs = orjson.dumps(describe_api(model, secured=secured, apart=apart))

    def predict(self, body: bytes, form: str = JSON, arrow: bool = False, patient: bool = False) -> Answer:
        """Answer ``POST /predict``.

        Parameters
        ----------
        body : bytes
            The rows.
        form : str
            Media type of the body: JSON, or one of :data:`toolkit.serving.tables.FORMS`.
        arrow : bool
            Answer as an Arrow stream.
        patient : bool
            Wait where the recorder is behind with what was answered, so that nothing of it is lost; only in a thread.

        Raises
        ------
        RequestError
            The body is refused; names row and feature.
        """
        begin = time.perf_counter()
        rows = self._read(body, form)
        predictions = self._predict(rows)
        latency_s, version = time.perf_counter() - begin, self.model.version
        if rows.single and not arrow:
            return Answer(200, self._answer_one(rows, predictions, latency_s, body))
        ids = self._record(rows, predictions, latency_s, patient)
        if arrow:
            return Answer(200, self.tables.write(version, ids, predictions), ARROW)
        return Answer(200, render_many(version, ids, predictions))

    def explain(self, body: bytes, query: bytes = b"") -> Answer:
        """Answer ``POST /explain``: predictions, and what each feature adds to them. They are not recorded.

        Raises
        ------
        RequestError
            The body or the query is refused.
        """
        top = parse_top(query)
        rows = parse_request(body, self._wanted, self._explained_rows, takes_top=True)
        top = check_top(rows.top, top)
        try:
            predictions, explained = self._explainer.measure(rows.columns)
        except RowFault as fault:
            raise _refuse(fault) from None
        return Answer(200, self._explainer.render(predictions, explained, top))

    def _read(self, body: bytes, form: str) -> Rows:
        if form != JSON:
            return self.tables.read(body, form)
        return parse_request(body, self._wanted, self._max_rows)

    def _answer_one(self, rows: Rows, predictions: Predictions, latency_s: float, body: bytes) -> bytes:
        """Give a single row its id, write the answer, and hand all to the recorder: its line is made of these bytes."""
        waiting = self.monitor.recorder.waiting
        with waiting.adding:
            id_ = waiting.make_id()
            answer = render_one(self.model.version, id_, predictions)
            said = rows.sent[0], answer, may_stand(body)
            waiting.add_one(AnsweredOne(id_, time.time(), latency_s, predictions, *said))
        return answer

    def _record(self, rows: Rows, predictions: Predictions, latency_s: float, patient: bool) -> Ids:
        """Give the rows their ids, and hand all to the recorder."""
        waiting = self.monitor.recorder.waiting
        if patient:
            waiting.wait_for_room(rows.count)
        with waiting.adding:  # large requests are answered in threads, and ids must grow along the log
            ids = waiting.make_ids(rows.count)
            waiting.add(
                Answered(time.time(), latency_s, ids, predictions, rows.sent, rows.columns, rows.body)
            )
        return ids

    def _predict(self, rows: Rows) -> Predictions:
        try:
            if rows.count == 1:
                return self.model.predict_rows(rows.sent)
            return self.model.predict(rows.columns, first_row=0)
        except RowFault as fault:
            raise _refuse(fault) from None

    def feedback(self, body: bytes) -> Answer:
        """Answer ``POST /feedback``: true labels by prediction id. It reads and writes files, so not in the event loop.

        Raises
        ------
        RequestError
            The body or a label is wrong, no id is known, or the disk refuses: nothing was stored.
        """
        return Answer(200, orjson.dumps(self.monitor.feedback.take(body)))

    def schema(self) -> Answer:
        """Answer ``GET /schema``."""
        return Answer(200, self._schema)

    def lineage(self) -> Answer:
        """Answer ``GET /lineage``."""
        return Answer(200, self._lineage)

    def docs(self) -> Answer:
        """Answer ``GET /docs.json``: the service's description in OpenAPI."""
        return Answer(200, self._docs)

    def live(self) -> Answer:
        """Answer ``GET /livez``: this process has loaded its model and answers."""
        return Answer(200, orjson.dumps({"live": True, "version": self.model.version}))

    def ready(self) -> Answer:
        """Answer ``GET /readyz``: the model gives its recorded answer now, answers are recorded, no end is near.

        A log that cannot be written to is told and alarmed, and the service stays ready: a full disk must not take
        all replicas away at once.
        """
        faults = {"serving": "the service is about to end" if self.draining else ""}
        try:
            check_self_test(self.model)
            faults["model"] = ""
        except ToolkitError as error:
            faults["model"] = str(error)
        faults["recorder"], degraded = self.monitor.check()
        ready = not any(faults.values())
        checks = {name: fault or "ok" for name, fault in {**faults, "log": degraded}.items()}
        body = {"ready": ready, "version": self.model.version, "checks": checks}
        return Answer(200 if ready else 503, orjson.dumps(body))

    def show_metrics(self) -> Answer:
        """Answer ``GET /metrics``, this worker's waiting rows included."""
        return Answer(200, self.monitor.show(), "text/plain; version=0.0.4; charset=utf-8")

    def show_status(self, query: bytes) -> Answer:
        """Answer ``GET /status``: a page for people; ``?hours=`` says how far back."""
        page = render_page(self.monitor.describe_status(), *self._told, hours=parse_hours(query))
        return Answer(200, page, MEDIA_TYPE, HEADERS)


def _refuse(fault: RowFault) -> RequestError:
    """Turn a fault of a person's function into a refusal: the values are allowed, and it cannot do with them."""
    name = fault.definition.name
    # No values here: a personal one must not get into the log.
    logger.warning("The function of feature '%s' cannot compute a row of a request.", name)
    finding = {"message": str(fault), "row": fault.row, "feature": name}
    return RequestError(str(fault), 422, "feature", [finding], {name})


def describe_schema(model: Model) -> dict[str, Any]:
    """Describe what a request may hold and what an answer does."""
    categories = model.features.find_categories()
    features = [
        {"name": name, "kind": kind, "nullable": name in model.nullable}
        | ({"categories": list(categories[name])} if name in categories else {})
        | ({"offset": name in model.zoned} if kind == "time" else {})
        | dict(model.rules.described.get(name, {}))
        for name, kind in model.inputs.items()
    ]
    return {
        "schema": 1,
        "version": model.version,
        "task": model.task,
        "classes": list(model.classes),
        "features": features,
        "limits": model.settings["limits"],
        "example": model.signature["self_test"]["rows"][0],
    }


def describe_error(error: Exception) -> Answer:
    """Give any error its one shape: ``{"error": {"status", "kind", "message", "row", "feature", "findings"}}``."""
    if isinstance(error, RequestError):
        status, kind, message, findings = error.status, error.kind, str(error), list(error.findings)
    elif isinstance(error, ToolkitError):
        status, kind, message, findings = 400, "invalid", str(error), []
    else:
        status, kind, findings = 500, "internal", []
        message = "The service failed to answer; its log says why. The request may be sent again."
    first = findings[0] if findings else {"row": None, "feature": None}
    content = {
        "status": status,
        "kind": kind,
        "message": message,
        "row": first["row"],
        "feature": first["feature"],
        "findings": findings,
    }
    return Answer(status, orjson.dumps({"error": content}))
