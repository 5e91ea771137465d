"""Damaged and invented requests against the service's door, in one process: none may end in a 5xx or in broken JSON.

``./run python benchmarks/fuzz_requests.py`` after ``./run``: 100,000 bodies for the packaged model; ``--bodies`` and
``--seed`` for others. Bodies are valid ones of every form (an object, a list, columns, Arrow, Parquet, feedback) with
bytes flipped, cut, doubled and put together, with values replaced by odd ones, or invented. What is accepted is made
into the log's lines and counted for drift, as the service would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.monitoring.profile import load_profile
from toolkit.serving.endpoints import Endpoints
from toolkit.serving.feedback import parse_feedback
from toolkit.serving.front import Front
from toolkit.serving.guard import Guard
from toolkit.serving.model import Model, load_model
from toolkit.serving.records import Answered, AnsweredOne, RecordMaker
from toolkit.serving.rows import Ids
from toolkit.serving.singles import Singles
from toolkit.serving.tables import ARROW, FORMS

JSON = "application/json"
ODD = (
    *(
        "NaN",
        "-Infinity",
        "1e400",
        "-1e400",
        "9" * 400,
        "1" * 25,
        "9007199254740993",
        "-0.0",
        "5e-324",
        "-1e-400",
    ),
    *(
        "true",
        "false",
        "null",
        '"3"',
        '""',
        '"unseen"',
        "[]",
        "{}",
        "[[[[[[1]]]]]]",
        "1.7976931348623157e308",
    ),
    *(
        "[" * 200 + "]" * 200,
        '{"a":' * 60 + "1" + "}" * 60,
        '"\\ud800"',
        '"\\u0000"',
        '"\U0001f642"',
        '"a:b\\\\"',
    ),
    *(
        '"2026-02-30T00:00:00"',
        '"2026-01-31T12:00:00Z"',
        '"9999-12-31T23:59:59"',
        "01",
        "1.",
        "+1",
        "tru",
        "'x'",
        "",
    ),
)
BYTES = (
    b"\xff",
    b"\x00",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\xc3",
    b"\xf0\x9f",
    b"\xef\xbb\xbf",
    b"e9",
)


class Nothing:
    """Stands for metrics: takes any call and does nothing."""

    def __getattr__(self, _: str) -> Nothing:
        return self

    def __call__(self, *_: Any) -> Nothing:  # noqa: D102
        return self


class Waiting:
    """Makes of each answered request at once what the service's recorder makes of it in its own time."""

    def __init__(self, model: Model) -> None:
        self._profile = load_profile(model.folder / "profile.json")
        self._maker = RecordMaker(model.version, model.rules.personal)
        self._number = self.rows = 0
        self.adding = threading.Lock()

    def wait_for_room(self, _: int) -> None:
        """There always is."""

    def make_id(self) -> str:
        """Make an id."""
        return self.make_ids(1)[0]

    def make_ids(self, count: int) -> Ids:
        """Make ids."""
        self._number += count
        return Ids("0123456789ab", self._number - count, count)

    def add(self, answered: Answered) -> None:
        """Make the log's lines, and count."""
        for line in self._maker.make(answered).data.splitlines():
            parse_strictly(line)
        columns = {each.name: answered.take_column(each.name) for each in self._profile.features}
        self._profile.count(columns, None)
        self.rows += len(answered)

    def add_one(self, one: AnsweredOne) -> None:
        """Make the log's line, and count."""
        parse_strictly(self._maker.make_one(one))
        singles = Singles(self._profile)
        singles.add(one.row, one.predictions)
        self._profile.count(singles.turn(singles.take()), None)
        self.rows += 1


class Service:
    """The service's door over a packaged model, without server, log and state."""

    def __init__(self, model: Model) -> None:
        self.model, self.waiting = model, Waiting(model)
        classes = model.classes
        feedback = SimpleNamespace(
            take=lambda body: {"stored": len(parse_feedback(body, classes, 100)), "unknown": []}
        )
        monitor = SimpleNamespace(
            recorder=SimpleNamespace(waiting=self.waiting),
            metrics=Nothing(),
            feedback=feedback,
            check=lambda: ("", ""),
        )
        monitor.show = lambda: b""
        self.endpoints = Endpoints(model, monitor, {"stages": {}})  # type: ignore[arg-type]
        self.app = Front(None, lambda: self.endpoints, Guard())  # type: ignore[arg-type]

    async def ask(
        self, path: str, body: bytes, headers: dict[str, str], method: str = "POST"
    ) -> tuple[int, str, bytes]:
        """Send one request; give status, media type and body of the answer."""
        bare, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": bare,
            "query_string": query.encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        found = dict(messages[0]["headers"])
        content = b"".join(message["body"] for message in messages[1:])
        return messages[0]["status"], found[b"content-type"].decode(), content

    def close(self) -> None:
        """End the process that reads tables."""
        self.endpoints.tables.close()


def parse_strictly(text: bytes) -> Any:
    """Parse JSON as its standard has it: no NaN, no infinity, no name twice, UTF-8 alone."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a name is there twice")
        return dict(pairs)

    return json.loads(text.decode("utf-8", "strict"), parse_constant=refuse, object_pairs_hook=check)


class Maker:
    """Makes requests, from valid ones and from nothing."""

    def __init__(self, model: Model, rows: list[dict[str, Any]], tables: dict[str, bytes], seed: int) -> None:
        self._chance, self._model, self._rows, self._tables = random.Random(seed), model, rows, tables  # noqa: S311
        self._ways: list[Callable[[bytes], bytes]] = [
            self._flip, self._cut, self._double, self._swap, self._insert, self._replace, self._replace, self._replace,
        ]  # fmt: skip

    def make(self) -> tuple[str, bytes, dict[str, str]]:
        """Make a path, a body and headers."""
        chance = self._chance
        path = chance.choice(("/predict",) * 12 + ("/explain",) * 2 + ("/feedback",))
        if path == "/explain" and chance.random() < 0.3:
            path += chance.choice(("?top=2", "?top=0", "?top=x", "?more=1", "?top=\xff"))
        if path == "/predict" and chance.random() < 0.15:
            form = chance.choice(list(self._tables))
            body = self._damage(self._tables[form], json_too=False)
        else:
            form, body = JSON, self._invent() if chance.random() < 0.1 else self._damage(self._write(path))
        if chance.random() < 0.03:
            form = chance.choice(
                ("text/plain", "", "application/json; charset=utf-8", JSON.upper(), *FORMS, "\xe9")
            )
        headers = {"content-type": form}
        if chance.random() < 0.05:
            headers["accept"] = chance.choice((ARROW, "text/html", "*/*", f"{ARROW};q=0.5, {JSON}"))
        return path, body, headers

    def _write(self, path: str) -> bytes:
        chance = self._chance
        if path == "/feedback":
            label = chance.choice(self._model.classes) if self._model.classes else 1.5
            return json.dumps({"id": f"0123456789ab{chance.randrange(99):08x}", "label": label}).encode()
        rows = [dict(chance.choice(self._rows)) for _ in range(chance.choice((1, 1, 2, 5)))]
        names = list(rows[0])
        forms = (
            rows[0], rows, {"rows": rows},
            {"columns": names, "data": [list(row.values()) for row in rows]},
            {"data": [list(row.values()) for row in rows], "columns": names},
        )  # fmt: skip
        return json.dumps(chance.choice(forms), ensure_ascii=chance.random() < 0.5).encode()

    def _damage(self, body: bytes, json_too: bool = True) -> bytes:
        chance = self._chance
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
            ways = self._ways if json_too else self._ways[:4]
            body = chance.choice(ways)(body) or b"0"
        return body

    def _invent(self) -> bytes:
        chance, depth = self._chance, 0

        def value() -> str:
            nonlocal depth
            depth += 1
            kind = chance.randrange(6) if depth < 30 else 0
            if kind < 4:
                return chance.choice((*ODD, "1", "2.5", '"x"'))
            parts = [value() for _ in range(chance.randrange(4))]
            if kind == 4:
                return f"[{','.join(parts)}]"
            names = [chance.choice((*self._rows[0], "rows", "columns", "data", "x")) for _ in parts]
            return "{" + ",".join(f"{json.dumps(n)}:{p}" for n, p in zip(names, parts, strict=True)) + "}"

        return value().encode("utf-8", "surrogatepass")

    def _flip(self, body: bytes) -> bytes:
        place, found = self._chance.randrange(len(body)), bytearray(body)
        found[place] ^= 1 << self._chance.randrange(8)
        return bytes(found)

    def _cut(self, body: bytes) -> bytes:
        begin = self._chance.randrange(len(body))
        if self._chance.random() < 0.3:
            return body[:begin]
        return body[:begin] + body[begin + self._chance.randrange(1, 20) :]

    def _double(self, body: bytes) -> bytes:
        begin = self._chance.randrange(len(body))
        end = begin + self._chance.randrange(1, 60)
        return body[:end] + body[begin:]

    def _swap(self, body: bytes) -> bytes:
        found, size = bytearray(body), self._chance.randrange(1, 9)
        one, other = (self._chance.randrange(len(body)) for _ in range(2))
        found[one : one + size] = self._chance.choice(
            (body[other : other + size], b"\xff" * size, b"\0" * size)
        )
        return bytes(found)

    def _insert(self, body: bytes) -> bytes:
        place = self._chance.randrange(len(body) + 1)
        return body[:place] + self._chance.choice(BYTES) + body[place:]

    def _replace(self, body: bytes) -> bytes:
        """Put an odd value in the place of one of the body's."""
        chance = self._chance
        begin = body.find(chance.choice((b":", b", ", b"[")), chance.randrange(len(body))) + 1
        ends = [end for end in (body.find(mark, begin + 1) for mark in (b",", b"}", b"]")) if end > 0]
        if not begin or not ends:
            return body
        return body[:begin] + chance.choice(ODD).encode("utf-8", "surrogatepass") + body[min(ends) :]


def write_tables(rows: list[dict[str, Any]], model: Model) -> dict[str, bytes]:
    """Write rows in each format of tables."""
    table = pa.Table.from_pylist(rows).select(list(model.inputs))
    found = {}
    for form, name in FORMS.items():
        sink = pa.BufferOutputStream()
        if name == "parquet":
            pq.write_table(table, sink)
        else:
            with (pa.ipc.new_stream if name == "stream" else pa.ipc.new_file)(sink, table.schema) as writer:
                writer.write_table(table)
        found[form] = sink.getvalue().to_pybytes()
    return found


async def fuzz(service: Service, maker: Maker, bodies: int) -> Counter[int]:
    """Send so many requests and check every answer; give how many had each status.

    Raises
    ------
    AssertionError
        An answer is a 5xx or is not what it says; tells the request.
    """
    counts: Counter[int] = Counter()
    for _ in range(bodies):
        path, body, headers = maker.make()
        status, media_type, content = await service.ask(path, body, headers)
        counts[status] += 1
        try:
            check_answer(status, media_type, content)
        except (AssertionError, ValueError) as error:
            raise AssertionError(
                f"{error!r}: {path} {headers} {body!r:.2000} was answered {status} {content!r:.500}"
            ) from error
    return counts


def check_answer(status: int, media_type: str, content: bytes) -> None:
    """Check that an answer is no 5xx, and strictly of its type and shape."""
    assert status < 500, "a failure of the service"
    if media_type == ARROW:
        pa.ipc.open_stream(content).read_all().validate(full=True)
        return
    answer = parse_strictly(content)
    if status >= 400:
        assert set(answer["error"]) == {"status", "kind", "message", "row", "feature", "findings"}
        assert answer["error"]["status"] == status


def main() -> None:
    """Run the fuzz and print how many requests had each status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bodies", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--package", type=Path, default=Path("models/package"))
    options = parser.parse_args()
    service = Service(load_model(options.package, threads=1))
    rows = list(service.model.signature["self_test"]["rows"])
    maker = Maker(service.model, rows, write_tables(rows, service.model), options.seed)
    try:
        counts = asyncio.run(fuzz(service, maker, options.bodies))
    finally:
        service.close()
    print(
        f"{options.bodies:,} requests, no 5xx, every answer strict JSON or Arrow; "
        f"{service.waiting.rows:,} rows accepted"
    )
    print("\n".join(f"{status}: {count:,}" for status, count in sorted(counts.items())))


if __name__ == "__main__":
    sys.exit(main())
