"""A stage's notebook as it is committed: found, readable, for Python, with one parameters cell."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import NotebookFailed, ParamsError, suggest

PARAMETERS = "parameters"  # papermill's tag of the cell with the defaults


@dataclass(frozen=True)
class Source:
    """A notebook's JSON, with an id for each cell, and the names that its parameters cell sets."""

    path: str
    content: dict[str, Any]
    parameters: tuple[str, ...]


def load_source(root: Path, stage: str) -> Source:
    """Read and check notebooks/STAGE.ipynb.

    Raises
    ------
    NotebookFailed
        It is missing, is no notebook of format 4, is not for Python, or has not exactly one parameters cell.
    """
    path = f"notebooks/{stage}.ipynb"
    try:
        text = (root / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        near = difflib.get_close_matches(
            stage, [file.stem for file in (root / "notebooks").glob("*.ipynb")], 1
        )
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise NotebookFailed(
            f"{path} must exist and does not: a stage's notebook has its name.{hint}"
        ) from None
    return parse_source(text, path)


def parse_source(text: str, path: str) -> Source:
    """Turn a notebook's text into a checked source; ``path`` is how messages call it."""
    try:
        content = json.loads(text)
        cells, version = content["cells"], content["nbformat"]
        kinds = [cell["cell_type"] for cell in cells]
    except (ValueError, KeyError, TypeError) as error:
        raise NotebookFailed(
            f"{path} must be a notebook (JSON with cells, format 4). {type(error).__name__}: {error}. "
            "Open it in JupyterLab and save it, or restore it with git."
        ) from None
    if version != 4:
        raise NotebookFailed(f"{path} must have format 4. Got {version} instead. Save it in JupyterLab once.")
    check_kernel(content.get("metadata", {}), path)
    for number, cell in enumerate(cells, 1):
        cell.setdefault("id", f"cell-{number}")
        if isinstance(cell.get("source"), list):
            cell["source"] = "".join(cell["source"])
    content["nbformat_minor"] = max(5, content.get("nbformat_minor", 0))
    tagged = [
        number
        for number, (cell, kind) in enumerate(zip(cells, kinds, strict=True), 1)
        if kind == "code" and PARAMETERS in cell.get("metadata", {}).get("tags", [])
    ]
    if len(tagged) != 1:
        found = f"cells {', '.join(map(str, tagged))} have it" if tagged else "none has it"
        raise NotebookFailed(
            f"{path} must have one code cell with the tag 'parameters', the defaults of its section; {found}. "
            "Tag the cell in JupyterLab under Property Inspector, Cell Tags."
        )
    return Source(path, content, _assigned(cells[tagged[0] - 1]["source"], path))


def check_kernel(metadata: dict[str, Any], path: str) -> None:
    """Check that a notebook is for a Python kernel: whatever its name, it runs with the project's interpreter.

    Raises
    ------
    NotebookFailed
        It names another language's kernel.
    """
    spec = metadata.get("kernelspec", {})
    name = spec.get("name", "python3")
    language = spec.get("language") or metadata.get("language_info", {}).get("name") or ""
    if name in {"python3", "python"} or language.lower() == "python":
        return
    raise NotebookFailed(
        f"{path} must use a Python kernel. Got kernel '{name}'"
        f"{f' ({language})' if language else ''} instead. Choose 'Python 3' in JupyterLab under Kernel, Change Kernel."
    )


def check_parameters(source: Source, values: Iterable[str]) -> None:
    """Check that each value has a name which the parameters cell sets: papermill itself would only warn.

    Raises
    ------
    ParamsError
        Names unknown to the cell, each with the nearest one that it has.
    """
    unknown = [name for name in values if name not in source.parameters]
    if unknown:
        raise ParamsError(
            "\n".join(
                f"{source.path}: the parameters cell must set '{name}' and does not."
                f"{suggest(name, source.parameters)} It sets {', '.join(source.parameters)}."
                for name in unknown
            )
        )


def _assigned(code: str, path: str) -> tuple[str, ...]:
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise NotebookFailed(
            f"{path}: the parameters cell must be plain assignments. Line {error.lineno}: {error.msg}."
        ) from None
    names = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return tuple(names)
