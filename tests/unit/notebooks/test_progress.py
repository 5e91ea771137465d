"""A log gets a line for each finished cell and no control characters."""

from __future__ import annotations

import io
import re

import pytest

from toolkit.notebooks.progress import Progress, name_cells


def cell(kind: str, source: str) -> dict:
    return {"cell_type": kind, "source": source}


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([cell("markdown", "# Title\n\ntext"), cell("code", "a = 1")], ["Title", "Title"]),
        ([cell("markdown", "# A\n## B"), cell("code", "x"), cell("code", "y")], ["B", "B", "y"]),
        ([cell("code", "# why\n\nfit(\n  1)")], ["fit("]),
        ([cell("code", "from a import b\n\nb()")], ["b()"]),
        ([cell("code", "import a\nfrom b import c")], ["import a"]),
        ([cell("code", "")], [""]),
        ([cell("markdown", "text only"), cell("code", "z")], ["", "z"]),
    ],
)
def test_cell_is_named_by_the_heading_before_it_or_its_first_line(cells: list, names: list) -> None:
    assert name_cells(cells) == names


def test_log_gets_whole_lines() -> None:
    log = io.StringIO()
    progress = Progress("train", 2, log)
    progress.begin(1, "Fit")
    assert log.getvalue() == ""
    progress.end()
    progress.close()
    progress.close("train: done")
    assert re.fullmatch(r"train 1/2 Fit \d+\.\d s\ntrain: done\n", log.getvalue())


def test_run_goes_on_when_nobody_reads() -> None:
    log = io.StringIO()
    progress = Progress("train", 1, log)
    log.close()
    progress.begin(1, "Fit")
    progress.end()


def test_long_cell_tells_a_log_how_far_it_is_but_not_at_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("toolkit.notebooks.progress.time.monotonic", lambda: now[0])
    log = io.StringIO()
    progress = Progress("sweep", 3, log)
    progress.begin(2, "The trials")
    for second in range(25):
        now[0] = 100.0 + second
        progress.note(f"{second} of 25 trials decided\n\x1b[K")
    progress.end()
    assert log.getvalue().splitlines() == [
        "sweep 2/3 The trials (10 of 25 trials decided) 10.0 s",
        "sweep 2/3 The trials (20 of 25 trials decided) 20.0 s",
        "sweep 2/3 The trials 24.0 s",
    ]
