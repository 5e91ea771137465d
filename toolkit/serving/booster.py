"""A thin binding to LightGBM's C API: prediction alone, without the imports that its Python package brings.

``import lightgbm`` takes up to three seconds where scikit-learn and pandas are installed; the library alone loads
in milliseconds, which the first load in a subprocess and every worker of the service gain from. The functions
are those of ``LightGBM/c_api.h``; their results are the same to the last bit (a test compares).
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.errors import ModelError

FLOAT64, ROW_MAJOR = 1, 1
PREDICT_NORMAL, PREDICT_RAW_SCORE, PREDICT_CONTRIB = 0, 1, 3  # C_API_PREDICT_...
ALL_TREES = (0, -1)  # start_iteration, num_iteration


class Booster:
    """A model in LightGBM's text format, loaded for prediction.

    Parameters
    ----------
    text : bytes
        The model file's content. LightGBM itself does not survive damaged text: check it first
        (:func:`toolkit.serving.model_text.check_model_text`).
    threads : int
        Threads for many rows; 0 for LightGBM's own choice. One row never starts any. The result does not depend
        on it: each row's trees are summed in the same order.
    """

    def __init__(self, text: bytes, threads: int = 0) -> None:
        self._library = load_library()
        self._parameters = f"num_threads={threads}".encode() if threads else b""
        # Of a PyDLL: keeping the interpreter for a row's microseconds is quicker than to give it up and to wait for it.
        self._predict_one = ctypes.PyDLL(self._library._name).LGBM_BoosterPredictForMatSingleRowFast
        self._buffers = threading.local()
        self._handle = ctypes.c_void_p()
        self._fast = ctypes.c_void_p()
        iterations = ctypes.c_int()
        self._call(
            "LGBM_BoosterLoadModelFromString", text, ctypes.byref(iterations), ctypes.byref(self._handle)
        )
        self.outputs = self._number("LGBM_BoosterGetNumClasses")
        self.num_features = self._number("LGBM_BoosterGetNumFeature")
        self._call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            PREDICT_NORMAL,
            *ALL_TREES,
            FLOAT64,
            ctypes.c_int32(self.num_features),
            b"num_threads=1",
            ctypes.byref(self._fast),
        )

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict rows: float64 (n, num_features) to float64 (n, outputs).

        Raises
        ------
        ModelError
            The matrix has another number of columns than the model has features.
        """
        rows = self._check(matrix)
        if len(rows) != 1:
            return self._predict(rows, PREDICT_NORMAL, self.outputs)
        row, result, addresses = self._take_buffers()
        row[:] = rows
        if self._predict_one(self._fast, *addresses) != 0:
            raise ModelError(f"LightGBM refuses the row: {self._get_error()}")
        return result.copy()

    def _take_buffers(self) -> tuple[np.ndarray, np.ndarray, tuple[Any, ...]]:
        """Give this thread's row and result with their addresses, which take longer to find than a row to predict."""
        found = getattr(self._buffers, "found", None)
        if found is None:
            row, result, length = (
                np.empty((1, self.num_features)),
                np.empty((1, self.outputs)),
                ctypes.c_int64(),
            )
            addresses = (
                ctypes.c_void_p(row.ctypes.data),
                ctypes.byref(length),
                ctypes.c_void_p(result.ctypes.data),
            )
            found = self._buffers.found = row, result, addresses
        return found

    def score(self, matrix: np.ndarray) -> np.ndarray:
        """Give the raw scores of rows, before any link function: float64 (n, outputs)."""
        return self._predict(self._check(matrix), PREDICT_RAW_SCORE, self.outputs)

    def contribute(self, matrix: np.ndarray) -> np.ndarray:
        """Give what each feature adds to the raw scores of rows: (n, outputs, num_features + 1), the base last."""
        width = self.num_features + 1
        found = self._predict(self._check(matrix), PREDICT_CONTRIB, self.outputs * width)
        return found.reshape(len(found), self.outputs, width)

    def _check(self, matrix: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.num_features:
            raise ModelError(
                f"The model takes a matrix of {self.num_features} columns and got one of shape {rows.shape}."
            )
        return rows

    def _predict(self, rows: np.ndarray, kind: int, width: int) -> np.ndarray:
        result = np.empty((len(rows), width))
        if len(rows):
            length = ctypes.c_int64()
            self._call(
                "LGBM_BoosterPredictForMat",
                self._handle,
                ctypes.c_void_p(rows.ctypes.data),
                FLOAT64,
                ctypes.c_int32(len(rows)),
                ctypes.c_int32(self.num_features),
                ROW_MAJOR,
                kind,
                *ALL_TREES,
                self._parameters,
                ctypes.byref(length),
                ctypes.c_void_p(result.ctypes.data),
            )
        return result

    def _number(self, function: str) -> int:
        value = ctypes.c_int()
        self._call(function, self._handle, ctypes.byref(value))
        return value.value

    def _call(self, function: str, *arguments: Any) -> None:
        if getattr(self._library, function)(*arguments) != 0:
            reason = self._get_error()
            raise ModelError(f"LightGBM refuses the model: {reason}")

    def _get_error(self) -> str:
        return self._library.LGBM_GetLastError().decode(errors="replace")

    def __del__(self) -> None:
        library = getattr(self, "_library", None)
        if library is not None and self._fast:
            library.LGBM_FastConfigFree(self._fast)
        if library is not None and self._handle:
            library.LGBM_BoosterFree(self._handle)


@lru_cache(maxsize=1)
def load_library() -> ctypes.CDLL:
    """Load LightGBM's shared library from the installed package, without importing the package."""
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("The package lightgbm must be installed and is not.")
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = Path(spec.submodule_search_locations[0]) / "lib" / f"lib_lightgbm.{suffix}"
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ModelError(
            f"LightGBM's library cannot be loaded: {error}. On Debian and Ubuntu it needs: apt install libgomp1."
        ) from None
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library
