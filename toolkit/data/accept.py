"""Write into the contract what the last run with ``on_violation: widen`` proposed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json, write_text
from toolkit.data.collect import CHANGES
from toolkit.data.contract.changes import Change
from toolkit.data.contract.text import edit_contract
from toolkit.errors import DataError

RAW = "data/raw"


def accept_changes(root: Path) -> tuple[str, str]:
    """Change the contract as proposed, and nothing else in its file.

    Parameters
    ----------
    root : Path
        The project.

    Returns
    -------
    tuple of str
        The contract's path, and what changed in it as a unified diff; empty where nothing is proposed, or nothing
        that the contract does not say already.

    Raises
    ------
    DataError
        The contract is no longer what the proposal was made for, or it cannot be read or changed.
    """
    proposal = root / RAW / CHANGES
    if not proposal.is_file():
        return "", ""
    name, changes = _parse_proposal(load_json(proposal))
    path = root / name
    try:
        with path.open(encoding="utf-8", newline="") as file:  # line ends as they are
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name} must be readable UTF-8 text. {error}.") from None
    new = edit_contract(text, changes, name)
    if new == text:
        return name, ""
    write_text(path.resolve(), new)  # through a symbolic link, not over it
    diff = difflib.unified_diff(text.splitlines(), new.splitlines(), name, name, lineterm="")
    return name, "\n".join(diff)


def _parse_proposal(value: Any) -> tuple[str, list[Change]]:
    try:
        if value["schema"] != 1:
            raise KeyError("schema")
        return value["contract"], [Change(**change) for change in value["changes"]]
    except (KeyError, TypeError):
        raise DataError(
            f"{RAW}/{CHANGES} is no proposal of this version. Run './run dvc repro -f collect' to make it anew."
        ) from None
