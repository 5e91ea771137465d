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
