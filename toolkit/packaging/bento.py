"""Builds the Bento from the packaged model, without network, and puts it whole into the store or not at all."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json, write_json, write_text
from toolkit.errors import PackageError
from toolkit.packaging.version import BENTOFILE, LOCK, list_code, load_bentofile, measure_package_version
from toolkit.serving.manifest import check_manifest

BUILD_TIMEOUT_S = 300


def store_path(root: Path) -> Path:
    """Give BentoML's home: BENTOML_HOME, else .bentoml in the project, as ``./run`` sets it."""
    return Path(os.environ.get("BENTOML_HOME") or root / ".bentoml")


def bento_path(store: Path, tag: str) -> Path:
    """Give the folder of a Bento in a store."""
    name, _, version = tag.partition(":")
    return store / "bentos" / name / version


def load_tag(folder: Path) -> str:
    """Read the tag of a packaged model.

    Raises
    ------
    PackageError
        There is none.
    """
    path = folder / "tag.txt"
    if not path.is_file():
        raise PackageError(
            f"{path} must exist and does not. Run './run dvc repro package' to package the model."
        )
    return path.read_text(encoding="utf-8").strip()


def build_bento(root: Path, folder: Path, store: Path | None = None) -> Path:
    """Build the Bento of a packaged model, unless the store has it already; return its folder.

    The tag says what the model computes. A Bento in the store with the same tag but an older gate report or lineage
    is replaced by one that has today's.

    Parameters
    ----------
    root : Path
        The project, for the code, the lock and bentofile.yaml.
    folder : Path
        The packaged model.
    store : Path, optional
        BentoML's home; default: :func:`store_path`.

    Raises
    ------
    PackageError
        The code or the lock is no longer the one that the tag was made with, or the build failed.
    """
    store = store or store_path(root)
    tag = load_tag(folder)
    place = bento_path(store, tag)
    if _is_built(place, folder):
        return place
    check_manifest(folder)
    if measure_package_version(root, folder) != tag.partition(":")[2]:
        raise PackageError(
            f"{tag} was packaged with other serving code or another {LOCK} than are here now. "
            "Run './run dvc repro package' to package the model with what is here."
        )
    store.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="toolkit-build-") as context,  # BentoML refuses hidden folders
        tempfile.TemporaryDirectory(
            prefix=".build-", dir=store
        ) as home,  # same disk: the last step is a rename
    ):
        _copy_context(root, folder, Path(context), tag)
        _run_build(Path(context), Path(home), tag)
        built = bento_path(Path(home), tag)
        place.parent.mkdir(parents=True, exist_ok=True)
        built.chmod(0o755)
        if place.exists():
            place.rename(Path(home) / "replaced")
        try:
            built.rename(place)
        except OSError:
            if not _is_built(place, folder):  # else another build of the same was quicker
                raise
    write_text(place.parent / "latest", place.name)
    return place


def _is_built(place: Path, folder: Path) -> bool:
    """Whether a whole Bento is at ``place`` that holds just the packaged files of ``folder``."""
    held, packaged = place / "src" / "models" / "package" / "manifest.json", folder / "manifest.json"
    return (
        (place / "bento.yaml").is_file()
        and held.is_file()
        and packaged.is_file()
        and held.read_bytes() == packaged.read_bytes()
    )


def _copy_context(root: Path, folder: Path, context: Path, tag: str) -> None:
    """Copy what the Bento holds, and no more, so that nothing of the project is walked over or slips in."""
    for name in (LOCK, *list_code(root)):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, context / name)
    shutil.copytree(folder, context / "models" / "package")
    write_json(context / "build.json", describe_build(root))
    lineage = load_json(folder / "lineage.json")
    bentofile = load_bentofile(root)
    bentofile["name"] = tag.partition(":")[0]
    bentofile["labels"] = {**bentofile.get("labels", {}), **make_labels(lineage)}
    write_text(context / BENTOFILE, json.dumps(bentofile, indent=2))  # JSON is YAML too


def make_labels(lineage: dict[str, Any]) -> dict[str, str]:
    """Make the Bento's labels: the hashes of the source data, the annotations and the model's training."""
    stages = lineage.get("stages", {})
    labels = {}
    for stage in ("collect", "annotate"):
        record = stages.get(stage, {})
        source = record.get("params", {}).get("source")
        if source in record.get("inputs", {}):
            labels[f"{stage}-source"] = record["inputs"][source].replace(":", "-")
    for path, digest in stages.get("train", {}).get("outputs", {}).items():
        if path == "models/train":
            labels["model"] = digest.replace(":", "-")
    return labels


def describe_build(root: Path) -> dict[str, Any]:
    """Describe the present build: git commit and whether files were changed since, time, Python, platform."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {
        "schema": 1,
        "git_commit": commit,
        "git_dirty": bool(changed) if commit else None,
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _git(root: Path, *arguments: str) -> str | None:
    if not (root / ".git").exists():  # a tarball inside somebody's other repository is not of that repository
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _run_build(context: Path, home: Path, tag: str) -> None:
    name, _, version = tag.partition(":")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TOOLKIT_", "BENTOML_"))}
    own = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "bentoml",
        "build",
        str(context),
        "--version",
        version,
        "--output",
        "tag",
    ]
    try:
        done = subprocess.run(
            command,
            env={**kept, **own},
            cwd=context,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"Building {tag} must end within {BUILD_TIMEOUT_S} s and did not.") from None
    if done.returncode or not (bento_path(home, tag) / "bento.yaml").is_file():
        reason = (done.stderr or done.stdout).strip()[-3000:]
        raise PackageError(f"BentoML could not build {name}. Its message:\n{reason}")
