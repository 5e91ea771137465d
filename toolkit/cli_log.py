"""``toolkit log``: what the prediction log holds, and making Parquet of its older days."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 30


def add_log(commands: Any, parse_days: Callable[[str], int]) -> None:
    """Add ``toolkit log`` and its commands."""
    log = commands.add_parser("log", help="the prediction log: what it holds; its older days as Parquet")
    actions = log.add_subparsers(title="commands", metavar="COMMAND", required=True)
    shown = actions.add_parser("show", help="files, records and size of each day")
    shown.set_defaults(command=_show)
    compact = actions.add_parser(
        "compact", help="turn the segments of older days into one Parquet file a day"
    )
    compact.add_argument(
        "--older-than-days",
        type=parse_days,
        metavar="N",
        default=DAYS,
        help=f"days (UTC) that stay as they are, besides today: longer than labels take to come (default: {DAYS})",
    )
    compact.set_defaults(command=_compact)
    for action in (shown, compact):
        action.add_argument(
            "folder",
            nargs="?",
            default="",
            help="of the log (default: logs/predictions, or predictions below TOOLKIT_LOG_DIR)",
        )


def _find_folder(named: str) -> Path:
    import os
    from pathlib import Path

    from toolkit.paths import project_root

    if named:
        return Path(named)
    base = os.environ.get("TOOLKIT_LOG_DIR")
    return (Path(base) if base else project_root() / "logs") / "predictions"


def _show(options: argparse.Namespace) -> None:
    from toolkit.data.log_text import show_log

    print(show_log(_find_folder(options.folder)))


def _compact(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from toolkit.data.log_compaction import compact_log
    from toolkit.data.log_text import Progress, tell_compacted

    progress = Progress(sys.stdout)
    done = compact_log(
        _find_folder(options.folder), options.older_than_days, datetime.now(UTC).date(), progress.tell
    )
    progress.end()
    print(tell_compacted(done, options.older_than_days))
    return 1 if done.faults else 0
