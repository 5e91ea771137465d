"""Each way to fail has its own short words."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toolkit.notebooks.failures import (
    Failure,
    describe,
    explain_error,
    explain_kernel_end,
    explain_timeout,
    mark_failed,
)
from toolkit.notebooks.kernel import NO_IPYKERNEL


def error(name: str, message: str, *traceback: str):
    return explain_error(new_output("error", ename=name, evalue=message, traceback=list(traceback)))


@pytest.mark.parametrize(
    ("failure", "headline", "hint"),
    [
        (error("KeyError", "'x'"), "KeyError: 'x'", ""),
        (error("AssertionError", ""), "AssertionError", ""),
        (error("GateFailed", "roc_auc must be at least 0.95."), "roc_auc must be at least 0.95.", ""),
        (
            error("ModuleNotFoundError", "No module named 'x'"),
            "ModuleNotFoundError: No module named 'x'",
            "./run lock",
        ),
        (error("ValueError", "\x1b[31mred\x1b[0m"), "ValueError: red", ""),
        (explain_kernel_end(-9, ""), "The kernel was killed (signal 9, SIGKILL)", "dmesg"),
        (
            explain_kernel_end(-11, "a\nb"),
            "The kernel crashed (signal 11, SIGSEGV). Its last words: b",
            "native",
        ),
        (explain_kernel_end(3, ""), "The kernel ended by itself (exit status 3).", "os._exit"),
        (explain_kernel_end(NO_IPYKERNEL, "no"), "The kernel needs the package ipykernel", "./run"),
        (explain_timeout(60), "The cell took longer than 60 s.", "runner.cell_timeout_s"),
    ],
)
def test_failure_is_told_in_its_own_words(failure: Failure, headline: str, hint: str) -> None:
    assert failure.headline.startswith(headline) and hint in failure.hint
    assert hint or not failure.hint


def test_line_comes_from_the_cell_and_only_for_an_error_of_the_language() -> None:
    assert error("ValueError", "x", "---", "Cell In[3], line 12\n").line == 12
    assert error("DataError", "x", "DataError: line 7 of table.csv").line is None


def test_message_names_notebook_cell_first_line_exception_hint_and_file() -> None:
    failure = Failure("ValueError", "bad", "Look there.", 2)
    assert describe(
        "notebooks/a.ipynb", 4, "\n  x = 1\ny = 2", failure, "reports/failed/a.ipynb"
    ).splitlines() == [
        "notebooks/a.ipynb failed in code cell 4, line 2: x = 1",
        "  ValueError: bad",
        "  Hint: Look there.",
        "  The notebook as far as it ran: reports/failed/a.ipynb",
    ]
    assert describe("notebooks/a.ipynb", None, "", Failure("", "No kernel."), "").splitlines() == [
        "notebooks/a.ipynb failed before its first cell. No kernel."
    ]


def test_failed_notebook_is_marked_at_its_top_and_at_the_place() -> None:
    notebook = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("1 / 0")])
    marked = mark_failed(notebook, 1, 1, Failure("ZeroDivisionError", "division\nby zero"))
    nbformat.validate(marked)
    assert len(notebook.cells) == 2
    assert [cell.id for cell in marked.cells if cell.id.startswith("failed")] == ["failed-top", "failed-here"]
    assert "(#failed-cell)" in marked.cells[0].source and "> by zero" in marked.cells[0].source
    assert 'id="failed-cell"' in marked.cells[2].source and marked.cells[3].source == "1 / 0"
    early = mark_failed(notebook, None, None, Failure("", "No kernel."))
    assert [cell.source for cell in early.cells[1:]] == ["# T", "1 / 0"]
