"""A dvc.lock whose later stages are older than its data says nothing of this data's labels, splits and models."""

import pytest

from toolkit.data.versions import load_versions


def write_lock(
    raw: str, labels_of: str, labels: str, prepared_of: tuple[str, str], prepared: str, packaged: str
) -> str:
    def entry(path: str, digest: str) -> str:
        return f"    - path: {path}\n      hash: md5\n      md5: {digest * 32}.dir\n"

    return (
        "schema: '2.0'\nstages:\n"
        "  collect:\n    cmd: x\n    outs:\n"
        + entry("data/raw", raw)
        + "  annotate:\n    cmd: x\n    deps:\n"
        + entry("data/raw", labels_of)
        + "    outs:\n"
        + entry("data/labels", labels)
        + "  prepare:\n    cmd: x\n    deps:\n"
        + entry("data/labels", prepared_of[1])
        + entry("data/raw", prepared_of[0])
        + "    outs:\n"
        + entry("data/prepared", prepared)
        + "  package:\n    cmd: x\n    deps:\n"
        + entry("data/prepared", packaged)
        + "    outs:\n"
        + entry("models/package", "f")
    )


@pytest.mark.parametrize(
    ("lock", "folders", "models"),
    [
        (write_lock("a", "a", "b", ("a", "b"), "c", "c"), ["data/raw", "data/labels", "data/prepared"], 1),
        (write_lock("d", "a", "b", ("a", "b"), "c", "c"), ["data/raw"], 0),  # collect alone has run again
        (write_lock("d", "d", "e", ("a", "b"), "c", "c"), ["data/raw", "data/labels"], 0),
        (write_lock("d", "d", "e", ("d", "e"), "9", "c"), ["data/raw", "data/labels", "data/prepared"], 0),
    ],
)
def test_only_what_was_made_of_this_data_is_its_own(
    tmp_path, lock: str, folders: list[str], models: int
) -> None:
    (tmp_path / "dvc.lock").write_text(lock)
    (version,) = load_versions(tmp_path)
    assert list(version.hashes) == folders and len(version.models) == models
