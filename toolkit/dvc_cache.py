"""DVC's local cache of files by MD5, read without DVC: importing it costs a second."""

from __future__ import annotations

import configparser
import os
from pathlib import Path


def find_cache(root: Path) -> Path:
    """Find DVC's local cache of files by MD5, honouring ``cache.dir`` in the project's and the user's settings."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    user = Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or home / "dvc")
    for file in (root / ".dvc/config.local", root / ".dvc/config", user / "config"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error):
            continue
        named = parser.get("cache", "dir", fallback="")
        if named:
            return (file.parent / Path(named.strip("'\"")).expanduser()) / "files/md5"
    return root / ".dvc/cache/files/md5"


def cache_entry(cache: Path, md5: str) -> Path:
    """Name the file of the cache that holds what has a hash; a folder's (``….dir``) is the list of its files."""
    return cache / md5[:2] / md5[2:]
