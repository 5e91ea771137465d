"""What a dvc.lock says of the data, read by its lines: a YAML reader takes a tenth of a second for each.

DVC writes the file itself, in block style and always in the same layout; a test compares with a YAML reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_STAGE = re.compile(r"  (\S[^:]*):$")
_SECTION = re.compile(r"    (cmd|deps|outs|params):")
_PATH = re.compile(r"    - path: (.+)$")
_MD5 = re.compile(r"      md5: ([0-9a-f]{32}(?:\.dir)?)$")
_SOURCE = re.compile(r"          source: (.+)$")


@dataclass
class Lock:
    """Hashes by path of what stages made, and by stage and path of what they read.

    ``makers`` has the stage of each output, ``source`` is collect's parameter.
    """

    outs: dict[str, str] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)
    deps: dict[str, dict[str, str]] = field(default_factory=dict)
    source: str = ""


def parse_lock(text: str) -> Lock:
    """Read the text of a dvc.lock; what is not in DVC's layout is passed over."""
    lock = Lock()
    stage = section = path = ""
    for line in text.splitlines():
        if match := _STAGE.match(line):
            stage, section, path = match[1], "", ""
        elif match := _SECTION.match(line):
            section, path = match[1], ""
        elif match := _PATH.match(line):
            path = _unquote(match[1])
        elif (match := _MD5.match(line)) and path:
            found = lock.outs if section == "outs" else lock.deps.setdefault(stage, {})
            found[path] = match[1]
            if section == "outs":
                lock.makers[path] = stage
        elif stage == "collect" and section == "params" and (match := _SOURCE.match(line)):
            lock.source = _unquote(match[1])
    return lock


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
