"""Read JSON Lines, a block of lines at a time; say which line is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json

from toolkit.data.sources.columns import widen
from toolkit.data.sources.raw_bytes import check_is_text, explain_io, open_bytes
from toolkit.errors import DataError

BLOCK_BYTES = 8 * 2**20
_BOM = b"\xef\xbb\xbf"
_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True)
class JsonLinesReader:
    """Reads a JSON object a line. A key that a line lacks is missing there; types are those of the whole file.

    With ``nested``, for a service's logs, objects in the objects are read too, a level deep. With ``torn``, a last line
    without an end is passed over.
    """

    nested: bool = False
    torn: bool = False
    block_bytes: int = BLOCK_BYTES
    text: bool = False

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Find every key and a type that holds all its values: this reads the file once."""
        types: dict[str, pa.DataType] = {}
        for block in self._iterate(path, name):
            for field in _parse(block, path, name, None).schema:
                held = types.get(field.name, pa.null())
                wider = widen_struct(held, field.type) if self.nested else _widen_flat(held, field.type)
                if wider is None:
                    raise _explain(path, name, f"'{field.name}' is {held} and {field.type}")
                types[field.name] = wider
        return pa.schema([(key, _keep_text(kind)) for key, kind in types.items()])

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        for block in self._iterate(path, name):
            yield from _parse(block, path, name, schema).combine_chunks().to_batches()

    def _iterate(self, path: Path, name: str) -> Iterator[bytes]:
        # A log is text, or it would not be one: zero bytes in it are of a power cut, and their line is to be told.
        return _iterate_blocks(path, name, self.torn, self.block_bytes, is_text=self.nested)


def _iterate_blocks(
    path: Path, name: str, torn: bool = False, block_bytes: int = 0, is_text: bool = False
) -> Iterator[bytes]:
    """Read the file in blocks of whole lines; the last one may be cut short if ``torn``, and is passed over."""
    rest, first = b"", True
    try:
        with open_bytes(path) as file:
            while block := file.read(block_bytes or BLOCK_BYTES):
                if first:
                    if not is_text:
                        check_is_text(block, name, "utf-8")
                    block, first = block.removeprefix(_BOM), False
                lines, end, tail = (rest + block).rpartition(b"\n")
                rest = tail
                if lines.strip():
                    yield lines + end
    except (pa.ArrowException, OSError, EOFError) as error:
        raise explain_io(name, error) from None
    if rest.strip() and not torn:
        yield rest


def _parse(block: bytes, path: Path, name: str, schema: pa.Schema | None) -> pa.Table:
    read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
    parse = pyarrow.json.ParseOptions(
        explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
    )
    try:
        return pyarrow.json.read_json(pa.BufferReader(block), read_options=read, parse_options=parse)
    except pa.ArrowInvalid as error:
        raise _explain(path, name, str(error)) from None


def _keep_text(kind: pa.DataType) -> pa.DataType:
    """Undo Arrow's guess that text is a time: it forgets the offset from UTC. JSON has no times, so it was text."""
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _keep_text(field.type)) for field in kind])
    return pa.string() if pa.types.is_timestamp(kind) else kind


def _widen(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    return widen(_keep_text(left), _keep_text(right))


def _widen_flat(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """Widen types of a table, which has no nested ones: such a column is refused or left out whatever else it holds."""
    nested = [kind for kind in (left, right) if pa.types.is_nested(kind)]
    return nested[0] if nested else _widen(left, right)


def widen_struct(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """Give the type that holds the values of both, and of objects the keys of both; None if there is none."""
    if not (pa.types.is_struct(left) and pa.types.is_struct(right)):
        return _widen(left, right)
    types = {field.name: field.type for field in left}
    for field in right:
        wider = _widen(types.get(field.name, pa.null()), field.type)
        if wider is None:
            return None
        types[field.name] = wider
    return pa.struct(list(types.items()))


def _explain(path: Path, name: str, reason: str) -> DataError:
    """Find the first line that is no object, or whose value is of another kind than those before it."""
    seen: dict[str, tuple[str, int]] = {}
    number = 0
    for block in _iterate_blocks(path, name, is_text=True):  # else it would not have come here
        for line in block.splitlines():
            number += 1
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                return DataError(
                    f"{name} must hold one JSON object a line. Line {number} is none: {error}. It begins with "
                    f"{line[:60].decode(errors='replace')!r}: mend it, or remove it."
                )
            if not isinstance(value, dict):
                return DataError(
                    f"{name} must hold one JSON object a line. Line {number} is {_KINDS.get(type(value), 'null')}: "
                    "write the rows as objects, a line each."
                )
            fault = _find_change(value, number, seen)
            if fault:
                return DataError(f"{name} must hold one JSON object a line, each key of one type. {fault}")
    return DataError(f"{name} must hold one JSON object a line, each key of one type. {reason}.")


def _find_change(value: dict[str, Any], number: int, seen: dict[str, tuple[str, int]]) -> str:
    for key, cell in value.items():
        if cell is None:
            continue
        kind = _KINDS[type(cell)]
        before, line = seen.setdefault(key, (kind, number))
        if before != kind:
            return (
                f"'{key}' is {before} in line {line} and {kind} in line {number} ({str(cell)[:40]!r}): write it as "
                "one of them."
            )
    return ""
