"""Damages a packaged model in thousands of ways and counts what refuses it: none may crash, hang or be served.

    ./run python benchmarks/damaged_models.py [--count 2000] [--seed 1] [--folder models/package] [--first-loads]

Each damage is one file of the package with bytes flipped, cut, put in or repeated, lines swapped, lost or doubled,
numbers changed; or one value of its JSON replaced. It is tried as it is, and then again by somebody who makes more
and more of the hashes agree, as if the damage were older than these:

1. as damaged: the manifest names the file's true hash;
2. the manifest agrees: tag.txt has the version over the true hashes;
3. the version agrees as well: signature.json has the true hashes of the model and the features;
4. all agree: nothing but reading the files, the first load in a process of its own and the self-test are left.

What is served at the last step is another sound model by all that is known of it, or the same one told otherwise.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from toolkit.artifacts import load_json, measure_sha256, write_json
from toolkit.errors import ToolkitError
from toolkit.serving import model as loading
from toolkit.serving.manifest import check_manifest, check_tag, measure_version
from toolkit.serving.one_model import check_one_model

SHARES = {  # of damages by file
    "model.txt": 10,
    "signature.json": 2,
    "features.json": 2,
    "profile.json": 2,
    "performance.json": 1,
    "contract.json": 1,
    "settings.json": 1,
    "definitions.py": 1,
    "gates.json": 1,
    "manifest.json": 1,
    "tag.txt": 1,
}
SIGNED = ("model.txt", "features.json")
UNSIGNED = ("manifest.json", "tag.txt")  # nothing has their hash: they are checked by what they say
NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
WORDS = b"0 -1 1 nan inf -inf 1e999 1e308 -1e308 4294967296 99999999999999999999 2147483648 0x10 1e-320 .5".split()
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    1e308,
    10**30,
    "",
    "x",
    "NaN",
    [],
    {},
    [[]],
    {"a": 1},
    "\ud7ff" * 9,
]
FIRST_LOAD_S = 20
LEVELS = ("as damaged", "manifest agrees", "version agrees", "all hashes agree")


@dataclass(frozen=True)
class Damage:
    """One file's damaged content and how it came about."""

    name: str
    kind: str
    data: bytes


def make_damages(folder: Path, count: int, seed: int) -> Iterator[Damage]:
    """Make ``count`` damages of a package's files; the same for the same seed, each one really a change."""
    draw = random.Random(seed)  # noqa: S311 - damages, not secrets
    whole = {name: (folder / name).read_bytes() for name in SHARES}
    while count:
        name = draw.choices(list(SHARES), list(SHARES.values()))[0]
        kinds = [*BYTES, *LINES, "number"] + ["value"] * 4 * name.endswith(".json")
        kind = draw.choice(kinds)
        data = _damage(whole[name], kind, draw)
        if data != whole[name]:
            count -= 1
            yield Damage(name, kind, data)


def _damage(data: bytes, kind: str, draw: random.Random) -> bytes:
    if kind == "value":
        return _replace_value(data, draw)
    if kind == "number":
        found = list(NUMBER.finditer(data))
        if not found:
            return data
        chosen = draw.choice(found)
        return data[: chosen.start()] + _other_number(chosen[0], draw) + data[chosen.end() :]
    if kind in LINES:
        lines = data.split(b"\n")
        one, two = draw.randrange(len(lines)), draw.randrange(len(lines))
        LINES[kind](lines, one, two)
        return b"\n".join(lines)
    begin = draw.randrange(len(data) + 1)
    return BYTES[kind](data, begin, min(len(data), begin + draw.choice([1, 1, 2, 10, 1000])), draw)


def _flip(data: bytes, begin: int, end: int, draw: random.Random) -> bytes:
    return data[:begin] + bytes(byte ^ (1 << draw.randrange(8)) for byte in data[begin:end]) + data[end:]


def _garble(data: bytes, begin: int, end: int, draw: random.Random) -> bytes:
    return data[:begin] + draw.randbytes(end - begin) + data[end:]


def _insert(data: bytes, begin: int, end: int, draw: random.Random) -> bytes:
    return data[:begin] + draw.choice([draw.randbytes(end - begin), b"\0", b"\n", b" ", b"9"]) + data[begin:]


BYTES: dict[str, Callable[[bytes, int, int, random.Random], bytes]] = {
    "flip": _flip,
    "garble": _garble,
    "insert": _insert,
    "lose": lambda data, begin, end, draw: data[:begin] + data[end:],
    "cut": lambda data, begin, end, draw: data[:begin],
    "repeat": lambda data, begin, end, draw: data[:end] + data[begin:],
}


def _swap(lines: list[bytes], one: int, two: int) -> None:
    lines[one], lines[two] = lines[two], lines[one]


LINES: dict[str, Callable[[list[bytes], int, int], None]] = {
    "swap lines": _swap,
    "lose line": lambda lines, one, two: lines.__delitem__(one),
    "double line": lambda lines, one, two: lines.insert(two, lines[one]),
    "copy line": lambda lines, one, two: lines.__setitem__(two, lines[one]),
}


def _other_number(word: bytes, draw: random.Random) -> bytes:
    digits = [index for index, byte in enumerate(word) if byte in b"0123456789"]
    index = draw.choice(digits)
    digit = word[:index] + str(draw.randrange(10)).encode() + word[index + 1 :]
    return draw.choice([digit, digit, digit, b"-" + word, word + b"0", word + b"e9", draw.choice(WORDS)])


def _replace_value(data: bytes, draw: random.Random) -> bytes:
    value = json.loads(data)
    places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else []
        places += [(each, key) for key in keys]
        waiting += [each[key] for key in keys]
    if not places:
        return data
    holder, key = draw.choice(places)
    change = draw.randrange(4)
    if change == 0 and isinstance(holder, dict):
        del holder[key]
    elif change == 1 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif change == 2:
        holder[key] = json.loads("[" * 90 + "]" * 90)
    else:
        holder[key] = draw.choice(VALUES)
    return json.dumps(value, indent=2).encode()


class Bench:
    """Tries damages on a copy of a package.

    Parameters
    ----------
    whole : Path
        The package.
    work : Path
        Where its copy goes.
    first_loads : bool
        Also load, in a process of its own, what reading the files lets pass: half a second each.
    """

    def __init__(self, whole: Path, work: Path, first_loads: bool) -> None:
        self.whole, self.folder, self.first_loads = whole, work / "package", first_loads
        shutil.copytree(whole, self.folder)
        self.rows = load_json(whole / "signature.json")["self_test"]["rows"]
        self.wanted = loading.load_model(whole).predict_rows(self.rows).rows()
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.slowest_s = 0.0
        self.unclear: list[str] = []

    def try_damage(self, damage: Damage) -> dict[str, str]:
        """Try one damage at each level; give what each came to."""
        results = {}
        for level, name in enumerate(LEVELS):
            if damage.name in UNSIGNED and level:
                break
            if level == 3 and damage.name not in SIGNED:  # it has no hash in the signature
                continue
            (self.folder / damage.name).write_bytes(damage.data)
            self._agree(level, damage.name)
            begin = time.perf_counter()
            results[name] = self._load(damage, level)
            self.slowest_s = max(self.slowest_s, time.perf_counter() - begin)
            self._restore(damage.name)
            self.counts[damage.name, name, results[name]] += 1
        return results

    def _agree(self, level: int, damaged: str) -> None:
        """Make hashes agree with what lies in the folder."""
        if level == 0:
            return
        manifest = load_json(self.whole / "manifest.json")
        if level == 3:
            signature = load_json(self.folder / "signature.json")
            key = {"model.txt": "sha256", "features.json": "features_sha256"}[damaged]
            write_json(
                self.folder / "signature.json", {**signature, key: measure_sha256(self.folder / damaged)}
            )
        manifest["files"] = {name: measure_sha256(self.folder / name) for name in manifest["files"]}
        write_json(self.folder / "manifest.json", manifest)
        if level >= 2:
            name = (self.whole / "tag.txt").read_text().partition(":")[0]
            version = measure_version(manifest["code"], manifest["files"])
            (self.folder / "tag.txt").write_text(f"{name}:{version}\n")

    def _restore(self, damaged: str) -> None:
        for name in {damaged, "signature.json", "manifest.json", "tag.txt"}:
            shutil.copyfile(self.whole / name, self.folder / name)

    def _load(self, damage: Damage, level: int) -> str:
        """Load as the service does, but read in this process first: damage found by reading costs no process."""
        try:
            check_tag(self.folder, check_manifest(self.folder))
        except ToolkitError:
            return "refused by a hash"
        try:
            with patch.object(loading, "Booster"):
                check_one_model(loading.load_unproved(self.folder))
        except ToolkitError as error:
            return (
                "refused by signature.json's hash"
                if "differs from signature" in str(error)
                else "refused by reading"
            )
        except Exception as error:  # the first load's process would tell it, less clearly
            self.unclear.append(f"{damage.name}, {damage.kind}: {type(error).__name__}: {error}"[:200])
            return "refused by the first load"
        if not self.first_loads:
            return "passed reading"
        return self._load_really(damage)

    def _load_really(self, damage: Damage) -> str:
        try:
            model = loading.load_model(self.folder)
        except ToolkitError as error:
            text = str(error)
            for words, result in (
                ("killed its process", "killed the first load's process"),
                ("does not within", "hung the first load's process"),
                ("must give the outputs", "refused by the self-test"),
            ):
                if words in text:
                    return result
            if "\n" in text or "failed:" in text:
                self.unclear.append(f"{damage.name}, {damage.kind}: {text[-200:]}")
                return "refused by the first load"
            return "refused by reading"
        same = _are_same(model.predict_rows(self.rows).rows(), self.wanted)
        return "served, same answers" if same else "SERVED, OTHER ANSWERS"

    def report(self) -> str:
        """Give the counts as a table: files down, what came of it across, a block a level."""
        lines = []
        for level in LEVELS:
            results = sorted({result for _, at, result in self.counts if at == level})
            lines += ["", f"| {level} | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]
            for name in SHARES:
                row = [self.counts[name, level, result] for result in results]
                if sum(row):
                    lines.append(f"| {name} | {' | '.join(str(count or '') for count in row)} |")
        return "\n".join(lines)


def _are_same(one: Any, two: Any) -> bool:
    """Whether two answers have the same names and, as the self-test allows, the same numbers to a relative 1e-12."""
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=loading.TOLERANCE, abs_tol=loading.TOLERANCE)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_are_same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_are_same, one, two))
    return bool(one == two)


def main() -> None:
    """Print what refused how many damages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("models/package"))
    arguments = parser.parse_args()
    begin = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as work,
        patch.object(loading, "PROBE_TIMEOUT_S", FIRST_LOAD_S),
    ):
        bench = Bench(arguments.folder, Path(work), first_loads=True)
        for damage in make_damages(arguments.folder, arguments.count, arguments.seed):
            bench.try_damage(damage)
    print(f"{arguments.count} damages, seed {arguments.seed}, in {time.perf_counter() - begin:.0f} s.")
    print(bench.report())
    print(f"\nThe slowest load took {bench.slowest_s:.1f} s. Refusals without a message of their own:")
    print("\n".join(sorted(set(bench.unclear))) or "none")


if __name__ == "__main__":
    main()
