"""Make the packaged model the released one: the model that later ones are compared with."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json, measure_sha256, write_json
from toolkit.errors import GateFailed, PackageError
from toolkit.serving.manifest import MODEL_FILES, check_manifest

PACKAGE = "models/package"
RELEASED = "released"
KEPT = ("README.md",)  # what the folder holds besides the model


def release_package(root: Path) -> str:
    """Copy the packaged model to released, whole or not at all; return the tag of what is now released.

    What is copied is what the model computes, without its gate report and lineage: releasing the same model twice
    changes nothing, and so makes no stage run again.

    Raises
    ------
    PackageError
        Nothing has been packaged.
    ModelError
        A packaged file is missing or not the one that was packaged.
    GateFailed
        The model did not pass every gate.
    """
    package, released = root / PACKAGE, root / RELEASED
    if not (package / "manifest.json").is_file():
        raise PackageError(f"{PACKAGE} must hold a packaged model and does not. Run './run' to make one.")
    check_manifest(package)
    check_passed(load_json(package / "gates.json"))
    new = root / ".toolkit" / f"released-{secrets.token_hex(4)}"  # aside, on the same file system
    try:
        new.mkdir(parents=True)
        for name in (*MODEL_FILES, "tag.txt"):
            shutil.copyfile(package / name, new / name)
        files = {name: measure_sha256(new / name) for name in MODEL_FILES}
        write_json(new / "manifest.json", {"schema": 1, "files": files})
        for name in KEPT:
            if (released / name).is_file():
                shutil.copyfile(released / name, new / name)
        check_manifest(new, MODEL_FILES)
        _flush(new)
        _exchange(new, released)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    tag = released / "tag.txt"
    return tag.read_text(encoding="utf-8").strip() if tag.is_file() else "unversioned"


def check_passed(gates: dict[str, Any]) -> None:
    """Check that gates.json says that every gate was passed.

    Raises
    ------
    GateFailed
        One was not; the message has each that failed.
    """
    failed = [str(gate.get("message")) for gate in gates.get("gates", []) if gate.get("passed") is not True]
    if failed or gates.get("passed") is not True or not gates.get("gates"):
        reasons = (
            "\n".join(f"  {reason}" for reason in failed) or "  gates.json names no gate that was passed"
        )
        raise GateFailed(f"A model is released only if it passed every gate. Not passed:\n{reasons}")


def _flush(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exchange(new: Path, place: Path) -> None:
    """Put a folder in the place of another by two renames; what stood there is in ``new`` when this ends.

    Nothing stands there if somebody removed the folder, or after a kill between the renames.
    """
    if not place.exists():
        new.rename(place)
        return
    old = new.with_name(f"{new.name}-old")
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
    old.rename(new)
