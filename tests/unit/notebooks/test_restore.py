"""Earlier outputs come back whole from DVC's cache, or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from toolkit.notebooks.restore import restore_outs


def put(cache: Path, content: bytes, suffix: str = "") -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
    place = cache / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return md5


@pytest.fixture
def project(tmp_path: Path) -> Path:
    cache = tmp_path / ".dvc/cache/files/md5"
    inner = [{"md5": put(cache, name.encode()), "relpath": name} for name in ("a", "deep/b c")]
    outs = [
        {"path": "data/x", "hash": "md5", "md5": put(cache, json.dumps(inner).encode(), ".dir")},
        {"path": "reports/y.json", "hash": "md5", "md5": put(cache, b"y")},
    ]
    (tmp_path / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"train": {"outs": outs}}}))
    return tmp_path


def test_files_and_folders_come_back(project: Path) -> None:
    assert restore_outs(project, "train") == []
    assert (project / "data/x/a").read_text() == "a" and (
        project / "data/x/deep/b c"
    ).read_text() == "deep/b c"
    assert (project / "reports/y.json").read_bytes() == b"y"
    assert sorted(path.name for path in (project / "data").iterdir()) == ["x"]


def test_what_is_there_stays(project: Path) -> None:
    (project / "data/x").mkdir(parents=True)
    (project / "reports").mkdir()
    (project / "reports/y.json").write_text("newer")
    assert restore_outs(project, "train") == []
    assert list((project / "data/x").iterdir()) == [] and (project / "reports/y.json").read_text() == "newer"


def test_what_the_cache_lacks_is_told_and_not_half_restored(project: Path) -> None:
    lost = hashlib.md5(b"deep/b c", usedforsecurity=False).hexdigest()
    (project / f".dvc/cache/files/md5/{lost[:2]}/{lost[2:]}").unlink()
    assert restore_outs(project, "train") == ["data/x"]
    assert list((project / "data").iterdir()) == [] and (project / "reports/y.json").exists()


def test_what_the_cache_never_had_is_no_loss(project: Path) -> None:
    shutil.rmtree(project / ".dvc/cache")
    assert restore_outs(project, "train") == [] and not (project / "data").exists()


def test_nothing_is_restored_before_the_first_run(tmp_path: Path) -> None:
    assert restore_outs(tmp_path, "train") == []
