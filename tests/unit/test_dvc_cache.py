"""DVC's cache is found as DVC finds it."""

from pathlib import Path

import pytest

from toolkit.dvc_cache import cache_entry, find_cache


def test_cache_is_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "user"))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "user").mkdir()
    assert find_cache(tmp_path) == tmp_path / ".dvc/cache/files/md5"
    (tmp_path / "user/config").write_text("[cache]\ndir = /of/the/user\n")
    assert find_cache(tmp_path) == Path("/of/the/user/files/md5")
    (tmp_path / ".dvc/config").write_text(
        "['remote \"x\"']\nurl = %s\n[cache]\n    dir = ../near\n    type = copy\n"
    )
    assert find_cache(tmp_path) == tmp_path / ".dvc/../near/files/md5"
    (tmp_path / ".dvc/config.local").write_text("[cache]\ndir = '/local one'\n")
    assert find_cache(tmp_path) == Path("/local one/files/md5")


def test_an_entry_is_named_by_its_hash() -> None:
    assert cache_entry(Path("/cache"), "abcdef.dir") == Path("/cache/ab/cdef.dir")
