"""Arrays as text that JSON can hold, bit by bit."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def pack_arrays(holder: Any, names: Sequence[str]) -> dict[str, str]:
    """Give attributes of an object that are arrays as texts by name."""
    return {name: _pack(getattr(holder, name)) for name in names}


def unpack_arrays(holder: Any, names: Sequence[str], texts: Mapping[str, Any]) -> None:
    """Set attributes to what :func:`pack_arrays` gave; type and shape are those that they have.

    Raises
    ------
    KeyError, TypeError, ValueError, zlib.error
        A text is missing or damaged.
    """
    for name in names:
        setattr(holder, name, _unpack(texts[name], getattr(holder, name)))


def _pack(array: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), 1)).decode()


def _unpack(text: str, like: np.ndarray) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(text, validate=True))
    return np.frombuffer(raw, like.dtype.newbyteorder("<")).astype(like.dtype).reshape(like.shape)
