"""What can be seen in the text of a definitions file before it is run: imports, and what gives no feature."""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Sequence

from toolkit.features.forbidden import find_forbidden
from toolkit.features.kept_state import find_kept_state

REFLECTIVE = frozenset({"eval", "exec", "globals", "vars", "locals", "getattr", "__import__"})


def find_faults(tree: ast.Module) -> list[tuple[int, str]]:
    """List what would not run in the service, or not give the same there, as (line, sentence)."""
    return sorted({*find_forbidden(tree), *find_kept_state(tree)})


def find_lines(tree: ast.Module) -> dict[str, list[int]]:
    """Give the lines where each function or assigned name of the module is defined."""
    lines: dict[str, list[int]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines.setdefault(node.name, []).append(node.lineno)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    lines.setdefault(target.id, []).append(node.lineno)
    return lines


def find_instants(tree: ast.Module, label: str, inputs: Sequence[str]) -> tuple[str, ...]:
    """Give the raw columns whose time a function places in the world, by ``timestamp()`` or ``astimezone(...)``."""
    function = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == label), None
    )
    if function is None:
        return ()
    placed = {
        node.func.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("timestamp", "astimezone")
        and isinstance(node.func.value, ast.Name)
    }
    return tuple(
        column for each, column in zip(function.args.args, inputs, strict=False) if each.arg in placed
    )


def measure_source(tree: ast.Module, label: str) -> str:
    """Give the SHA-256 of a feature's statement and of all that it refers to in the file, directly or not.

    What is said of it for people, comments and layout do not count. Statements that define no name (a loop that fills
    a table) count for every feature.
    """
    defined: dict[str, list[ast.stmt]] = {}
    always: list[ast.stmt] = []
    for node in tree.body:
        names = _find_bound(node)
        for name in names:
            defined.setdefault(name, []).append(node)
        if not names and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            always.append(node)
    wanted, seen = [label, *(name for node in always for name in _find_used(node))], set[str]()
    while wanted:
        name = wanted.pop()
        if name in defined and name not in seen:
            seen.add(name)
            wanted += [used for node in defined[name] for used in _find_used(node, name == label)]
    if seen & REFLECTIVE or any(REFLECTIVE & _find_used(node) for name in seen for node in defined[name]):
        nodes: list[ast.AST] = list(tree.body)  # what it refers to cannot be seen
    else:
        chosen = {id(node) for name in seen for node in defined[name]} | {id(node) for node in always}
        nodes = [node for node in tree.body if id(node) in chosen]
    text = "\n".join(ast.dump(_bare(node) if label in _find_bound(node) else node) for node in nodes)
    return hashlib.sha256(text.encode()).hexdigest()


def _find_bound(node: ast.AST) -> set[str]:
    """Give the names that a statement of the module defines, if it does nothing else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if isinstance(node, ast.Assign | ast.AnnAssign) and all(isinstance(each, ast.Name) for each in targets):
        return {each.id for each in targets if isinstance(each, ast.Name)}
    return set()


def _find_used(node: ast.AST, bare: bool = False) -> set[str]:
    return {each.id for each in ast.walk(_bare(node) if bare else node) if isinstance(each, ast.Name)}


def _bare(node: ast.AST) -> ast.AST:
    """Give a function without its decorators and docstring."""
    if not isinstance(node, ast.FunctionDef):
        return node
    plain = copy.copy(node)
    plain.decorator_list = []
    if ast.get_docstring(node) is not None:
        plain.body = node.body[1:]
    return plain
