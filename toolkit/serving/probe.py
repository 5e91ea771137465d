"""Loads a packaged model and runs its self-test in a process that may die: ``python -m toolkit.serving.probe``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from toolkit.errors import ToolkitError
from toolkit.serving.model import check_self_test, load_unproved


def main(folder: str) -> int:
    """Exit with 0 if the model loads and answers as recorded; else 1 and ``{"error": message}`` on standard error."""
    try:
        check_self_test(load_unproved(Path(folder), threads=1))
    except ToolkitError as error:
        reason = str(error)
    except Exception as error:
        reason = (
            f"{folder} must hold a model that loads. Its first load failed: {type(error).__name__}: {error}"
        )
    else:
        return 0
    print(json.dumps({"error": reason}), file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
