"""Import papermill without the optional packages that execution never uses; they cost most of its start-up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# For IRIs and ISO durations in JSON schemas, tables on HDFS, notebooks on cloud stores, colours on Windows.
_UNUSED = ("rfc3987_syntax", "isoduration", "pyarrow", "gcsfs", "github", "boto3", "azure", "colorama")


@contextmanager
def quick_imports() -> Iterator[None]:
    """Let imports of those packages fail inside the block, and only there; one already loaded stays.

    The importing packages expect it: each of these is an optional dependency to them.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say: not importable
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name, ...) is None:
                del sys.modules[name]
