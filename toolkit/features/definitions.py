"""Features that a person defines in a Python file: read, checked, and refused where training and service would differ.

A file in features/ holds typed functions of one row, and built-ins assigned to names; their order is the model's::

    from toolkit.features import category, feature

    @feature(meaning="price of a square metre", unit="EUR/m2", owner="pricing")
    def price_per_area(price: float, area: float | None) -> float | None:
        return price / area if area else None

    city = category("city", rare=20)

The names of a function's arguments are those of raw columns, or ``columns`` of ``@feature`` says what they are. An
argument without ``| None`` says that the function cannot do without: a row that lacks it is missing the feature, and
the function is not called.
"""

from __future__ import annotations

import ast
import hashlib
import traceback
import types
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.errors import FeatureError
from toolkit.features.definition import FUNCTION, Definition
from toolkit.features.definition_source import find_faults, find_instants, find_lines, measure_source
from toolkit.features.kept_state import is_decorator
from toolkit.features.mark import MARK, Mark
from toolkit.features.typed_function import GIVEN, make_call, name_columns, read_types, show_type


def load_definitions(path: Path, name: str = "") -> tuple[Definition, ...]:
    """Read the features that a file defines, in its order.

    Parameters
    ----------
    path : Path
    name : str
        What messages call the file; default: its path.

    Raises
    ------
    FeatureError
        There is no such file, it is no UTF-8 or no Python, or what it defines cannot be a feature: all findings.
    """
    name = name or str(path)
    try:
        source = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise FeatureError(
            f"{name} must be a Python file that defines features and is not there. Check prepare.definitions in "
            "params.yaml; '' uses what each column's type gives."
        ) from None
    try:
        return parse_definitions(source.decode("utf-8-sig"), name, hashlib.sha256(source).hexdigest())
    except UnicodeDecodeError as error:
        raise FeatureError(f"{name} must be UTF-8 text. Got {error.reason} at byte {error.start}.") from None


def load_packaged(path: Path, sha256: str) -> tuple[Definition, ...]:
    """Read the definitions that features were fitted with, and no others.

    Raises
    ------
    FeatureError
        The file is missing, or is not the one with this SHA-256.
    """
    if not path.is_file():
        raise FeatureError(
            f"{path} must stand beside features.json, which was fitted with it, and does not. "
            "Run './run dvc repro prepare' to make both."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise FeatureError(
            f"{path} must be the file that features.json was fitted with, with the SHA-256 {sha256[:12]}..., and was "
            f"changed since: it has {found[:12]}.... Run './run dvc repro prepare' to fit the features anew."
        )
    return load_definitions(path, path.name)


def parse_definitions(
    source: str, name: str = "cell", code: str = "", known: Mapping[str, Any] | None = None
) -> tuple[Definition, ...]:
    """Turn the text of a file into definitions, in its order.

    Parameters
    ----------
    source : str
    name : str
        What messages call the text.
    code : str
        Its SHA-256; default: it is computed.
    known : mapping, optional
        Names that are there before: what a definitions file has, for a cell that is tried out.

    Raises
    ------
    FeatureError
        All findings, each with the file's name and the line.
    """
    tree = _parse(source, name)
    faults = find_faults(tree)
    if not faults:
        module = _execute(tree, name, known or {})
        lines = find_lines(tree)
        found: list[Definition] = []
        for label in sorted(lines, key=lambda each: lines[each][-1]):
            line = lines[label][-1]
            if len(lines[label]) > 1 and _is_feature(module.get(label)):
                faults.append((line, f"feature '{label}' is defined a second time. Rename one of them."))
            try:
                found += [
                    replace(
                        each,
                        line=line,
                        file=name,
                        source=measure_source(tree, label),
                        instants=find_instants(tree, label, each.inputs),
                    )
                    for each in _read(label, module.get(label))
                ]
            except FeatureError as error:
                faults += [(line, text) for text in str(error).splitlines()]
        faults += _find_lost(tree, module, {*lines, *(known or {})})
        if not faults:
            code = code or hashlib.sha256(source.encode()).hexdigest()
            return tuple(replace(each, code=code) for each in found)
    raise FeatureError("\n".join(f"{name}:{line}: {text}" for line, text in sorted(faults)))


def run_definitions(source: str, name: str) -> dict[str, Any]:
    """Run the text of a definitions file and give its names; for a cell that is tried out beside it.

    Raises
    ------
    FeatureError
        It is no Python, imports what it may not, or raises.
    """
    tree = _parse(source, name)
    faults = find_faults(tree)
    if faults:
        raise FeatureError("\n".join(f"{name}:{line}: {text}" for line, text in faults))
    return _execute(tree, name, {})


def _parse(source: str, name: str) -> ast.Module:
    try:
        return ast.parse(source, name)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", error)
        raise FeatureError(f"{name}:{line}: the file must be Python. {reason}.") from None


def _execute(tree: ast.Module, name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Run the file in a module of its own; it is not put into sys.modules and leaves no byte code behind."""
    module = types.ModuleType("features_of_a_person")
    module.__dict__.update({key: value for key, value in known.items() if not key.startswith("__")})
    module.__file__ = name
    try:
        exec(compile(tree, name, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # the user's own code
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == name), 1)
        failed = f"the file must run and does not. {type(error).__name__}: {error}"
        raise FeatureError(f"{name}:{line}: {error if isinstance(error, FeatureError) else failed}") from None
    return module.__dict__


def _find_lost(tree: ast.Module, module: Mapping[str, Any], seen: set[str]) -> list[tuple[int, str]]:
    """Find features that would be overlooked: in a block, a class or a list, overwritten, or assigned to no name."""
    margin = "must be defined at the left margin, by 'def' or 'name = ...', and is not."
    lost = []
    for label, value in module.items():
        if label not in seen and _is_feature(value):
            lost.append((_find_line(tree, label), f"feature '{label}' {margin}"))
        elif label in seen and _holds_features(value):
            text = f"'{label}' holds features, which are overlooked there. Assign each to a name of its own."
            lost.append((_find_line(tree, label), text))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(map(is_decorator, node.decorator_list)):
            if node not in tree.body and node.name not in module:
                lost.append((node.lineno, f"feature '{node.name}' {margin}"))
            elif node in tree.body and not _is_feature(module.get(node.name)):
                lost.append(
                    (
                        node.lineno,
                        f"feature '{node.name}' is overwritten or removed further below. Rename one.",
                    )
                )
    for statement in tree.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            maker = module.get(call.func.id)
            if getattr(maker, "__module__", "") == "toolkit.features.declare":
                lost.append(
                    (statement.lineno, f"{call.func.id}(...) must be assigned to the feature's name.")
                )
    return lost


def _find_line(tree: ast.Module, label: str) -> int:
    """Give the line where a name is defined first, wherever that is."""
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else getattr(node, "name", "")
        if name == label and isinstance(node, ast.stmt | ast.expr):
            return node.lineno
    return 1


def _holds_features(value: object) -> bool:
    items = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    )
    return any(_is_feature(each) for each in items)


def _is_feature(value: object) -> bool:
    return isinstance(value, Definition) or hasattr(value, MARK)


def _read(label: str, value: Any) -> list[Definition]:
    """Give the definition that a name of the module stands for, if it stands for one."""
    if isinstance(value, Definition):
        return [replace(value, name=label)]
    mark = getattr(value, MARK, None)
    if not isinstance(mark, Mark):
        return []
    taken, given = read_types(label, value)
    inputs = name_columns(label, taken, mark.columns)
    return [
        Definition(
            name=label,
            maker=FUNCTION,
            inputs=inputs,
            params={"takes": [show_type(kind, optional) for kind, optional in taken.values()]},
            meaning=mark.meaning,
            unit=mark.unit,
            owner=mark.owner,
            claims=mark.replaces,
            function=make_call(value, list(taken.values())),
            returns=GIVEN[given],
        )
    ]
