"""What was made of each part of a source, kept so that appended parts alone are read."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from toolkit.data.sources.source import Part


class PartCache:
    """A folder of files for each part, made once and found again as long as part and recipe are the same.

    At its end, what this run did not ask for is removed, so that the cache is never larger than the last run's source.

    Parameters
    ----------
    folder : Path
        Where the cache is, such as ``.toolkit/cache/parts`` in the project.
    recipe : object
        All that decides what is made of a part besides its content, as JSON: types of the contract, options of the
        reader. The code in ``modules`` and Arrow's version count too.
    """

    def __init__(self, folder: Path, recipe: Any, modules: Sequence[ModuleType] = ()) -> None:
        self.folder, self.made = folder, 0
        code = [Path(inspect.getfile(module)).read_text(encoding="utf-8") for module in modules]
        self._recipe = json.dumps([recipe, code, pa.__version__], sort_keys=True)
        self._used: set[str] = set()

    def get(self, part: Part, make: Callable[[Part, Path], None]) -> Path:
        """Give the folder of what was made of a part; ``make`` writes into an empty one if it is not there yet.

        A part's columns count as well, since they are those of the whole source.
        """
        columns = part.source.columns.to_string()
        name = hashlib.sha256(json.dumps([part.hash, columns, self._recipe]).encode()).hexdigest()[:32]
        place = self.folder / name
        self._used.add(name)
        if not place.is_dir():
            staged = self.folder / f".{name}.{os.getpid()}"
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
            try:
                make(part, staged)
                staged.replace(place)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            self.made += 1
        return place

    def close(self, keep_unused: bool = False) -> None:
        """Remove what was not asked for; ``keep_unused`` after a run that failed."""
        if keep_unused or not self.folder.is_dir():
            return
        for entry in self.folder.iterdir():
            if entry.name not in self._used:
                shutil.rmtree(entry, ignore_errors=True)
