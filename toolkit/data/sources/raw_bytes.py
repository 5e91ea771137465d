"""The bytes of a file: unpacked if compressed, and looked at before they are taken for text."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pyarrow as pa

from toolkit.errors import DataError

COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")  # unpacked while reading, by the ending
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!|\?xml|[a-zA-Z][a-zA-Z0-9]*[\s>/])")
_SIGNS = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"PK\x03\x04": "a zip archive, such as an Excel workbook",
    b"\x1f\x8b": "compressed by gzip, without the ending .gz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd, without the ending .zst",
    b"SQLite format 3\0": "an SQLite database",
    b"%PDF": "a PDF",
}


def open_bytes(path: Path) -> pa.NativeFile:
    """Open a file for reading, unpacked if its ending says that it is compressed."""
    return pa.input_stream(str(path), compression="detect", buffer_size=2**20)


def check_is_text(start: bytes, name: str, encoding: str) -> None:
    """Check that what a file begins with is text.

    Raises
    ------
    DataError
        It has another encoding's byte order mark, zero bytes, or is something else by its first bytes.
    """
    known = next((what for sign, what in _SIGNS.items() if start.startswith(sign)), None)
    if known:
        raise DataError(
            f"{name} must be text. It looks like {known}: set format in params.yaml, or convert it."
        )
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf16", "utf-32", "utf32"))
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not wide:
        raise DataError(
            f"{name} must be text in {encoding}. It looks like UTF-16: set collect.encoding to utf-16 in "
            "params.yaml if it is collect's source, or convert it, for example with iconv."
        )
    if b"\0" in start and not wide:
        raise DataError(f"{name} must be text in {encoding}. It has zero bytes: is it a table at all?")
    if _MARKUP.match(start):
        raise DataError(f"{name} must be a table. It looks like a web page or XML: check where it came from.")


def explain_io(name: str, error: Exception) -> DataError:
    """Turn what the operating system or the unpacking said into a message."""
    reason = str(error)
    if isinstance(error, PermissionError) or "Permission denied" in reason:
        return DataError(f"{name} must be readable, and you may not read it. Change its permissions.")
    if "runcated" in reason or "unexpected end" in reason.lower() or "ended before" in reason:
        return DataError(f"{name} must be a whole compressed file and is cut short. Copy it anew.")
    return DataError(f"{name} must be readable. {reason}.")
