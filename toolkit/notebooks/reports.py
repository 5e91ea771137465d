"""What a run leaves under reports/ and .toolkit/: the executed notebook, or the failed one beside, and its times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.artifacts import write_json, write_text


def write_notebook(path: Path, notebook: Any) -> None:
    """Write a notebook atomically, in the layout that JupyterLab gives it."""
    import nbformat

    write_text(path, nbformat.writes(notebook) + "\n")


def write_times(root: Path, stage: str, run: str, cells: list[tuple[str, float]], *, failed: bool) -> None:
    """Keep the time of each cell; never in the executed notebook, which must not differ between runs."""
    record = {
        "schema": 1,
        "stage": stage,
        "run": run,
        "failed": failed,
        "seconds": round(sum(seconds for _, seconds in cells), 3),
        "cells": [{"cell": name, "seconds": round(seconds, 3)} for name, seconds in cells],
    }
    write_json(root / f".toolkit/runs/{stage}.json", record)
