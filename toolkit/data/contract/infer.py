"""Find out what the columns of a table hold, batch by batch, where no contract says it yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from toolkit.data.contract.convert import (
    COMMA,
    GROUPED,
    INFINITE,
    NUMBER,
    ODD,
    ODD_START,
    WHOLE,
    Written,
    as_text,
    is_whole,
    matches,
    with_point,
)
from toolkit.data.contract.faults import Locate, locate_alone, tell_row
from toolkit.data.contract.parse import is_zone
from toolkit.data.contract.rules import LARGEST, Rule
from toolkit.data.contract.times import ISO, SLASHED, WITH_OFFSET
from toolkit.data.missing import MISSING
from toolkit.errors import count_of

SENTENCE_WORDS = 4  # values of so many words on average are sentences
MOST_CATEGORIES = 1000  # a text column with more distinct values, or with nearly one a row, is free text
FEW_CATEGORIES = 20  # with no more than these it is a category however few rows there are
TRUTH = r"^(?i:true|false)$"


@dataclass
class Evidence:
    """What was seen of a column: how many values look like what. ``first`` has an example and its row for a look."""

    name: str
    source: pa.DataType
    filled: int = 0
    missing: int = 0
    looks: dict[str, int] = field(default_factory=dict)
    first: dict[str, tuple[str, int]] = field(default_factory=dict)
    distinct: set[str] | None = field(default_factory=set)  # None: more than a category may have
    locate: Locate = locate_alone

    def add(self, values: pa.Array, written: Written, typed: bool, start: int) -> None:
        """Look at the values of a batch that begins after ``start`` rows."""
        self.filled += len(values) - values.null_count
        self.missing += values.null_count
        if values.null_count == len(values):
            return
        if kinds.is_floating(values.type):
            nan = pc.sum(pc.is_nan(values)).as_py() or 0
            self.filled, self.missing = self.filled - nan, self.missing + nan
        elif kinds.is_string(values.type) or kinds.is_large_string(values.type):
            self._count_distinct(values)
            if not (typed and "text" in self.looks):
                self._look(values, written, start)
        elif is_whole(values.type):
            numbers = values if kinds.is_integer(values.type) else values.cast(pa.float64())
            numbers = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
            large = np.flatnonzero((numbers > LARGEST) | (numbers < -LARGEST))
            if len(large):
                place = int(large[0])
                self._note("large", len(large), str(values[place].as_py()), start + place)
        if not kinds.is_string(values.type) and ("large" in self.looks or kinds.is_time(values.type)):
            self._count_distinct(as_text(values))

    def _note(self, look: str, count: int, example: str, row: int) -> None:
        if count:
            self.looks[look] = self.looks.get(look, 0) + count
            self.first.setdefault(look, (example, row + 1))

    def _count_distinct(self, values: pa.Array) -> None:
        if self.distinct is not None:
            unique = pc.unique(values)
            self.distinct = (
                None if len(unique) > MOST_CATEGORIES + 1 else self.distinct | set(unique.to_pylist())
            )
            if self.distinct is not None and len(self.distinct - {None}) > MOST_CATEGORIES:
                self.distinct = None

    def _look(self, values: pa.Array, written: Written, start: int) -> None:
        plain = with_point(values, written)
        look = self._look_at_all(plain)
        if look:
            self._note(look, len(values) - values.null_count, "", start)
            return
        counted = pc.value_counts(values)
        unique, counts = counted.field("values"), counted.field("counts")
        plain = with_point(unique, written)
        rest = pc.is_valid(unique)
        for name, pattern in _LOOKS:
            mask = pc.and_(rest, matches(plain if name in _NUMERIC else unique, pattern))
            if name == "whole":
                exact = pc.if_else(mask, plain, None).cast(pa.float64())
                large = pc.greater(pc.abs(exact), float(LARGEST)).fill_null(False)
                self._note_some("large", pc.and_(mask, large), unique, counts, values, start)
                mask, rest = pc.and_not(mask, large), pc.and_not(rest, pc.and_(mask, large))
            self._note_some(name, mask, unique, counts, values, start)
            rest = pc.and_not(rest, mask)
        self._note_some("text", rest, unique, counts, values, start)

    def _note_some(  # noqa: PLR0917  # private, and each of another kind
        self, look: str, mask: Any, unique: pa.Array, counts: pa.Array, values: pa.Array, start: int
    ) -> None:
        found = unique.filter(mask)
        if len(found):
            row = start + pc.index(values, found[0]).as_py()
            self._note(look, pc.sum(counts.filter(mask)).as_py(), found[0].as_py(), row)

    def _look_at_all(self, plain: pa.Array) -> str:
        """Tell what all values of a batch look like, if that is quick to tell; looks met before are tried."""
        if self.looks.keys() & {"text", "odd", "slashed"}:
            return ""
        if "decimal" not in self.looks and "wall" not in self.looks and "instant" not in self.looks:
            try:
                ends = pc.min_max(plain.cast(pa.int64())).as_py()
            except pa.ArrowInvalid:
                pass
            else:
                within = ends["min"] >= -LARGEST and ends["max"] <= LARGEST
                return "whole" if within and not pc.any(matches(plain, ODD_START)).as_py() else ""
        if "decimal" in self.looks:
            try:
                finite = pc.all(pc.is_finite(plain.cast(pa.float64()))).as_py()
            except pa.ArrowInvalid:
                return ""
            return "decimal" if finite and not pc.any(matches(plain, ODD_START)).as_py() else ""
        for look, kind in (("wall", pa.timestamp("us")), ("instant", pa.timestamp("us", tz="UTC"))):
            if look in self.looks:
                try:
                    plain.cast(kind)
                except pa.ArrowInvalid:
                    continue
                return look
        return ""

    def decide(self, feature: bool, text: bool) -> tuple[Rule, list[str], list[str]]:
        """Give the column's rule, what is wrong with the column, and what a person should know.

        Parameters
        ----------
        feature : bool
            Of a feature, values that more than half of all look like make the type, and the others break it; of
            another column, all must.
        text : bool
            The source has text alone, so that "3" may be a number.
        """
        findings: list[str] = []
        notices: list[str] = []
        kind, zone = self._decide_typed()
        if not kind:
            kind = self._decide_text(feature, text, notices)
        if kind == "time" and not zone:
            zone = self._decide_zone(findings)
        if feature and kind in ("category", "text") and self._is_slashed():
            findings.append(
                f"column '{self.name}' must have times in ISO 8601, such as 2024-03-12, and has "
                f"{self._tell_first('slashed')}, which may be of two months. Write them so; or add the column to "
                "collect.exclude, or write its rule in the contract by hand with its format, such as '%d/%m/%Y' "
                "(schemas/README.md)."
            )
        missing = self.missing + (0 if kind in ("category", "text") else self.looks.get("mark", 0))
        return Rule(self.name, kind, missing=missing > 0, zone=zone), findings, notices

    def _decide_typed(self) -> tuple[str, str]:
        kind = self.source
        if kinds.is_boolean(kind):
            return "boolean", ""
        if is_whole(kind):
            return ("", "") if "large" in self.looks else ("integer", "")
        if kinds.is_floating(kind) or kinds.is_decimal(kind):
            return "number", ""
        if kinds.is_date(kind):
            return "time", ""
        if kinds.is_timestamp(kind):
            return "time", "" if kind.tz is None else kind.tz if is_zone(kind.tz) else "UTC"
        return "", ""

    def _decide_text(self, feature: bool, text: bool, notices: list[str]) -> str:
        looks = self.looks
        filled = self.filled - looks.get("mark", 0)
        enough = filled / 2 if feature else filled - 0.5
        numbers = sum(looks.get(look, 0) for look in ("whole", "decimal", "infinite", "grouped", "comma"))
        fraction = any(looks.get(look) for look in ("decimal", "grouped", "comma", "infinite"))
        times = sum(
            looks.get(look, 0) for look in ("wall", "instant", "slashed")
        )  # one slashed among them: a slip
        odd, large = looks.get("odd", 0), looks.get("large", 0)
        if large and fraction:
            numbers, large = numbers + large, 0
        if filled and looks.get("truth", 0) == filled and text:
            return "boolean"
        if text and not odd and not large and numbers > enough:
            return "number" if fraction else "integer"
        if times > enough and looks.get("slashed", 0) < times and (text or times == filled):
            return "time"
        kind = self._choose_category()
        if odd and odd + numbers + large > enough:
            notices.append(
                f"column '{self.name}' is {kind}, as there are {count_of(odd, 'value')} with leading zeros, first "
                f"{self._tell_first('odd')}."
            )
        elif (large and large + numbers > enough) or is_whole(self.source):
            notices.append(
                f"column '{self.name}' is {kind}, as it has whole numbers beyond {LARGEST}, first "
                f"{self._tell_first('large')}: as numbers they would be rounded."
            )
        elif not text and numbers == filled > 0:
            notices.append(
                f"column '{self.name}' is {kind}, as the source has it as text, yet each value is a number. Make it "
                "number in the contract if it is one."
            )
        return kind

    def _tell_first(self, look: str) -> str:
        example, row = self.first[look]
        return f"'{example}' in {tell_row(row, self.locate)}"

    def _is_slashed(self) -> bool:
        return self.looks.get("slashed", 0) > self.filled / 2

    @staticmethod
    def _has_sentences(values: set[str]) -> bool:
        """Whether the values read as sentences rather than as names, however often each occurs."""
        return sum(value.count(" ") + 1 for value in values) >= SENTENCE_WORDS * len(values)

    def _choose_category(self) -> str:
        if not self.filled:
            return "text"
        distinct = MOST_CATEGORIES + 1 if self.distinct is None else len(self.distinct - {None})
        few = distinct <= FEW_CATEGORIES and distinct < max(self.filled, 2)
        if not few and self.distinct and self._has_sentences(self.distinct - {None}):
            return "text"
        return "category" if few or (distinct <= MOST_CATEGORIES and distinct <= self.filled / 2) else "text"

    def _decide_zone(self, findings: list[str]) -> str:
        wall, instant = self.looks.get("wall", 0), self.looks.get("instant", 0)
        if wall and instant:
            findings.append(
                f"column '{self.name}' must have times with an offset or times without one, and has {instant:,} with "
                f"(first {self._tell_first('instant')}) and {wall:,} without (first {self._tell_first('wall')}). Write "
                "all alike, or write the column's rule by hand and name the zone of those without (schemas/README.md)."
            )
        return "UTC" if instant else ""


_NUMERIC = ("odd", "whole", "decimal", "infinite", "grouped", "comma")
_LOOKS = (
    ("mark", f"^({'|'.join(MISSING)})$"),
    ("slashed", SLASHED),
    ("odd", ODD),
    ("whole", WHOLE),
    ("decimal", NUMBER),
    (
        "instant",
        WITH_OFFSET,
    ),
    ("wall", ISO),
    ("truth", TRUTH),
    ("infinite", INFINITE),
    ("grouped", GROUPED),
    ("comma", COMMA),
)


def gather(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    written: Written,
    text: bool,
    locate: Locate = locate_alone,
) -> tuple[int, list[Evidence]]:
    """Look at every column of every batch; gives the number of rows and the evidence."""
    evidence = [Evidence(column.name, column.type, locate=locate) for column in schema]
    rows = 0
    for batch in batches:
        for found, values in zip(evidence, batch.columns, strict=True):
            found.add(values, written, not text, rows)
        rows += batch.num_rows
    return rows, evidence
