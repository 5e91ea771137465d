"""The files of a packaged model, their hashes, and the version over these: what is served is what was packaged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.artifacts import format_json, load_json, measure_sha256
from toolkit.errors import ModelError

MODEL_FILES = (
    "model.txt",
    "signature.json",
    "features.json",
    "definitions.py",
    "profile.json",
    "contract.json",
    "settings.json",
)  # what it computes
FILES = (*MODEL_FILES, "gates.json", "performance.json", "lineage.json")  # and what is known of it


def check_manifest(folder: Path, files: Sequence[str] = FILES) -> dict[str, Any]:
    """Check that each file in the folder is the one that was packaged; return the manifest.

    The manifest must name ``files``, and each file that it names must be there.

    Raises
    ------
    ModelError
        A file is missing, is not in the manifest, or has another SHA-256.
    """
    if not (folder / "manifest.json").is_file():
        raise ModelError(
            f"{folder} must hold a packaged model and has no manifest.json. Run './run dvc repro package' to make it."
        )
    manifest = load_json(folder / "manifest.json")
    named = manifest.get("files") if isinstance(manifest, dict) and manifest.get("schema") == 1 else None
    if not isinstance(named, dict):
        raise ModelError(f"{folder}/manifest.json must have schema 1 and 'files'. Package the model anew.")
    faults = [f"{name} is not in manifest.json" for name in files if name not in named]
    for name, digest in named.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            faults.append(f"{name[:80]} is missing")
        elif measure_sha256(path) != digest:
            faults.append(f"{name} is not the file that was packaged (its SHA-256 differs)")
    if faults:
        raise ModelError(f"{folder} must be what was packaged: {'; '.join(faults)}. Package the model anew.")
    return manifest


def measure_version(code: str, files: Mapping[str, str]) -> str:
    """Compute the version of a package: twelve hex digits over what it computes.

    Parameters
    ----------
    code : str
        Hash over the code that serves it.
    files : mapping
        SHA-256 by name; those of ``MODEL_FILES`` count. The gate report and the lineage do not: what is learnt of a
        model, for example that it is no worse than the released one, makes no other model of it.
    """
    lines = [f"{code}  code\n", *(f"{files[name]}  {name}\n" for name in sorted(MODEL_FILES))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def check_tag(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Check that the version in tag.txt is the one over the files: an answer names the model that gave it.

    Raises
    ------
    ModelError
        It is another, or the manifest lacks the hash over the code.
    """
    code = manifest.get("code")
    version = measure_version(code, manifest["files"]) if isinstance(code, str) else None
    try:
        tag = (folder / "tag.txt").read_bytes().decode()
        told = (folder / "manifest.json").read_bytes().decode()
    except (OSError, ValueError):
        tag = told = ""
    settings = load_json(folder / "settings.json")
    name = settings.get("name") if isinstance(settings, dict) else None
    if tag != f"{name}:{version}\n":
        raise ModelError(
            f"{folder}/tag.txt must hold the name and the version of what was packaged, {name}:{version}. "
            f"Got '{tag[:80].rstrip()}'. Package the model anew."
        )
    if told != format_json(manifest):  # no hash is of the manifest itself, so it must be as it was written
        raise ModelError(f"{folder}/manifest.json is not as it was written. Package the model anew.")
