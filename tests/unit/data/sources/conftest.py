"""Files to read, and how reading them ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from toolkit.data.sources import Source, open_source
from toolkit.errors import DataError
from toolkit.params import Collect

Save = Callable[..., Path]


class Project:
    """A folder to write files into and to open sources in."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def open(self, name: str, **params: Any) -> Source:
        return open_source(Collect(source=name, **params), self.root, self.root / name)

    def read(self, name: str, **params: Any) -> pa.Table:
        source = self.open(name, **params)
        return pa.Table.from_batches(list(source.batches()), schema=source.columns)

    def refuse(self, name: str, **params: Any) -> str:
        with pytest.raises(DataError) as caught:
            self.read(name, **params)
        return str(caught.value)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give an empty project."""
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    return Project(tmp_path)
