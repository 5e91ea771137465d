"""What can be seen in the text of a definitions file before it is run: imports, and what gives no feature."""

from __future__ import annotations

import ast
import sys

ALLOWED = ("numpy", "toolkit.features", "__future__")
CLOCKS = ("now", "utcnow", "today")
STARS = "what it brings in cannot be seen"


def find_faults(tree: ast.Module) -> list[tuple[int, str]]:
    """List what would not run in the service, or not give the same there, as (line, sentence)."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, text) for alias in node.names if (text := _judge_import(alias.name))]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            full = [f"{module}.{alias.name}" for alias in node.names] if module == "toolkit" else [module]
            found += [(node.lineno, text) for name in full if (text := _judge_import(name))]
        elif isinstance(node, ast.Call):
            found += [(node.lineno, text) for text in _judge_call(node)]
    return sorted(set(found))


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


def _judge_import(name: str) -> str:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or any(
        name == known or name.startswith(f"{known}.") for known in ALLOWED
    ):
        return ""
    return (
        f"a feature may import Python's own modules, numpy and toolkit.features: the service has no others. Got "
        f"'{name}'. Write what is needed of it in the function, or make it a column of the source."
    )


def _judge_call(node: ast.Call) -> list[str]:
    if isinstance(node.func, ast.Name) and node.func.id == "hash":
        return [
            "hash() of a text differs in every process, so training and service would differ. "
            "Use zlib.crc32(text.encode())."
        ]
    if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
        return [
            f"{node.func.attr}() gives another value every time, so training and service would differ. "
            "Take the time of a row from a column."
        ]
    return []
