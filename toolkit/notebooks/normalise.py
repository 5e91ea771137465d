"""An executed notebook that is the same, byte for byte, whenever and wherever it was executed."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from typing import Any

INJECTED = "injected-parameters"  # papermill's tag of the cell with the run's values
_ERROR_MARK = "papermill-error-cell-tag"  # cells that papermill adds to a failed notebook; ours say more
_ADDRESS = re.compile(r"\b(at|object at) 0x[0-9a-f]{6,16}\b")
_METADATA = {  # as JupyterLab writes it, without the interpreter's version
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


def normalise_outputs(cell: Any, root: Path) -> None:
    """Join a code cell's streams, which arrive in pieces by chance, and drop what names this machine or process.

    Between two displays the order of standard output and error is chance too: output comes first.
    """
    outputs: list[Any] = []
    segment: dict[str, Any] = {}
    for output in cell.outputs:
        if output.output_type != "stream":
            segment = {}
            outputs.append(output)
        elif output.name in segment:
            segment[output.name].text += output.text
        else:
            other = segment.get("stderr") if output.name == "stdout" else None
            outputs.insert(outputs.index(other) if other is not None else len(outputs), output)
            segment[output.name] = output
    for output in outputs:
        if output.output_type == "stream":
            output.text = _neutral(output.text, root)
        elif output.output_type == "error":
            output.traceback = [_neutral(line, root) for line in output.traceback]
        elif "text/plain" in output.get("data", {}):
            output.data["text/plain"] = _ADDRESS.sub(r"\1 0x0", output.data["text/plain"])
    cell.outputs = outputs


def normalise_notebook(notebook: Any) -> None:
    """Drop times, versions and papermill's marks from an executed notebook, and give the injected cell its id."""
    widgets = {"widgets": notebook.metadata["widgets"]} if "widgets" in notebook.metadata else {}
    notebook.metadata.clear()
    notebook.metadata.update({**_METADATA, **widgets})
    _number_widgets(notebook)
    notebook.cells = [cell for cell in notebook.cells if _ERROR_MARK not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if INJECTED in cell.metadata.get("tags", []):
            cell.id = INJECTED
            cell.execution_count = None


def _number_widgets(notebook: Any) -> None:
    """Give widgets, whose ids are drawn at random, ids in the order in which they were made."""
    widgets = notebook.metadata.get("widgets", {})
    ids = [model for part in widgets.values() for model in part.get("state", {})]
    if not ids:
        return
    numbers = {model: f"{number:032x}" for number, model in enumerate(ids, 1)}
    pattern = re.compile("|".join(map(re.escape, ids)))

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda found: numbers[found[0]], value)
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, dict):
            return type(value)({renamed(key): renamed(item) for key, item in value.items()})
        return value

    notebook.metadata.widgets = renamed(widgets)
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [renamed(output) for output in cell.outputs]


def _neutral(text: str, root: Path) -> str:
    text = text.replace(f"{root}/", "").replace(f"{sysconfig.get_paths()['purelib']}/", "")
    return _ADDRESS.sub(r"\1 0x0", text)
