"""The locks, environment.yml and pyproject.toml say the same, and name no index."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-serve.lock")


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.M):
        found.setdefault(name, set()).add(version)
    return found


def names(requirements: list[str]) -> set[str]:
    return {
        re.split(r"[\[<>=~ ;]", entry)[0].lower().replace("_", "-").replace(".", "-")
        for entry in requirements
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_line_names_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"(?m)^(?=[a-z])", text)[1:]
    assert len(blocks) > 50
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"\w+://\S+|--(?:index|extra-index|find-links)\S*", text) == []


def test_locks_hold_all_that_pyproject_asks_for() -> None:
    base = names(PROJECT["project"]["dependencies"])
    pipeline = names(PROJECT["project"]["optional-dependencies"]["pipeline"])
    dev = names(PROJECT["dependency-groups"]["dev"])
    assert (base | pipeline | dev) - {name.replace(".", "-") for name in pins("requirements.lock")} == set()
    assert base - set(pins("requirements-serve.lock")) == set()


def test_service_runs_on_the_versions_the_model_was_tested_with() -> None:
    full = pins("requirements.lock")
    assert {
        name: versions
        for name, versions in pins("requirements-serve.lock").items()
        if full.get(name) != versions
    } == {}


def test_service_lock_holds_nothing_of_the_pipeline() -> None:
    heavy = {
        "jupyterlab",
        "papermill",
        "dvc",
        "ray",
        "label-studio-sdk",
        "pandas",
        "matplotlib",
        "scikit-learn",
    }
    assert heavy & set(pins("requirements-serve.lock")) == set()
    assert heavy - set(pins("requirements.lock")) == set()


def test_conda_environment_installs_the_lock_on_the_same_pythons() -> None:
    environment = YAML(typ="safe").load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock"]}
    python = next(entry for entry in conda if entry.startswith("python "))
    bound = PROJECT["project"]["requires-python"]
    assert python.removeprefix("python ").split(",")[0] == bound.split(",")[0]
    upper = python.split(",")[1]
    assert upper.removeprefix("<") in PROJECT["tool"]["uv"]["environments"][0]
