"""The number of workers: as asked for, or what the machine and its container allow."""

import os

import pytest

from toolkit.errors import ModelError
from toolkit.serving.workers import count_processors, parse_workers, read_workers


def test_one_unless_asked_for_more():
    assert read_workers({}) == 1
    assert read_workers({"TOOLKIT_WORKERS": "4"}) == 4
    assert 1 <= read_workers({"TOOLKIT_WORKERS": "auto"}) <= 64
    assert parse_workers("auto", "here", count=lambda: 3) == 3
    assert parse_workers("auto", "here", count=lambda: 300) == 64


@pytest.mark.parametrize("given", ["0", "-1", "x", "", "1.5", "65", "9" * 30, "\u0664"])
def test_anything_else_is_refused(given):
    with pytest.raises(ModelError, match=r"must be a whole number from 1 to 64, or auto\. Got"):
        read_workers({"TOOLKIT_WORKERS": given})
    with pytest.raises(ModelError, match="--workers must be a whole number"):
        parse_workers(given, "--workers")


@pytest.mark.parametrize(
    ("files", "allowed"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, 99),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 99),
        ({"cpu.max": "damaged"}, 99),
        ({}, 99),
    ],
)
def test_a_containers_limit_counts(tmp_path, monkeypatch, files, allowed):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(99)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert count_processors(tmp_path) == allowed
