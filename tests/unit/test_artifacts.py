"""A file is the old one or the new one, whatever happens to its writer."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.artifacts import atomic, load_json, measure_hash, measure_sha256, write_json, write_text
from toolkit.errors import StageError

WRITER = """
import sys
from pathlib import Path
from toolkit.artifacts import write_json
number = 0
print("ready", flush=True)
while True:
    number += 1
    write_json(Path(sys.argv[1]), {"number": number, "filling": ["x" * 50] * 20_000})
"""


def test_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"number": 0})
    seen = set()
    for delay in (0.05, 0.1, 0.15, 0.2):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        seen.add(load_json(path)["number"])
    assert seen != {0}


def test_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep/file.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="no"), atomic(path) as temporary:
        temporary.write_text("half")
        raise ValueError("no")
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_text_is_written_as_given(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\r\nb\n")
    assert (tmp_path / "a").read_bytes() == "é\r\nb\n".encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_json_comes_back_and_does_not_depend_on_the_order_of_keys(value: object) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "value.json"
        write_json(path, value)
        assert load_json(path) == value
        first = path.read_bytes()
        write_json(path, _reversed(value))
        assert path.read_bytes() == first


def _reversed(value: object) -> object:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(list(value))}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def test_json_without_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_missing_and_damaged_json_are_told(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"a\.json must exist and does not"):
        load_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"a": ')
    with pytest.raises(StageError, match=r"b\.json must be JSON"):
        load_json(tmp_path / "b.json")


def test_hashes_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "f/deep").mkdir(parents=True)
    (tmp_path / "f/a").write_bytes(b"")
    (tmp_path / "f/deep/b").write_bytes(b"x")
    assert measure_hash(tmp_path / "f/a") == "md5:d41d8cd98f00b204e9800998ecf8427e"  # RFC 1321's for nothing
    listing = [
        {"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "a"},
        {"md5": "9dd4e461268c8034f5c8564e155c67a6", "relpath": "deep/b"},
    ]
    folder = hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest()
    assert measure_hash(tmp_path / "f") == f"md5:{folder}.dir"
    assert measure_sha256(tmp_path / "f/a").startswith("e3b0c44298fc1c149afbf4c8996fb924")
