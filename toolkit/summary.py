"""What the pipeline ended in, and what to type next."""

from __future__ import annotations

from pathlib import Path

from toolkit.artifacts import load_json
from toolkit.errors import StageError


def summarize(root: Path) -> str:
    """Describe the packaged model in a few lines: its tag, its verdict, the reports, the next commands.

    Raises
    ------
    StageError
        Nothing has been packaged yet.
    """
    tag_file = root / "models" / "package" / "tag.txt"
    if not tag_file.exists():
        raise StageError("models/package must exist and does not. Run ./run to make it.")
    tag = tag_file.read_text(encoding="utf-8").strip()
    gates = load_json(root / "models" / "package" / "gates.json")["gates"]
    lines = [f"Bento    {tag}"]
    lines += [f"gate     {'passed' if gate['passed'] else 'FAILED'}: {gate['message']}" for gate in gates]
    lines += [
        "reports  reports/*.ipynb, the executed notebooks (./run lab); ./run dvc metrics show",
        "next     ./run serve, which prints a request to try; ./run toolkit lineage",
    ]
    return "\n".join(lines)
