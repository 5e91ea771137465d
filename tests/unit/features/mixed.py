"""Rows of every kind, with what is missing, unseen, odd and extreme, and features of every maker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from toolkit.features import (
    count_before,
    count_by,
    dates,
    last_before,
    max_by,
    mean_before,
    mean_by,
    min_by,
    since_last,
    std_by,
    text_hash,
    text_stats,
    tfidf,
)
from toolkit.features.definitions import parse_definitions

KINDS = {
    "amount": "number",
    "items": "integer",
    "member": "boolean",
    "plan": "category",
    "customer": "category",
    "note": "text",
    "at": "time",
    "local": "time",
}
ZONED = frozenset({"at"})
SOURCE = """
from datetime import datetime
from toolkit.features import feature

@feature(meaning="amount of an item", owner="sales", unit="EUR")
def per_item(amount: float, items: int | None) -> float | None:
    return amount / items if items else None

@feature(meaning="what the hour and the plan say together")
def moment(at: datetime, plan: str | None, member: bool | None) -> str:
    return f"{plan} {'early' if at.hour < 12 else 'late'} {member}"

@feature(meaning="whether the customer asks something")
def asks(note: str) -> bool:
    return "?" in note
"""
WORDS = [
    "refund",
    "broken",
    "thanks",
    "invoice",
    "Grüße",
    "i̇stanbul",
    "🙂",
    "42",
    "e-mail",
    "ﬁne",
    "NOW",
    "?",
]


def make_definitions() -> list[Any]:
    """Give a definition of every maker that the kinds' own do not use."""
    declared = {
        "spend": mean_by("amount", "customer"),
        "spread": std_by("amount", "customer"),
        "least": min_by("items", "customer"),
        "most": max_by("items", "plan"),
        "known": count_by("amount", "customer"),
        "last amount": last_before("amount", "customer", "at"),
        "month's mean": mean_before("amount", "customer", "at", window_s=30 * 86_400),
        "visits": count_before("customer", "at"),
        "pause": since_last("customer", "at"),
        "note style": text_stats("note"),
        "note hash": text_hash("note", buckets=8, ngrams=(1, 2)),
        "note pairs": tfidf("note", terms=20, ngrams=(1, 2)),
        "Berlin": dates(
            "at", ("year", "quarter", "day", "hour", "minute", "minute_of_day", "days"), "Europe/Berlin"
        ),
    }
    named = [type(each)(**{**each.__dict__, "name": name}) for name, each in declared.items()]
    return [*parse_definitions(SOURCE, "features/mixed.py"), *named]


def make_rows(count: int, seed: int, unseen: bool = False) -> list[dict[str, Any]]:
    """Draw rows as JSON would give them; ``unseen``: also categories and groups that no training row has."""
    rng = np.random.default_rng(seed)
    customers = [f"c{number}" for number in range(60)] + (["", "nobody", "c-1"] if unseen else [])
    plans = ["basic", "plus", "pro"] + (["", "ümlaut", "BASIC"] if unseen else [])
    extremes = [0.0, -0.0, 5e-324, 1.7976931348623157e308, -1e300, 0.1, 1 / 3]
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    clock_change = datetime(2024, 10, 27, tzinfo=UTC)

    def lost(value: Any) -> Any:
        return None if rng.random() < 0.08 else value

    rows = []
    for _ in range(count):
        near = rng.random() < 0.1
        minutes = float(rng.uniform(-120, 240)) if near else float(rng.uniform(0, 900_000))
        at = (clock_change if near else begin) + timedelta(minutes=minutes)
        at -= timedelta(seconds=at.second % 30)  # so that some moments are equal
        local = datetime(1900, 1, 1) + timedelta(days=float(rng.uniform(0, 80_000)))
        amount = float(rng.choice(extremes)) if rng.random() < 0.05 else float(rng.lognormal(3, 1))
        rows.append(
            {
                "amount": lost(amount if abs(amount) < 1e200 or unseen else 1.0),
                "items": lost(int(rng.integers(0, 5))),
                "member": lost(bool(rng.random() < 0.5)),
                "plan": lost(str(rng.choice(plans))),
                "customer": lost(str(rng.choice(customers))),
                "note": lost(" ".join(rng.choice(WORDS, rng.integers(0, 8)).tolist())),
                "at": lost(at.isoformat().replace("+00:00", "Z") if rng.random() < 0.5 else at.isoformat()),
                "local": lost(local.isoformat(sep=str(rng.choice(["T", " "])))),
            }
        )
    return rows


def as_columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Give rows as the arrays that a Parquet file's columns come as."""
    columns: dict[str, np.ndarray] = {}
    for name, kind in KINDS.items():
        values = [row[name] for row in rows]
        if kind == "time":
            moments = [None if value is None else datetime.fromisoformat(value) for value in values]
            plain = [
                None if m is None else m.astimezone(UTC).replace(tzinfo=None) if m.tzinfo else m
                for m in moments
            ]
            columns[name] = np.array(plain, dtype="datetime64[us]")
        elif kind in ("number", "integer"):
            columns[name] = np.array(
                [np.nan if value is None else value for value in values], dtype=np.float64
            )
        else:
            columns[name] = np.array(values, dtype=object)
    return columns
