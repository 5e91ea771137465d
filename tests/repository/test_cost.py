"""Importing the package and asking for help stay cheap: heavy libraries load only in the command that needs them."""

import json
import resource
import subprocess
import sys

HEAVY = {
    "bentoml",
    "dvc",
    "ipywidgets",
    "jupyter_client",
    "lightgbm",
    "matplotlib",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "pydantic",
    "ray",
    "ruamel",
    "sklearn",
}


def cpu_seconds(*command: str) -> float:
    """CPU of the cheapest of five runs: noise only ever adds."""
    costs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(costs)


def test_import_costs_less_than_300_ms_of_cpu() -> None:
    assert cpu_seconds(sys.executable, "-c", "import toolkit") < 0.3


def test_help_costs_less_than_300_ms_of_cpu() -> None:
    assert cpu_seconds(sys.executable, "-m", "toolkit", "--help") < 0.3


def test_help_loads_no_heavy_library() -> None:
    script = """
import json, sys
import toolkit.cli
try:
    toolkit.cli.main(["--help"])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    loaded = {name.split(".")[0] for name in json.loads(output.splitlines()[-1])}
    assert loaded & HEAVY == set()
