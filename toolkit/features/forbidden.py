"""What a definitions file may not use, as its text shows: chance, clocks, the machine, files, the network."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping

ALLOWED = ("numpy", "toolkit.features", "__future__")
PURE_OS = ("os.path", "os.sep", "os.linesep", "os.fspath", "os.PathLike")
PURE_PATH = frozenset(
    [
        "basename",
        "dirname",
        "split",
        "splitext",
        "splitdrive",
        "join",
        "normpath",
        "normcase",
        "commonprefix",
        "commonpath",
        "isabs",
        "sep",
        "altsep",
        "extsep",
        "pardir",
        "curdir",
    ]
)
_DIFFER = "so training and service would differ."
_CHANCE = f"gives another value every time, {_DIFFER} Make the feature of the row's values alone."
_CLOCK = f"gives another value every time, {_DIFFER} Take the time of a row from a column."
_MACHINE = (
    f"is another on the machine of the service, {_DIFFER} Write the value into the file, or make it a column of "
    "the source."
)
_FILES = (
    "reaches files, and the service has none but this one. Write the values into it as a constant, or make them a "
    "column of the source."
)
_OUTSIDE = (
    f"reaches other programs or the network, which answer otherwise later, {_DIFFER} Make what is needed of it a "
    "column of the source."
)
_ZONE = (
    f"reads a time by the clock of the machine, {_DIFFER} Name the zone: zoneinfo.ZoneInfo('Europe/Berlin')."
)
CHANGING: Mapping[str, str] = {  # module, or a name in one -> why not
    **dict.fromkeys(("random", "secrets", "uuid", "numpy.random"), _CHANCE),
    "time": _CLOCK,
    **dict.fromkeys(("platform", "getpass", "pwd", "sys.argv", "sys.stdin", "locale"), _MACHINE),
    **dict.fromkeys(
        [
            "io.open",
            "io.FileIO",
            "gzip.open",
            "gzip.GzipFile",
            "bz2.open",
            "bz2.BZ2File",
            "lzma.open",
            "lzma.LZMAFile",
            "codecs.open",
            "zipfile",
            "tarfile",
            "shelve",
            "dbm",
            "sqlite3",
            "tempfile",
            "shutil",
            "glob",
            "fileinput",
            "mmap",
            "pkgutil",
            "importlib.resources",
            "numpy.load",
            "numpy.loadtxt",
            "numpy.genfromtxt",
            "numpy.fromfile",
            "numpy.memmap",
            "numpy.save",
            "numpy.savez",
            "numpy.savetxt",
        ],
        _FILES,
    ),
    **dict.fromkeys(
        [
            "socket",
            "ssl",
            "http.client",
            "http.server",
            "urllib.request",
            "ftplib",
            "smtplib",
            "poplib",
            "imaplib",
            "xmlrpc",
            "socketserver",
            "webbrowser",
            "subprocess",
            "multiprocessing",
        ],
        _OUTSIDE,
    ),
}
CLOCKS = frozenset({"now", "utcnow", "today"})  # whatever they are methods of
BUILT_IN: Mapping[str, str] = {  # called
    "hash": f"differs in every process for a text, {_DIFFER} Use zlib.crc32(text.encode()).",
    "id": f"differs in every process, {_DIFFER} Compare the values themselves.",
    "open": _FILES,
    "input": "asks somebody, and the service has nobody to ask. Make it a column of the source.",
    "__import__": "hides what is imported. Write 'import' at the top of the file.",
}
ON_DISK = frozenset(  # methods of pathlib.Path
    [
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "open",
        "exists",
        "is_file",
        "is_dir",
        "stat",
        "iterdir",
        "glob",
        "rglob",
        "cwd",
        "home",
        "resolve",
        "unlink",
        "mkdir",
        "touch",
    ]
)


def find_forbidden(tree: ast.Module) -> list[tuple[int, str]]:
    """List what gives other values in the service than in training, or does not run there, as (line, sentence)."""
    found: list[tuple[int, str]] = []
    known: dict[str, str] = {}  # name in the file -> what it was imported as; without what is refused already
    for node in ast.walk(tree):
        for name, full, module in _list_imports(node):
            if text := _judge_import(full, module):
                found.append((node.lineno, text))  # type: ignore[attr-defined]  # an import has a line
            else:
                known[name] = full
    bound = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found += [(node.lineno, text) for text in _judge_name(_spell(node, known))]
        elif isinstance(node, ast.Call):
            if text := _judge_call(node, known, bound):
                found.append((node.lineno, text))
        elif isinstance(node, ast.Name) and node.id == "__file__" and node.id not in bound:
            found.append((node.lineno, f"__file__ {_MACHINE}"))
    return found


def _list_imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Give the name that each import defines in the file, the full name of what it stands for, and the module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield alias.asname or top, alias.name if alias.asname else top, alias.name
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            full = f"{module}.{alias.name}"
            yield alias.asname or alias.name, full, full if module == "toolkit" else module


def _judge_import(full: str, name: str) -> str:
    if told := (_judge_name(name) or _judge_name(full)):
        return told[0]
    top = name.partition(".")[0]
    allowed = top in sys.stdlib_module_names or any(
        name == known or name.startswith(f"{known}.") for known in ALLOWED
    )
    if allowed:
        return ""
    return (
        f"a feature may import Python's own modules, numpy and toolkit.features: the service has no others. Got "
        f"'{name}'. Write what is needed of it in the function, or make it a column of the source."
    )


def _judge_name(name: str) -> list[str]:
    """Say why a full name may not be used; nothing if it may."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        prefix = ".".join(parts[:count])
        if prefix in CHANGING:
            return [f"{prefix} {CHANGING[prefix]}"]
    if parts[0] == "os" and len(parts) > 1:
        if not name.startswith(PURE_OS):
            return [f"os.{parts[1]} {_MACHINE}"]
        if parts[1] == "path" and len(parts) > 2 and parts[2] not in PURE_PATH:
            return [f"os.path.{parts[2]} {_FILES}"]
    return []


def _spell(node: ast.expr, known: Mapping[str, str]) -> str:
    """Give the full name of ``np.random.rand`` and the like; empty if it is no name of an imported module."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in known:
        return ""
    return ".".join([known[node.id], *reversed(parts)])


def _judge_call(node: ast.Call, known: Mapping[str, str], bound: set[str]) -> str:
    called = node.func
    if isinstance(called, ast.Name):
        refused = called.id in BUILT_IN and called.id not in bound | set(known)
        return f"{called.id}() {BUILT_IN[called.id]}" if refused else ""
    return _judge_method(called.attr, node, known) if isinstance(called, ast.Attribute) else ""


def _judge_method(name: str, node: ast.Call, known: Mapping[str, str]) -> str:
    plain = len(node.args) if not node.keywords else -1
    if name in CLOCKS:
        return f"{name}() {_CLOCK}"
    if name == "__hash__":
        return f"{name}() {BUILT_IN['hash']}"
    if name in ON_DISK and any(full.startswith("pathlib") for full in known.values()):
        return f"{name}() of a path {_FILES}"
    if (name, plain) in (("astimezone", 0), ("fromtimestamp", 1)):
        return f"{name}() without a zone {_ZONE}"
    if name == "join" and plain == 1 and _is_set(node.args[0]):
        return f"join() of a set has another order in every process, {_DIFFER} Join sorted(...) of it."
    return ""


def _is_set(node: ast.expr) -> bool:
    made = (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("set", "frozenset")
    )
    return made or isinstance(node, ast.Set | ast.SetComp)
