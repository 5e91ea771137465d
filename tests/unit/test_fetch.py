"""An address is a file's or a folder's; one copy is kept, and looked at again when it has been read."""

from pathlib import Path

import fsspec
import pytest
from web_server import Page, serve_pages

from toolkit.errors import DataError
from toolkit.fetch import check_address, fetch


@pytest.fixture
def web():
    with serve_pages() as found:
        yield found


@pytest.fixture
def folder():
    """Give the address of a folder with a part."""
    storage = fsspec.filesystem("memory")
    storage.pipe("/bucket/raw/a.csv", b"1")
    yield "memory://bucket/raw"
    storage.rm("/bucket", recursive=True)


def test_only_the_last_address_is_kept(web, folder: str, tmp_path: Path) -> None:
    web.pages |= {"/a.csv": Page(b"a"), "/b.csv": Page(b"b")}
    fetch(f"{web.url}/a.csv", tmp_path)
    assert fetch(f"{web.url}/b.csv", tmp_path).path.read_bytes() == b"b"
    assert [file.name for file in tmp_path.rglob("*.csv")] == ["b.csv"]
    parts = fetch(folder, tmp_path, "*").path
    assert [file.parent for file in tmp_path.rglob("*.csv")] == [parts]
    assert fetch(f"{folder}/a.csv", tmp_path, "*").path.read_bytes() == b"1"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_changes_while_it_is_read_is_told(web, folder: str, tmp_path: Path) -> None:
    web.pages["/a.csv"] = Page(b"old")
    copies = [fetch(f"{web.url}/a.csv", tmp_path / "file"), fetch(folder, tmp_path / "parts", "*")]
    for copy in copies:
        copy.check_current()
    web.pages["/a.csv"] = Page(b"new")
    fsspec.filesystem("memory").pipe("/bucket/raw/b.csv", b"2")
    for copy, told in zip(copies, ("", ": b.csv"), strict=True):
        with pytest.raises(
            DataError, match=f"while it is read, and it was changed{told}. Run the stage again"
        ):
            copy.check_current()


def test_a_folder_where_a_file_is_needed_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"memory://bucket/raw must name one file, and is a folder. Name the file"
    ):
        fetch(folder, tmp_path)


def test_a_folder_is_looked_at_before_the_run(folder: str) -> None:
    check_address(folder, "*.csv")
    with pytest.raises(DataError, match="must hold parts named"):
        check_address(folder, "*.parquet")
    with pytest.raises(DataError, match="memory://bucket/none must be there and is not"):
        check_address("memory://bucket/none", "*")
