"""Read Parquet and Arrow files a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from toolkit.errors import DataError

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class ParquetReader:
    """Reads Parquet."""

    text: bool = False

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Read the schema at the file's end."""
        with _explaining(name, "Parquet"), pyarrow.parquet.ParquetFile(path) as file:
            return file.schema_arrow

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        with _explaining(name, "Parquet"), pyarrow.parquet.ParquetFile(path) as file:
            some = None if set(schema.names) >= set(file.schema_arrow.names) else schema.names
            yield from file.iter_batches(BATCH_ROWS, columns=some, use_threads=False)


@dataclass(frozen=True)
class ArrowReader:
    """Reads Arrow's IPC formats, file (Feather) and stream."""

    text: bool = False

    def load_columns(self, path: Path, name: str) -> pa.Schema:
        """Read the schema."""
        with _explaining(name, "Arrow"), pa.OSFile(str(path)) as file:
            reader = _open_arrow(file)
            return reader.schema

    def iterate(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        with _explaining(name, "Arrow"), pa.OSFile(str(path)) as file:
            found = _open_arrow(file).schema.names
            places = [place for place, column in enumerate(found) if column in set(schema.names)]
            reader = _open_arrow(file, places if len(places) < len(found) else None)
            if isinstance(reader, pa.ipc.RecordBatchFileReader):
                for index in range(reader.num_record_batches):
                    yield reader.get_batch(index)
            else:
                yield from reader


def _open_arrow(
    file: pa.OSFile, places: list[int] | None = None
) -> pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader:
    """Open a file from its start, for some of its columns or all."""
    file.seek(0)
    start = file.read(6)
    file.seek(0)
    options = pa.ipc.IpcReadOptions(included_fields=places)
    opened = pa.ipc.open_file if start == b"ARROW1" else pa.ipc.open_stream
    return opened(file, options=options)


@contextmanager
def _explaining(name: str, kind: str) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise DataError(
            f"{name} must be readable, and you may not read it. Change its permissions."
        ) from None
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{name} must be a whole {kind} file. {reason}. It may be cut short: copy it anew."
        ) from None
