"""Functions of a definitions file that change what outlives the call, so that a row's value depends on other rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
MAKERS = frozenset({"dict", "list", "set", "defaultdict", "Counter", "OrderedDict", "deque", "bytearray"})
CHANGES = frozenset(
    [
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
        "update",
        "setdefault",
        "popitem",
        "add",
        "discard",
        "appendleft",
        "popleft",
        "extendleft",
        "rotate",
        "subtract",
        "intersection_update",
        "difference_update",
        "symmetric_difference_update",
    ]
)


def find_kept_state(tree: ast.Module) -> list[tuple[int, str]]:
    """List where a feature's function, or one that it calls, changes a name of the module, as (line, sentence).

    What is called at the left margin alone (a function that fills a table) may do so.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = _find_assigned(tree)
    found = []
    for function in _find_called(functions):
        for line, name in _find_changes(function, named, set(functions), set()):
            text = (
                f"'{name}' is changed by a function, so a row's value would depend on the rows before it, which are "
                "others in the service. Make it of the row's values alone. functools.lru_cache keeps results; what was "
                "before, last_before, mean_before, count_before and since_last say."
            )
            found.append((line, text))
    return found


def _find_assigned(tree: ast.Module) -> dict[str, bool]:
    """Give the names that the module assigns, with whether their value is a list, dict, set or the like."""
    named: dict[str, bool] = {}
    for node in ast.walk(
        ast.Module([each for each in tree.body if not isinstance(each, Function | ast.ClassDef)], [])
    ):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    named[target.id] = named.get(target.id, False) or _is_mutable(node.value)
    return named


def _find_called(functions: dict[str, ast.FunctionDef]) -> list[ast.FunctionDef]:
    """Give the functions below @feature, and all of the file that they refer to."""
    wanted = [name for name, node in functions.items() if any(map(is_decorator, node.decorator_list))]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in functions and name not in seen:
            seen.add(name)
            wanted += [each.id for each in ast.walk(functions[name]) if isinstance(each, ast.Name)]
    return [functions[name] for name in functions if name in seen]


def is_decorator(decorator: ast.expr) -> bool:
    """Tell whether it is @feature."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", "")) == "feature"


def _find_changes(
    function: Function, named: dict[str, bool], functions: set[str], outer: set[str]
) -> Iterator[tuple[int, str]]:
    """Give line and name of each change to a name that is not the function's own."""
    body = function.body if isinstance(function.body, list) else [function.body]
    inner: list[Function] = []
    own = list(_walk_own(body, inner))
    declared = {name for node in own if isinstance(node, ast.Global) for name in node.names}
    kept = _find_kept_arguments(function)  # a default is made once, and kept
    local = outer | (_find_locals(function, own, inner) - declared - kept)
    for node in own:
        if isinstance(node, ast.Global):
            yield from ((node.lineno, name) for name in node.names)
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            name = _find_root(node)
            if name not in local and (name in named or name in functions or name in kept):
                yield node.lineno, name
        elif isinstance(node, ast.Call) and (name := _find_changed(node, named, kept)) and name not in local:
            yield node.lineno, name
    for each in inner:
        yield from _find_changes(each, named, functions, local)


def _walk_own(body: list[ast.stmt] | list[ast.expr], inner: list[Function]) -> Iterator[ast.AST]:
    """Give all nodes but those of functions inside, which are gathered."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            inner.append(node)
        else:
            yield node
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _list_arguments(function: Function) -> list[ast.arg]:
    each = function.args
    rest = [one for one in (each.vararg, each.kwarg) if one]
    return [*each.posonlyargs, *each.args, *each.kwonlyargs, *rest]


def _find_kept_arguments(function: Function) -> set[str]:
    each = function.args
    plain = [*each.posonlyargs, *each.args]
    pairs = [
        *zip(reversed(plain), reversed(each.defaults), strict=False),
        *zip(each.kwonlyargs, each.kw_defaults, strict=True),
    ]
    return {argument.arg for argument, value in pairs if _is_mutable(value)}


def _find_locals(function: Function, own: list[ast.AST], inner: list[Function]) -> set[str]:
    names = {argument.arg for argument in _list_arguments(function)}
    names |= {node.id for node in own if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    names |= {node.name for node in own if isinstance(node, ast.ExceptHandler) and node.name}
    for node in own:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
    return names | {each.name for each in inner if not isinstance(each, ast.Lambda)}


def _find_changed(node: ast.Call, named: dict[str, bool], kept: set[str]) -> str:
    """Give the name that a call changes: of a list, dict or set, or of what next() takes a value from."""
    called = node.func
    if (
        isinstance(called, ast.Name)
        and called.id == "next"
        and node.args
        and isinstance(node.args[0], ast.Name)
    ):
        return node.args[0].id if node.args[0].id in named else ""
    if isinstance(called, ast.Attribute) and called.attr in CHANGES:
        name = _find_root(called.value)
        return name if named.get(name) or name in kept else ""
    return ""


def _find_root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", getattr(value.func, "attr", "")) in MAKERS
    return isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)
