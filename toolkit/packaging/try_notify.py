"""``toolkit notify``: who is told of alarms, and whether a message reaches them."""

from __future__ import annotations

import sys
from pathlib import Path

from toolkit.errors import NotifyError
from toolkit.serving.notify import write_test
from toolkit.serving.receivers import VARIABLE, Receiver, load_receivers


def show_receivers() -> int:
    """Print who is told; 1 if nobody is."""
    for receiver in _load():
        print(receiver.name)
    print("'toolkit notify --test' sends them a message.")
    return 0


def try_receivers(root: Path) -> int:
    """Send everybody a test message, once, and print what became of it; 1 if one was not taken.

    Raises
    ------
    NotifyError
        Nobody is named, or an address cannot be read.
    """
    receivers, failed = _load(), 0
    try:
        version = (root / "models" / "package" / "tag.txt").read_text(encoding="utf-8").strip()
    except OSError:
        version = "model"  # nothing is packaged yet: the way there can be tried all the same
    for receiver in receivers:
        try:
            receiver.send(write_test(version))
        except NotifyError as error:
            failed += 1
            print(f"not sent: {error}", file=sys.stderr)
        else:
            print(f"sent: {receiver.name}")
    return 1 if failed else 0


def _load() -> tuple[Receiver, ...]:
    receivers = load_receivers()
    if not receivers:
        raise NotifyError(
            f"{VARIABLE} must name who is told of alarms and is not set. Set it to addresses with blanks between them, "
            "such as https://hooks.example.org/T0/key."
        )
    return receivers
