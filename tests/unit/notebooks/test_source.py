"""A notebook that cannot be a stage is refused before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.errors import NotebookFailed, ParamsError
from toolkit.notebooks.source import check_kernel, check_parameters, load_source, parse_source


def text(*cells: dict, **changes: object) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 4, **changes})


def code(source: str | list[str], *tags: str) -> dict:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": []}


PARAMETERS = code(["a = 1  # one\n", "b: int = 2\n", "'text'"], "parameters")


def test_names_ids_and_version_are_completed() -> None:
    source = parse_source(text(code(""), PARAMETERS), "n.ipynb")
    assert source.parameters == ("a", "b")
    assert [cell["id"] for cell in source.content["cells"]] == ["cell-1", "cell-2"]
    assert source.content["nbformat_minor"] == 5
    assert source.content["cells"][1]["source"] == "a = 1  # one\nb: int = 2\n'text'"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "n.ipynb must be a notebook"),
        ("[]", "n.ipynb must be a notebook"),
        ('{"cells": [1], "nbformat": 4}', "n.ipynb must be a notebook"),
        (text(PARAMETERS, nbformat=3), "n.ipynb must have format 4. Got 3 instead."),
        (
            text(code("a = 1")),
            "must have one code cell with the tag 'parameters', the defaults of its section; none",
        ),
        (text(PARAMETERS, code(""), PARAMETERS), "; cells 1, 3 have it."),
        (text(code("a =", "parameters")), "the parameters cell must be plain assignments. Line 1:"),
    ],
)
def test_unusable_notebook_is_refused(content: str, message: str) -> None:
    with pytest.raises(NotebookFailed) as caught:
        parse_source(content, "n.ipynb")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "python3"}},
        {"kernelspec": {"name": "my-env", "language": "Python"}},
        {"kernelspec": {"name": "conda-env-x"}, "language_info": {"name": "python"}},
    ],
)
def test_any_python_kernel_will_do(metadata: dict) -> None:
    check_kernel(metadata, "n.ipynb")


def test_other_kernel_is_named() -> None:
    with pytest.raises(NotebookFailed, match=r"Got kernel 'julia-1\.10' \(julia\) instead"):
        check_kernel({"kernelspec": {"name": "julia-1.10", "language": "julia"}}, "n.ipynb")
    with pytest.raises(NotebookFailed, match=r"Got kernel 'mystery' instead"):
        check_kernel({"kernelspec": {"name": "mystery"}}, "n.ipynb")


def test_unknown_values_are_all_told_with_the_nearest_name() -> None:
    source = parse_source(text(code("learning_rate = 1\nseed = 2", "parameters")), "n.ipynb")
    check_parameters(source, ["seed"])
    with pytest.raises(ParamsError) as caught:
        check_parameters(source, ["seed", "learning_rat", "zzz"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and "Did you mean 'learning_rate'?" in lines[0] and "'zzz'" in lines[1]


def test_missing_notebook_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/train.ipynb").write_text(text(PARAMETERS))
    assert load_source(tmp_path, "train").path == "notebooks/train.ipynb"
    with pytest.raises(NotebookFailed, match=r"notebooks/trian\.ipynb must exist .* Did you mean 'train'\?"):
        load_source(tmp_path, "trian")
