"""A folder in object storage is copied part by part, and each part once."""

from pathlib import Path

import fsspec
import pytest

from toolkit.errors import DataError
from toolkit.mirror import list_parts, mirror

ADDRESS = "memory://bucket/raw/"


@pytest.fixture
def storage():
    """Give an empty storage in memory."""
    found = fsspec.filesystem("memory")
    found.rm("/bucket", recursive=True) if found.exists("/bucket") else None
    yield found
    found.rm("/bucket", recursive=True)


def put(storage, **parts: str) -> None:
    for name, text in parts.items():
        storage.pipe(f"/bucket/raw/{name.replace('__', '/')}.csv", text.encode())


def copy(folder: Path, pattern: str = "*", address: str = ADDRESS) -> dict[str, tuple[int, str]]:
    """Mirror, and give inode and content of what is there then."""
    mirror(address, pattern, folder / "copy", folder / "copy.json")
    assert sorted(path.name for path in folder.iterdir()) == ["copy", "copy.json"]
    return {
        path.relative_to(folder / "copy").as_posix(): (path.stat().st_ino, path.read_text())
        for path in sorted((folder / "copy").rglob("*"))
        if path.is_file()
    }


def test_new_and_changed_parts_alone_are_copied_and_vanished_ones_removed(storage, tmp_path: Path) -> None:
    put(storage, a="1", b="2", deep__c="3")
    first = copy(tmp_path, "**/*.csv")
    assert {name: text for name, (_, text) in first.items()} == {
        "a.csv": "1",
        "b.csv": "2",
        "deep/c.csv": "3",
    }
    assert copy(tmp_path, "**/*.csv") == first
    put(storage, b="22", d="4")
    storage.rm("/bucket/raw/deep/c.csv")
    second = copy(tmp_path, "**/*.csv")
    assert {name: text for name, (_, text) in second.items()} == {"a.csv": "1", "b.csv": "22", "d.csv": "4"}
    assert second["a.csv"] == first["a.csv"] and not (tmp_path / "copy/deep").exists()


def test_a_copy_that_was_touched_is_copied_anew(storage, tmp_path: Path) -> None:
    put(storage, a="1", b="2")
    copy(tmp_path)
    (tmp_path / "copy/a.csv").write_text("edited")
    (tmp_path / "copy/b.csv").unlink()
    (tmp_path / "copy/stray.csv").write_text("x")
    assert [text for _, text in copy(tmp_path).values()] == ["1", "2"]
    (tmp_path / "copy.json").write_text("no json")
    assert [text for _, text in copy(tmp_path).values()] == ["1", "2"]


def test_a_part_may_become_a_folder(storage, tmp_path: Path) -> None:
    put(storage, a="1")
    copy(tmp_path, "**/*")
    storage.rm("/bucket/raw/a.csv")
    storage.pipe("/bucket/raw/a.csv/b.csv", b"2")
    assert list(copy(tmp_path, "**/*")) == ["a.csv/b.csv"]


def test_what_a_pattern_chooses_is_what_it_chooses_in_a_local_folder(storage, tmp_path: Path) -> None:
    names = ["a.csv", "b.txt", "_SUCCESS", ".x.csv", "2026/a.csv", "2026/01/b.csv", "_tmp/c.csv", "[1].csv"]
    for name in names:
        storage.pipe(f"/bucket/raw/{name}", b"1")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    for pattern in ("*", "*.csv", "**/*.csv", "2026/*", "2026/**/*.csv", "?.csv", "[ab].*", "20*/*.csv"):
        local = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob(pattern) if path.is_file()}
        local = {name for name in local if not any(part[0] in "._" for part in name.split("/"))}
        assert set(list_parts(ADDRESS, pattern)) == local, pattern
        assert set(list_parts(ADDRESS.rstrip("/"), pattern)) == local, pattern


def test_a_folder_without_parts_is_refused_and_the_copy_stays(storage, tmp_path: Path) -> None:
    put(storage, a="1")
    held = copy(tmp_path)
    with pytest.raises(
        DataError, match=r"^memory://bucket/raw/ must hold parts named 'x\*' and has none. It holds a\.csv"
    ):
        copy(tmp_path, "x*")
    storage.rm("/bucket/raw/a.csv")
    storage.pipe("/bucket/other.csv", b"1")
    with pytest.raises(
        DataError, match=r"must be there, and no object's name begins so. Is the address right"
    ):
        copy(tmp_path)
    assert (tmp_path / "copy/a.csv").stat().st_ino == held["a.csv"][0]


class Odd(type(fsspec.filesystem("memory"))):
    """The storage, with a fault of its own."""

    protocol = "odd"
    cachable = False

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("odd://", "memory://"))

    def find(self, path, **options):
        found = super().find(path, **options)
        return found | {"/bucket/raw/x//y.csv": {"size": 1}} if self.fault == "odd name" else found

    def get(self, rpath, lpath, **options):
        super().get(rpath, lpath, **options)
        if self.fault == "busy":
            self.pipe("/bucket/raw/b.csv", b"written meanwhile")

    def get_file(self, rpath, lpath, **options):
        content = self.cat_file(rpath)
        Path(lpath).write_bytes(content[:-1] if self.fault == "short" else content)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("odd name", r"parts must have names that files can have. 'x//y.csv' cannot be one: rename it"),
        (
            "busy",
            "must stay as it is while it is copied, and it was changed: b.csv. Run the stage again when",
        ),
        ("short", "part a.csv must come whole, as it was listed. 2 of 3 bytes came: run the stage again"),
    ],
)
def test_what_is_not_whole_is_refused_and_comes_next_time(
    storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    put(storage, a="123", b="2")
    with monkeypatch.context() as patch:
        patch.setattr("toolkit.mirror.open_storage", lambda _: Odd(fault))
        with pytest.raises(DataError, match=words):
            copy(tmp_path, "**/*.csv", "odd://bucket/raw/")
    meanwhile = "written meanwhile" if fault == "busy" else "2"
    assert [text for _, text in copy(tmp_path, "**/*.csv").values()] == ["123", meanwhile]
