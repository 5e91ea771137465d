"""Put a stage's earlier outputs back after a run that failed: DVC removes them before it starts one.

They come from DVC's local cache, by the hashes in dvc.lock, without DVC: importing it costs a second.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from toolkit.dvc_cache import cache_entry, find_cache
from toolkit.pipeline import load_lock


def restore_outs(root: Path, stage: str) -> list[str]:
    """Restore what dvc.lock lists for a stage and is not there; give the paths that could not be restored.

    What the cache has never had is passed over: it was made on another machine, and not here before this run.
    """
    outs = load_lock(root).get(stage, {}).get("outs", [])
    gone = [out for out in outs if not (root / out["path"]).exists()]
    if not gone:
        return []
    cache = find_cache(root)
    known = [out for out in gone if cache_entry(cache, str(out.get("md5", ""))).is_file()]
    return [out["path"] for out in known if not _restore(root, cache, out)]


def _restore(root: Path, cache: Path, out: dict[str, Any]) -> bool:
    """Restore one output whole, or not at all."""
    place, md5 = root / out["path"], str(out.get("md5", ""))
    aside = place.with_name(f".{place.name}.{os.getpid()}.restored")
    try:
        source = cache_entry(cache, md5)
        place.parent.mkdir(parents=True, exist_ok=True)
        if md5.endswith(".dir"):
            for entry in json.loads(source.read_text(encoding="utf-8")):
                target = aside / entry["relpath"]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(cache_entry(cache, entry["md5"]), target)
        else:
            shutil.copyfile(source, aside)
        aside.rename(place)
    except (OSError, ValueError, KeyError):
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        aside.unlink(missing_ok=True)
        return False
    return True
