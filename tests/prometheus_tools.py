"""Prometheus' own tools for tests: found, or the test is skipped (or fails, where CI requires all)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}


def find_tool(name: str) -> str:
    """Give the path of a tool; without it, skip the test and say what to install."""
    tool = shutil.which(name)
    if tool is None:
        message = f"{name} is missing. On Debian and Ubuntu: apt install {PACKAGES[name]}"
        pytest.fail(message) if os.environ.get("TOOLKIT_REQUIRE_ALL") == "1" else pytest.skip(message)
    return tool


def call(name: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; at most a minute."""
    command = [find_tool(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
