"""What differs between two runs by chance is the same afterwards."""

from __future__ import annotations

from pathlib import Path

import nbformat
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toolkit.notebooks.normalise import normalise_notebook, normalise_outputs

ROOT = Path("/home/someone/project")


def stream(name: str, text: str):
    return new_output("stream", name=name, text=text)


def cleaned(*outputs) -> list:
    cell = new_code_cell("x", outputs=list(outputs))
    normalise_outputs(cell, ROOT)
    return cell.outputs


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=5)), max_size=12))
def test_pieces_of_streams_become_one_each_with_output_first(pieces: list) -> None:
    outputs = cleaned(*(stream(name, text) for name, text in pieces))
    expected = {
        name: "".join(text for other, text in pieces if other == name)
        for name in ("stdout", "stderr")
        if name in dict(pieces)
    }
    assert [(output.name, output.text) for output in outputs] == list(expected.items())


def test_streams_stay_on_their_side_of_a_display() -> None:
    shown = new_output("display_data", data={"text/plain": "<Axes object at 0x7f12ab34cd56>"})
    outputs = cleaned(stream("stderr", "a"), stream("stdout", "b"), shown, stream("stdout", "c"))
    assert [output.get("text") for output in outputs] == ["b", "a", None, "c"]
    assert outputs[2].data["text/plain"] == "<Axes object at 0x0>"


def test_paths_of_this_machine_become_relative() -> None:
    outputs = cleaned(
        stream("stderr", f"{ROOT}/toolkit/x.py:3: UserWarning: careful\n"),
        new_output("error", ename="E", evalue="v", traceback=[f"File {ROOT}/toolkit/x.py:3"]),
    )
    assert outputs[0].text == "toolkit/x.py:3: UserWarning: careful\n"
    assert outputs[1].traceback == ["File toolkit/x.py:3"]


def test_times_versions_and_papermills_marks_go_and_the_rest_stays() -> None:
    injected = new_code_cell(
        "a = 1", metadata={"tags": ["injected-parameters"], "papermill": {"duration": 1}}
    )
    injected.execution_count = 2
    mark = new_markdown_cell("An Exception", metadata={"tags": ["papermill-error-cell-tag"]})
    kept = new_code_cell(
        "b", id="kept", metadata={"tags": [], "execution": {"iopub.status.busy": "t"}, "own": 1}
    )
    notebook = new_notebook(
        cells=[mark, injected, kept],
        metadata={"papermill": {"start_time": "t"}, "language_info": {"name": "python", "version": "3.11.7"}},
    )
    normalise_notebook(notebook)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["injected-parameters", "kept"]
    assert notebook.cells[0].execution_count is None
    assert notebook.cells[1].metadata == {"own": 1}
    assert "papermill" not in notebook.metadata and "version" not in notebook.metadata.language_info


def test_widgets_are_numbered_in_the_order_they_were_made() -> None:
    kind = "application/vnd.jupyter.widget-view+json"
    first, second = "f" * 32, "0123456789abcdef" * 2

    def executed(parent: str, child: str):
        shown = new_output("display_data", data={kind: {"model_id": parent}})
        state = {child: {"state": {}}, parent: {"state": {"children": [f"IPY_MODEL_{child}"]}}}
        bundle = {"application/vnd.jupyter.widget-state+json": {"state": state, "version_major": 2}}
        notebook = new_notebook(
            cells=[new_code_cell("x", id="x", outputs=[shown])], metadata={"widgets": bundle}
        )
        normalise_notebook(notebook)
        return notebook

    one, other = executed(first, second), executed(second, first)
    assert one == other
    number = one.cells[0].outputs[0].data[kind]["model_id"]
    state = one.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert state[number]["state"]["children"] == [f"IPY_MODEL_{1:032x}"] and number == f"{2:032x}"
