"""Values of defined features, kept beside the tables: computed once, read by later stages, shared between projects.

A file holds one feature of one split. Its name ends in a key: a hash of the definition and all that it refers to, of
the code that computes it, and of the content of the columns it is made of, in the train split (which the fitted state
comes from) and in its own. What has the same key has the same values, so files of another project, brought in by
``dvc import``, are as good as own ones; anything that could change a value changes the key.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import toolkit.features
from toolkit.artifacts import load_json, write_json
from toolkit.columns import BLOCK_ROWS, ParquetColumns, iterate_columns
from toolkit.errors import FeatureError
from toolkit.features import Definition, Features
from toolkit.features.definition import FUNCTION
from toolkit.features.functions import RowFault

SCHEMA = 1
KEPT = (FUNCTION, "history", "tfidf", "text_hash", "text_stats")  # makers that cost more than reading a file
INDEX = "index.json"
STATE = b"state"


class ValueCache:
    """Finds values that are there already, and writes those of a project.

    Parameters
    ----------
    paths : mapping
        The Parquet file of each split; ``train`` among them.
    kinds : mapping
        Kind by name of the raw columns.
    zones : mapping
        Zone by name of the times that have one.
    folders : sequence of Path
        Where to look, also in the folders inside.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        kinds: Mapping[str, str],
        zones: Mapping[str, str],
        folders: Sequence[Path] = (),
    ) -> None:
        self._paths, self._kinds, self._zones = dict(paths), dict(kinds), dict(zones)
        files = [file for folder in folders for file in sorted(folder.rglob("*-*.parquet"))]
        self._files = {file.stem.rpartition("-")[2]: file for file in reversed(files)}
        self._digests: dict[tuple[str, str], str] = {}
        self._code = measure_code()

    def find_state(self, definition: Definition) -> Mapping[str, Any] | None:
        """Give what a function learnt from the very same rows before, or None."""
        if definition.maker != FUNCTION:
            return None
        file = self._find(definition, "train")
        return None if file is None else _read_state(file)

    def write(self, folder: Path, features: Features) -> None:
        """Write the values of the costly features that a file defines, computing those that are not found."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        index: dict[str, dict[str, str]] = {}
        for feature in features.features:
            definition = feature.definition
            if not definition.line or definition.maker not in KEPT:
                continue
            one = features.only(definition.name)
            state = dict(feature.state) if definition.maker == FUNCTION else {}
            for split, path in self._paths.items():
                key = self.measure_key(definition, split)
                name = f"{_clean(definition.name)}-{key}.parquet"
                found = self._find(definition, split, len(one.names))
                blocks = _read(found) if found else _compute(one, path)
                _write(
                    folder / name,
                    one.names,
                    blocks,
                    pq.read_metadata(path).num_rows,
                    state if split == "train" else {},
                )
                index.setdefault(definition.name, {})[split] = name
        write_json(folder / INDEX, {"schema": SCHEMA, "values": index})

    def measure_key(self, definition: Definition, split: str) -> str:
        """Give the key of a feature's values in a split: 32 hex digits."""
        inputs = [
            [
                self._kinds[name],
                self._zones.get(name),
                self._measure("train", name),
                self._measure(split, name),
            ]
            for name in definition.inputs
        ]
        what = [definition.maker, dict(definition.params), definition.returns, definition.source, inputs]
        text = json.dumps([SCHEMA, self._code, what], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _measure(self, split: str, name: str) -> str:
        if (split, name) not in self._digests:
            self._digests[split, name] = measure_column(self._paths[split], name)
        return self._digests[split, name]

    def _find(self, definition: Definition, split: str, columns: int = 1) -> Path | None:
        """Find a whole file of these values; one that is damaged counts as none."""
        file = self._files.get(self.measure_key(definition, split))
        try:
            if (
                file is None
                or pq.read_metadata(file).num_rows != pq.read_metadata(self._paths[split]).num_rows
            ):
                return None
            if pq.read_schema(file).types != [pa.float64()] * columns:
                return None
            if split == "train" and _read_state(file) is None:
                return None
            for _ in _read(file):  # also the pages are whole
                pass
        except (OSError, pa.ArrowException):
            return None
        return file


def keep(folder: Path, values: Path) -> None:
    """Keep the values of the last run in ``folder``, for the next: DVC clears a stage's outputs before it runs."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(values, folder)


def load_values(prepared: Path, split: str) -> dict[str, Path]:
    """Give the file of each feature whose values are kept for a split; none if nothing is."""
    folder = prepared / "values"
    if not (folder / INDEX).is_file():
        return {}
    index = load_json(folder / INDEX)["values"]
    return {name: folder / files[split] for name, files in index.items() if split in files}


def iterate_matrix(
    features: Features, path: Path, values: Mapping[str, Path], rows: int = BLOCK_ROWS
) -> Iterator[np.ndarray]:
    """Give the model's matrix of a split block by block; features in ``values`` are read, the others computed."""
    readers = {name: _Reader(_read(file)) for name, file in values.items()}
    first = 1
    for columns in iterate_columns(path, list(features.inputs), rows):
        count = len(next(iter(columns.values())))
        known = {name: reader.take(count) for name, reader in readers.items()}
        try:
            yield features.matrix(columns, known, first)
        except RowFault as fault:
            raise fault.definition.tell(f"{path.name}, {fault.text}") from None
        first += count


def read_sample(features: Features, path: Path, values: Mapping[str, Path], step: int) -> np.ndarray:
    """Give every ``step``-th row of the model's matrix, from the first on."""
    first, parts = 0, []
    for block in iterate_matrix(features, path, values):
        parts.append(block[-first % step :: step])
        first += len(block)
    return np.concatenate(parts)


def measure_column(path: Path, name: str) -> str:
    """Give the hash of a column's values, whatever the file around them looks like."""
    values = ParquetColumns([path], [name])[name]
    digest = hashlib.sha256(f"{values.dtype.str} {len(values)}\n".encode())
    for start in range(0, len(values), BLOCK_ROWS):
        block = values[start : start + BLOCK_ROWS]
        if block.dtype == object:
            digest.update(json.dumps(block.tolist()).encode())
        else:
            plain = np.where(np.isnan(block), np.nan, block) if block.dtype.kind == "f" else block
            digest.update(np.ascontiguousarray(plain).tobytes())
    return digest.hexdigest()


def measure_code() -> str:
    """Give the hash of what computes features: the package's own code, and the versions of NumPy and Python."""
    folder = Path(str(toolkit.features.__file__)).parent
    digest = hashlib.sha256(f"{np.__version__} {platform.python_version()}\n".encode())
    for file in sorted(folder.glob("*.py")):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _read_state(file: Path) -> dict[str, Any] | None:
    """Read what a function learnt; None if it is nothing that a function learns."""
    try:
        state = json.loads((pq.read_schema(file).metadata or {})[STATE])
    except (KeyError, ValueError):
        return None
    return state if isinstance(state, dict) else None


class _Reader:
    """Gives rows one after the other, as many as are asked for, however they come."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self._left: np.ndarray = np.empty((0, 0))

    def take(self, count: int) -> np.ndarray:
        parts, lacking = [], count
        while lacking:
            if not len(self._left):
                self._left = next(self._blocks, self._left)
            if not len(self._left):
                raise FeatureError(
                    "The values that are kept in data/prepared/values must be of every row of their table, and some "
                    "rows have none. Run './run dvc repro -f prepare' to make both anew."
                )
            parts.append(self._left[:lacking])
            lacking -= len(parts[-1])
            self._left = self._left[len(parts[-1]) :]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _compute(features: Features, path: Path) -> Iterator[np.ndarray]:
    return iterate_matrix(features, path, {})


def _read(file: Path) -> Iterator[np.ndarray]:
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(BLOCK_ROWS):
            yield np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])


def _write(
    file: Path, names: Sequence[str], blocks: Iterator[np.ndarray], rows: int, state: Mapping[str, Any]
) -> None:
    metadata = {STATE: json.dumps(state, sort_keys=True).encode()}
    reader = _Reader(blocks)
    schema = pa.schema([(name, pa.float64()) for name in names], metadata)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, rows, BLOCK_ROWS):  # the same bytes, however the rows come
            block = reader.take(min(BLOCK_ROWS, rows - start))
            writer.write_table(pa.table([pa.array(column) for column in block.T], schema=schema))


def _clean(name: str) -> str:
    return re.sub(r"[^\w ]", "_", name)
