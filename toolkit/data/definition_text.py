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
    pieces = split_cell(cell)
    for index, piece in enumerate(pieces):
        known = [each for _, each in _split(text, "file")]
        new = piece.text.rstrip("\r\n").replace("\r\n", "\n").replace("\n", end) + end
        lines = _split_lines(text)
        if not piece.name:
            new = "".join(f"{line}{end}" for line in _find_lacking(text, new))
            lines.insert(_find_import_line(text, "__future__" in new), new)
        elif found := [each for each in known if each.name == piece.name]:
            lines[found[-1].start : found[-1].end] = [new]
        else:
            later = {each.name for each in pieces[index + 1 :] if each.name}
            users = [each for each in known if each.name in later]
            gap = end * (2 if new.lstrip().startswith(("@", "def ")) else 1)
            if users:  # what the cell defines first, it may need for what is in the file already
                lines.insert(users[0].start, f"{new}{gap}")
            else:
                lines = [text.rstrip("\r\n"), end, gap, new]
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


def _find_lacking(text: str, line: str) -> list[str]:
    """Give what a file lacks of an import, as statements: nothing, some names, or the whole."""
    (node,) = ast.parse(line).body
    brought = {
        (_tell_module(each), alias.name, alias.asname)
        for each in ast.parse(text).body
        if isinstance(each, ast.Import | ast.ImportFrom)
        for alias in each.names
    }
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return []
    lacking = [each for each in node.names if (_tell_module(node), each.name, each.asname) not in brought]
    if len(lacking) in (0, len(node.names)):
        return [line.rstrip()] if lacking else []
    node.names = lacking
    return [ast.unparse(node)]


def _tell_module(node: ast.Import | ast.ImportFrom) -> str:
    return f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else ""


def _find_import_line(text: str, first: bool) -> int:
    """Find the line below the last import; below the file's docstring if there is none or it must be the ``first``."""
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if imports and not first:
        return imports[-1].end_lineno or 0
    return tree.body[0].end_lineno or 0 if tree.body and ast.get_docstring(tree) is not None else 0
