"""A file that has not been written to is not read again; one that may have been is."""

import os
from pathlib import Path

import pytest

from toolkit import known_hashes
from toolkit.artifacts import measure_hash, measure_md5
from toolkit.known_hashes import KnownHashes


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def note(path: Path) -> str:
        names.append(path.name)
        return measure_md5(path)

    monkeypatch.setattr(known_hashes, "measure_md5", note)
    return names


def write(path: Path, text: str, age_s: int = 60) -> None:
    path.write_text(text)
    time = path.stat().st_mtime - age_s
    os.utime(path, (time, time))


def test_only_what_is_new_is_read(tmp_path: Path, read: list[str]) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in "ab":
        write(folder / name, name)
    expected = measure_hash(folder)
    for _ in range(2):
        known = KnownHashes(tmp_path / "known.json")
        assert measure_hash(folder, known.measure_md5) == expected
        known.save()
    assert sorted(read) == ["a", "b"]
    write(folder / "c", "c")
    write(folder / "a", "other", age_s=30)
    known = KnownHashes(tmp_path / "known.json")
    assert measure_hash(folder, known.measure_md5) == measure_hash(folder)
    assert sorted(read[2:]) == ["a", "c"]


def test_a_file_written_just_now_is_not_trusted(tmp_path: Path, read: list[str]) -> None:
    write(tmp_path / "a", "one", age_s=0)
    known = KnownHashes(tmp_path / "known.json")
    first = known.measure_md5(tmp_path / "a")
    state = (tmp_path / "a").stat()
    (tmp_path / "a").write_text("two")
    os.utime(tmp_path / "a", ns=(state.st_atime_ns, state.st_mtime_ns))  # as a coarse clock would have it
    assert known.measure_md5(tmp_path / "a") != first


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"a": 5}'])
def test_a_damaged_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    write(tmp_path / "a", "one")
    (tmp_path / "known.json").write_text(content.replace('"a"', f'"{tmp_path}/a"'))
    known = KnownHashes(tmp_path / "known.json")
    assert known.measure_md5(tmp_path / "a") == measure_md5(tmp_path / "a")
    known.save()
