"""What an address names is copied whole, or not at all and with the reason."""

import errno
import gzip
import sys
from pathlib import Path

import pytest
from fsspec.registry import _registry
from web_server import Page, serve_pages

from toolkit.download import check_version, download, explain
from toolkit.errors import DataError

CSV = b"id,a\n" + b"x,1\n" * 50_000


@pytest.fixture
def web():
    with serve_pages() as found:
        yield found


def refuse(address: str, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        download(address, folder)
    return str(caught.value)


def test_a_file_is_copied_under_its_name(web, tmp_path: Path) -> None:
    web.pages["/deep/table.csv"] = Page(CSV)
    path, version = download(f"{web.url}/deep/table.csv?version=2", tmp_path)
    assert version[0] == str(len(CSV)) and path.name == "table.csv" and path.read_bytes() == CSV
    assert web.asked == [f"{m} /deep/table.csv?version=2" for m in ("HEAD", "GET", "HEAD")]


def test_a_packed_file_stays_packed(web, tmp_path: Path) -> None:
    packed = gzip.compress(CSV)
    web.pages["/a.csv.gz"] = Page(packed)
    assert download(f"{web.url}/a.csv.gz", tmp_path)[0].read_bytes() == packed


def test_an_answer_that_is_a_web_page_is_refused(web, tmp_path: Path) -> None:
    web.pages["/a.csv"] = Page(b"<html>Sign in</html>", headers={"Content-Type": "text/html; charset=utf-8"})
    found = refuse(f"{web.url}/a.csv", tmp_path)
    assert found.startswith(f"{web.url}/a.csv must give a table. It answers with a web page (text/html)")


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (Page(b"", 404), "must be there. The server answered 404 Not Found. Is the address right?"),
        (
            Page(b"", 403),
            "must be there. The server answered 403 Forbidden. Does it need to be signed in to?",
        ),
        (Page(b"", 503), "must be there. The server answered 503 Service Unavailable."),
        (Page(CSV, headers={"Content-Length": str(len(CSV) + 7)}), "must come whole"),
    ],
)
def test_an_answer_that_is_an_error_or_cut_short_is_refused(web, tmp_path: Path, page, message: str) -> None:
    web.pages["/a.csv"] = page
    assert message in refuse(f"{web.url}/a.csv", tmp_path)
    assert list(tmp_path.rglob("*.csv")) == []


def test_a_file_that_changes_meanwhile_is_refused_and_the_earlier_copy_stays(web, tmp_path: Path) -> None:
    address = f"{web.url}/a.csv"
    web.pages["/a.csv"] = Page(b"old")
    kept, _ = download(address, tmp_path)
    web.pages["/a.csv"] = Page(CSV, after=lambda: web.pages.update({"/a.csv": Page(CSV + b"y,2\n")}))
    assert "must stay as it is while it is copied, and it was changed" in refuse(address, tmp_path)
    assert kept.read_bytes() == b"old"


def test_a_server_that_is_down_is_told(tmp_path: Path) -> None:
    assert "http://127.0.0.1:9/a.csv must be reachable. " in refuse("http://127.0.0.1:9/a.csv", tmp_path)


def test_a_version_is_needed_to_see_changes(web) -> None:
    web.pages["/a.csv"] = Page(CSV)
    check_version(f"{web.url}/a.csv")
    web.pages["/a.csv"] = Page(CSV, headers={"ETag": None})
    with pytest.raises(DataError, match="must answer with an ETag, by which DVC sees"):
        check_version(f"{web.url}/a.csv")


def test_a_scheme_whose_package_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # fsspec remembers the class that another test may have loaded.
    monkeypatch.delitem(_registry, "s3", raising=False)
    found = refuse("s3://bucket/a.csv", tmp_path)
    assert (
        found == "s3://bucket/a.csv needs dvc-s3, which is not installed. Run './run uv pip install dvc-s3'."
    )


def test_any_file_system_of_fsspec_is_read(tmp_path: Path) -> None:
    import fsspec

    with fsspec.open("memory://bucket/a.csv", "wb") as file:
        file.write(CSV)
    assert download("memory://bucket/a.csv", tmp_path)[0].read_bytes() == CSV
    assert "memory://bucket/b.csv must be there and is not" in refuse("memory://bucket/b.csv", tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "s3://b/a.csv must fit on this machine's disk"),
        (PermissionError("Access Denied"), "must be yours to read. The storage answered: Access Denied."),
        (ValueError("Partial credentials found"), "needs credentials, and there are none, or no whole ones."),
        (ValueError(""), "must be reachable. ValueError."),
    ],
)
def test_other_faults_are_told(error: Exception, words: str) -> None:
    assert words in str(explain("s3://b/a.csv", error))
