"""A raw table as its parts, each read in batches as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.ipc

from toolkit.artifacts import atomic, measure_hash
from toolkit.data.rounding import Rounded
from toolkit.data.sources.batches import fit, regroup
from toolkit.data.sources.columns import check_columns, is_plain, list_some, simplify, unite
from toolkit.errors import DataError
from toolkit.known_hashes import KnownHashes

SPARSE = ("jsonl", "log")  # formats whose rows name their columns, and may leave some out


class Reader(Protocol):
    """Reads one kind of file. Errors are DataError, and name the file by ``name``."""

    @property
    def text(self) -> bool:
        """Whether every cell comes as text."""
        ...

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Read the names and types of the columns."""
        ...

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the rows, with the columns that :meth:`load_columns` gave or wider ones of the same names."""
        ...


@dataclass(eq=False)
class Part:
    """One file of a source.

    Attributes
    ----------
    name : str
        As messages name it: its path in the project, or its address.
    rows : int, optional
        Known once it has been read to its end.
    known : KnownHashes, optional
        Hashes of files that need not be read again.
    """

    name: str
    path: Path
    reader: Reader
    rows: int | None = None
    known: KnownHashes | None = None
    exclude: Collection[str] | None = (
        None  # columns that are left out if no table can hold them; None: of no use here
    )
    memory: Path | None = None  # folder where its columns are kept, if finding them means reading it
    source: Source = field(init=False, repr=False)

    @cached_property
    def columns(self) -> pa.Schema:
        """Its own columns, but for those that are left out.

        Raises
        ------
        DataError
            It cannot be read, or has columns without a name of their own or with nested values.
        """
        plain = [field for field in self._found if field.name not in self.left_out]
        advice = "" if self.exclude is None else ", or leave it out by collect.exclude"
        check_columns(pa.schema(plain), self.name, advice)
        return simplify(pa.schema(plain))

    @cached_property
    def left_out(self) -> dict[str, pa.DataType]:
        """Its columns that are excluded and that no table could hold, being nested or bytes; they are not read."""
        excluded = self.exclude or ()
        return {
            field.name: field.type
            for field in self._found
            if field.name in excluded and not is_plain(field.type)
        }

    @cached_property
    def _found(self) -> pa.Schema:
        if not self.path.stat().st_size:
            raise DataError(
                f"{self.name} must hold a table and is empty (0 bytes). Write it anew, or remove it."
            )
        return self._remember_columns()

    @cached_property
    def hash(self) -> str:
        """Its content's hash, ``md5:...``."""
        return measure_hash(self.path, self.known.measure_md5 if self.known else None)

    def _remember_columns(self) -> pa.Schema:
        place = self.memory / f"{self.hash.partition(':')[2]}.arrow" if self.memory else None
        if place is not None and place.is_file():
            return pa.ipc.read_schema(pa.BufferReader(place.read_bytes()))
        schema = self.reader.load_columns(self.path, self.name)
        if place is not None:
            with atomic(place) as temporary:
                temporary.write_bytes(schema.serialize().to_pybytes())
        return schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read its rows, with the columns of the whole source.

        Raises
        ------
        DataError
            It cannot be read, has other columns than the other parts, or was changed meanwhile.
        """
        state = _measure_state(self.path)
        schema, rows = self.source.columns, 0
        own = set(self.columns.names)
        held = schema if self.source.sparse else pa.schema([field for field in schema if field.name in own])
        for batch in regroup(self.reader.iterate(self.path, self.name, held)):
            rows += batch.num_rows
            yield fit(batch, schema)
        if _measure_state(self.path) != state:
            raise DataError(
                f"{self.name} must stay as it is while it is read, and it was changed. Run the stage again when "
                "nothing writes to it."
            )
        self.rows = rows


@dataclass(eq=False)
class Source:
    """A raw table.

    Attributes
    ----------
    format : str
        csv, jsonl, parquet, arrow, sql or log.
    parts : list of Part
        In the order of their names; appended rows come as a new part, and a part that has not changed gives the same
        rows as before.
    text : bool
        Every cell is text as it stands in the file (CSV): the types are still to be found.
    outputs : tuple of str
        Columns whose names begin with one of these hold what a model said, or no more than tells groups apart: they
        are no features.
    rounded : dict
        Columns whose values were changed before they came here, by a database's driver.
    strict : bool
        Every part must have the same columns; otherwise rows have no values in columns that their part lacks.
    """

    format: str
    parts: list[Part]
    text: bool = False
    outputs: tuple[str, ...] = ()
    rounded: dict[str, Rounded] = field(default_factory=dict)
    strict: bool = True

    def __post_init__(self) -> None:
        for part in self.parts:
            part.source = self

    @cached_property
    def columns(self) -> pa.Schema:
        """The columns of the parts, with types that hold every part's values."""
        kept = (
            (part.name, pa.schema([field for field in part.columns if field.name not in self.left_out]))
            for part in self.parts
        )
        return unite(kept, "any" if self.sparse else "same" if self.strict else "most")

    @property
    def sparse(self) -> bool:
        """Whether its rows name their columns, and may leave some out."""
        return self.format in SPARSE

    @cached_property
    def lacking(self) -> dict[str, list[Part]]:
        """The parts that lack a column which others have, by column."""
        held = [set(part.columns.names) for part in self.parts]
        lacking = {
            name: [part for part, names in zip(self.parts, held, strict=True) if name not in names]
            for name in self.columns.names
        }
        return {name: parts for name, parts in lacking.items() if parts}

    @cached_property
    def left_out(self) -> dict[str, pa.DataType]:
        """Excluded columns that a part holds nested values or bytes in: no part of the table."""
        return {name: kind for part in self.parts for name, kind in part.left_out.items()}

    @property
    def excluded(self) -> list[str]:
        """Columns that are no features whatever params.yaml says."""
        return [name for name in self.columns.names if name.startswith(self.outputs)]

    def batches(
        self, read: Callable[[Part], Iterator[pa.RecordBatch]] = Part.batches
    ) -> Iterator[pa.RecordBatch]:
        """Read all rows, at most 65,536 at a time, with the same columns each time.

        Parameters
        ----------
        read : callable
            What reads a part, if not the part itself: such as a cache of what was made of it.

        Raises
        ------
        DataError
            A part cannot be read, or there are no rows at all.
        """
        for part in self.parts:
            yield from read(part)
        self.check_rows()

    def check_rows(self) -> None:
        """Check, after reading, that there were rows."""
        if not any(part.rows for part in self.parts):
            raise DataError(
                f"{list_some(part.name for part in self.parts)} must have rows and has none, only the columns "
                f"{list_some(self.columns.names)}."
            )

    def locate(self, row: int) -> tuple[str, int]:
        """Tell in which part a row is, and which of the part's rows it is.

        Parameters
        ----------
        row : int
            Counted from 1 over the whole source; it has been read.

        Returns
        -------
        tuple of (str, int)
            The part's name, and the row counted from 1 in it.

        Examples
        --------
        >>> parts = [Part("2026-01.csv", Path(), None, rows=3), Part("2026-02.csv", Path(), None, rows=2)]
        >>> Source("csv", parts).locate(4)
        ('2026-02.csv', 1)
        """
        for part in self.parts:
            if (
                part.rows is None or row <= part.rows
            ):  # a part that is still being read ends with this row or later
                return part.name, row
            row -= part.rows
        raise IndexError(row)

    def describe(self) -> dict[str, Any]:
        """Give what was read as plain values: format, rows, and each part with its hash and rows."""
        parts = [{"name": part.name, "hash": part.hash, "rows": part.rows} for part in self.parts]
        counted = [part.rows for part in self.parts if part.rows is not None]
        return {
            "format": self.format,
            "rows": sum(counted) if len(counted) == len(parts) else None,
            "parts": parts,
        }


def _measure_state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino
