"""The text of a definitions file: a cell is compared with it and put into it, the rest byte for byte as it is."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import Literal

from toolkit.errors import FeatureError

State = Literal["new", "same", "other"]


@dataclass(frozen=True)
class Piece:
    """A statement with the comment above it.

    Attributes
    ----------
    name : str
        What it defines; empty for an import.
    start, end : int
        Its lines: the first, counted from 0, and the one after the last.
    text : str
        These lines, with their line ends.
    """

    name: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Comparison:
    """How a cell's definition stands to the file: not in it, the same text, or another (``diff`` shows it)."""

    name: str
    state: State
    diff: str = ""


def split_cell(source: str) -> list[Piece]:
    """Split a cell into what it imports and defines.

    Raises
    ------
    FeatureError
        It is no Python, or does something besides.
    """
    pieces = []
    for node, piece in _split(source, "cell"):
        if not piece.name and not isinstance(node, ast.Import | ast.ImportFrom):
            raise FeatureError(
                f"cell:{node.lineno}: the cell must hold what a definitions file does: imports, constants, functions, "
                f"features. Got '{piece.text.strip():.60}'. Write it into another cell."
            )
        pieces.append(piece)
    starts = [piece.start for piece in pieces]
    if len(set(starts)) < len(starts):
        raise FeatureError("The cell must have one statement a line. Take those with ';' apart.")
    return pieces


def put_cell(text: str, cell: str) -> str:
    """Put a cell's definitions into a file's text: in the place of what has their names, else at its end.

    Imports that the file lacks go below its last one. Line ends are those of the file.
    """
    if not text.strip():
        return cell.rstrip() + "\n"
    end = "\r\n" if "\r\n" in text else "\n"
    for piece in split_cell(cell):
        found = [known for _, known in _split(text, "file") if _is_same_place(known, piece)]
        new = piece.text.rstrip("\r\n").replace("\r\n", "\n").replace("\n", end) + end
        lines = _split_lines(text)
        if found and piece.name:
            lines[found[-1].start : found[-1].end] = [new]
        elif piece.name:
            body = text.rstrip("\r\n") + end
            text = f"{body}{end * (2 if new.lstrip().startswith(('@', 'def ')) else 1)}{new}"
            continue
        elif not found:
            lines.insert(_find_import_line(text), new)
        text = "".join(lines)
    return text


def compare_cell(text: str, cell: str, file: str) -> list[Comparison]:
    """Compare what a cell defines with what a file has under these names; ``file`` is what the diff calls it."""
    known = {piece.name: piece for _, piece in _split(text, file) if piece.name}
    return [_compare(piece, known.get(piece.name), file) for piece in split_cell(cell) if piece.name]


def _compare(piece: Piece, known: Piece | None, file: str) -> Comparison:
    if known is None:
        return Comparison(piece.name, "new")
    ours, theirs = (_normalise(each.text) for each in (piece, known))
    if ours == theirs:
        return Comparison(piece.name, "same")
    lines = difflib.unified_diff(theirs, ours, file, "this cell", lineterm="")
    return Comparison(piece.name, "other", "\n".join(lines))


def _normalise(text: str) -> list[str]:
    """Give the lines without what no eye sees: blanks and line ends at their ends."""
    return [line.rstrip() for line in text.strip("\r\n").split("\n")]


def _split(source: str, name: str) -> list[tuple[ast.stmt, Piece]]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise FeatureError(f"{name}:{line}: it must be Python. {getattr(error, 'msg', error)}.") from None
    lines, found = _split_lines(source), []
    for node in body:
        decorators = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(each.lineno for each in decorators)]) - 1
        while start and lines[start - 1].startswith("#"):
            start -= 1
        end = node.end_lineno or node.lineno
        found.append((node, Piece(_name(node), start, end, "".join(lines[start:end]))))
    return found


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    known = isinstance(node, ast.Assign | ast.AnnAssign) and len(targets) == 1
    return targets[0].id if known and isinstance(targets[0], ast.Name) else ""


def _split_lines(text: str) -> list[str]:
    """Split where Python counts lines; str.splitlines knows ends of lines that Python does not."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _is_same_place(known: Piece, piece: Piece) -> bool:
    if piece.name:
        return known.name == piece.name
    return not known.name and _normalise(known.text) == _normalise(piece.text)


def _find_import_line(text: str) -> int:
    """Find the line below the last import, or below the file's docstring, or the first one."""
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if imports:
        return imports[-1].end_lineno or 0
    return tree.body[0].end_lineno or 0 if tree.body and ast.get_docstring(tree) is not None else 0
