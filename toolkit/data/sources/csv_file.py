"""Read CSV: every cell as text, a block at a time; say where a file is wrong."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from toolkit.data.sources.columns import list_some
from toolkit.data.sources.raw_bytes import COMPRESSED, check_is_text, explain_io, open_bytes
from toolkit.errors import DataError

BLOCK_BYTES = 2 * 2**20  # read at a time, some 16 of them ahead; also the longest row
HEADER_BYTES = 2**20
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class CsvReader:
    """Reads CSV with a header. Quoted cells may hold line ends; a byte order mark is passed over."""

    delimiter: str = ","
    encoding: str = "utf-8"
    text: bool = True

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Read the header."""
        return pa.schema([(column, pa.string()) for column in self.load_header(path, name)])

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the rows; an empty cell is null."""
        ragged: list[pyarrow.csv.InvalidRow] = []

        def put_aside(row: pyarrow.csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        read = pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, encoding=self.encoding)
        parse = pyarrow.csv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=put_aside
        )
        convert = pyarrow.csv.ConvertOptions(column_types=schema, null_values=[""], strings_can_be_null=True)
        try:
            with (
                open_bytes(path) as file,
                pyarrow.csv.open_csv(
                    file, read_options=read, parse_options=parse, convert_options=convert
                ) as found,
            ):
                last = None
                for last in found:
                    yield last
        except (pa.ArrowException, OSError, UnicodeError, EOFError) as error:
            raise self._explain(path, name, error) from None
        if ragged:
            raise _tell_ragged(name, len(schema), ragged)
        if last is not None and last.num_rows:
            _check_quotes(path, name, last.column(last.num_columns - 1)[-1].as_py())

    def load_header(self, path: Path, name: str) -> list[str]:
        """Read the names in the first row.

        Raises
        ------
        DataError
            The file is no text in this encoding, or has other delimiters.
        """
        try:
            with open_bytes(path) as file:
                start = file.read(HEADER_BYTES)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise self._explain(path, name, error) from None
        check_is_text(start, name, self.encoding)
        try:
            text = codecs.getincrementaldecoder(self.encoding)().decode(start)
        except UnicodeError:
            # Only the header is read here: a fault in a later row is named when that row is read.
            text = start.split(b"\n", 1)[0].decode(self.encoding, errors="replace")
            if "\N{REPLACEMENT CHARACTER}" in text:
                raise self._tell_undecodable(path, name) from None
        rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=self.delimiter)
        header = next((row for row in rows if row), None)
        if header is None:
            raise DataError(f"{name} must have a header in its first row and has only empty lines.")
        self._check_delimiter(header, name)
        return header

    def _check_delimiter(self, header: list[str], name: str) -> None:
        other = next((sign for sign in DELIMITERS if len(header) == 1 and sign in header[0]), None)
        if other:
            raise DataError(
                f"{name} must have its columns separated by {self.delimiter!r}. It looks separated by {other!r}: "
                "set collect.delimiter in params.yaml if it is collect's source, or save the file with "
                f"{self.delimiter!r}."
            )

    def _explain(self, path: Path, name: str, error: Exception) -> DataError:
        reason = str(error)
        if isinstance(error, UnicodeError) or "invalid UTF8" in reason or "codec can't decode" in reason:
            return self._tell_undecodable(path, name)
        if "straddling" in reason or "out of sync" in reason:
            return DataError(
                f"{name} must have rows of less than {BLOCK_BYTES // 2**20} MB, and one is longer. Look for a quote "
                "that is never closed."
            )
        if isinstance(error, OSError) and not isinstance(error, pa.ArrowInvalid):
            return explain_io(name, error)
        return DataError(f"{name} must be a CSV file with a header. {reason}.")

    def _tell_undecodable(self, path: Path, name: str) -> DataError:
        """Name the first line that is no text in this encoding."""
        decoder, line = codecs.getincrementaldecoder(self.encoding)(), 1
        with open_bytes(path) as file:
            while block := file.read(HEADER_BYTES):
                try:
                    line += decoder.decode(block).count("\n")
                except UnicodeError as error:
                    start = getattr(error, "start", 0)
                    held = getattr(error, "object", block)
                    line += held[:start].count(b"\n")
                    wrong = held[start : start + 1]
                    around = held[max(start - 12, 0) : start + 8].decode("latin-1")
                    return DataError(
                        f"{name} must be text in {self.encoding}. Line {line} has the byte {wrong!r}, near "
                        f"{around!r} (read as latin-1): set collect.encoding in params.yaml if it is collect's "
                        "source, or convert the file, for example with iconv."
                    )
        return DataError(
            f"{name} must be text in {self.encoding} and ends within a character: it may be cut short."
        )


def _check_quotes(path: Path, name: str, last_cell: str | None) -> None:
    """Check that the file's last cell ends before the file does, if it began with a quote."""
    if last_cell is None or path.suffix in COMPRESSED:
        return
    opened = b'"' + last_cell.encode()
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - len(opened), 0))
        if file.read() == opened:
            raise DataError(
                f"{name} must close every quote. Its last cell has none at its end and begins with "
                f"{last_cell[:40]!r}: look for a quote that should not be there, or a file cut short."
            )


def _tell_ragged(name: str, columns: int, ragged: list[pyarrow.csv.InvalidRow]) -> DataError:
    first = ragged[0]
    rows = list_some(row.number - 1 for row in ragged)
    many = f"{len(ragged)} rows have" if len(ragged) > 1 else "One row has"
    return DataError(
        f"{name}: every row must have the {columns} columns of the header. {many} more or fewer: row {rows}, counted "
        f"from the first after the header. Row {first.number - 1} has {first.actual_columns}: {first.text[:80]!r}. "
        "Look for stray delimiters, missing quotes, or a file cut short."
    )
