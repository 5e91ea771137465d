"""What the definitions file holds, and where a notebook's %%feature cells differ from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from toolkit.data.definition_text import compare_cell
from toolkit.errors import FeatureError
from toolkit.features.definition import Definition
from toolkit.features.definitions import parse_definitions
from toolkit.paths import project_root, tell_path
from toolkit.widgets.feature_cell import Place, find_place, load_ipython_extension, parse_line
from toolkit.widgets.page import Page, Part, box, diff_box

MAGIC = "%%feature"


def open_features(notebook: str | Path = "") -> Page:
    """Make %%feature known, list the definitions of the file, and warn of cells that differ from it.

    Parameters
    ----------
    notebook : str or Path
        The notebook whose cells to compare, as it was last saved; default: the one that runs this, if that is known.
    """
    root = project_root()
    shell = _find_shell()
    if shell is not None:
        load_ipython_extension(shell)
    path = Path(notebook) if notebook else find_notebook()
    warnings = warn_of_cells(root, path) if path else []
    return Page([*warnings, *_list_file(find_place(root))])


def find_notebook() -> Path | None:
    """Find the file of the notebook that runs this, as Jupyter tells its kernel."""
    named = os.environ.get("JPY_SESSION_NAME", "")
    path = Path(named)
    return path if named.endswith(".ipynb") and path.is_file() else None


def warn_of_cells(root: Path, notebook: Path) -> list[str]:
    """Give a warning for each definition in a notebook's %%feature cells that its file has otherwise."""
    import nbformat

    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError) as error:
        raise FeatureError(f"{tell_path(notebook)} must be a notebook. {error}") from None
    warnings = []
    for cell in cells:
        head, _, body = cell.source.partition("\n")
        if cell.cell_type != "code" or not head.startswith(MAGIC):
            continue
        try:
            place = find_place(root, parse_line(head.removeprefix(MAGIC))[1])
            found = compare_cell(place.text, body, place.name)
        except FeatureError as error:
            warnings.append(box(str(error), "bad"))
            continue
        warnings += [
            diff_box(f"{each.name}: the cell in {tell_path(notebook)} and {place.name} differ.", each.diff)
            for each in found
            if each.state == "other"
        ]
        new = [each.name for each in found if each.state == "new" and place.text]
        warnings += [box(f"{', '.join(new)}: not in {place.name} yet.", "note")] if new else []
    return warnings


def _list_file(place: Place) -> list[Part]:
    if not place.text:
        return [
            box(f"No feature is defined yet: {place.name} is not there. A cell with --save makes it.", "note")
        ]
    try:
        definitions = parse_definitions(place.text, place.name)
    except FeatureError as error:
        return [box(str(error), "bad")]
    note = "" if place.used else f" The pipeline does not read it: set prepare.definitions: {place.name}."
    rows = pd.DataFrame([_tell(each) for each in definitions])
    head = box(
        f"{place.name} defines {len(definitions)} feature{'' if len(definitions) == 1 else 's'}.{note}",
        "note",
    )
    return [head, rows.set_index("feature")] if len(rows) else [head]


def _tell(each: Definition) -> dict[str, Any]:
    return {
        "feature": each.name,
        "made by": each.maker,
        "of": ", ".join(each.inputs),
        "meaning": each.meaning,
        "unit": each.unit,
        "owner": each.owner,
        "line": each.line,
    }


def _find_shell() -> Any:
    from IPython import get_ipython

    return get_ipython()
