"""The raw table comes from a real S3 server: a file, or a folder whose parts are copied once each."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from data_project import make_data_project, set_params
from s3_server import BUCKET, Bucket, serve_s3

from toolkit.data.sources import open_source
from toolkit.errors import DataError, ParamsError
from toolkit.fetch import check_address, fetch
from toolkit.mirror import list_parts
from toolkit.params import Collect
from toolkit.pipeline import load_lock
from toolkit.preflight import check_project

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "examples/breast_cancer/table.csv"
FOLDER = f"s3://{BUCKET}/rows/"
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server():
    with serve_s3() as found:
        yield found


@pytest.fixture
def bucket(server: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Give an empty bucket that the standard variables of the environment lead to, and nothing else does."""
    for listed in server.client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        server.remove(listed["Key"])
    server.copied.clear()
    environment = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return server


def cut_table(parts: int) -> list[bytes]:
    """Give the shipped table in parts, each with the header."""
    header, *rows = TABLE.read_bytes().splitlines(keepends=True)
    size = -(-len(rows) // parts)
    return [header + b"".join(rows[start : start + size]) for start in range(0, len(rows), size)]


def read_rows(source: str, root: Path, path: Path) -> pa.Table:
    opened = open_source(Collect(source=source), root, path)
    return pa.Table.from_batches(opened.batches()).combine_chunks()


def test_dvc_and_the_stage_see_a_part_that_is_added(bucket: Bucket, tiny_project) -> None:
    tiny_project.take_shipped()
    first, second, third = cut_table(3)
    bucket.put("rows/2026-01.csv", first)
    bucket.put("rows/2026-02.csv", second)
    bucket.put("rows/notes.txt", b"chosen by no pattern")
    tiny_project.set_param("source: examples/breast_cancer/table.csv", f"source: {FOLDER}")
    tiny_project.set_param('pattern: "*"', 'pattern: "2026-*.csv"')
    done = tiny_project.dvc("repro", "collect")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(bucket.copied) == ["rows/2026-01.csv", "rows/2026-02.csv"]
    dep = next(dep for dep in load_lock(tiny_project.root)["collect"]["deps"] if dep["path"] == FOLDER)
    assert dep["nfiles"] == 3
    assert "didn't change, skipping" in tiny_project.dvc("repro", "collect").stdout
    bucket.copied.clear()
    bucket.put("rows/2026-03.csv", third)
    done = tiny_project.dvc("repro", "collect")
    assert done.returncode == 0, done.stdout + done.stderr
    assert bucket.copied == ["rows/2026-03.csv"]
    parts = json.loads(tiny_project.read("data/raw/source.json"))["parts"]
    assert [part["name"] for part in parts] == [f"{FOLDER}2026-0{month}.csv" for month in (1, 2, 3)]
    assert json.loads(tiny_project.read("reports/collect/metrics.json"))["rows"] == 569


def test_a_file_and_a_folder_give_the_rows_that_a_local_file_gives(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("table.csv", TABLE.read_bytes())
    for number, part in enumerate(cut_table(2)):
        bucket.put(f"rows/{number}.csv", part)
    expected = read_rows("examples/breast_cancer/table.csv", ROOT, TABLE)
    for address in (f"s3://{BUCKET}/table.csv", FOLDER, FOLDER.rstrip("/")):
        copy = fetch(address, tmp_path, "*")
        assert read_rows(address, tmp_path, copy.path).equals(expected)
    bucket.remove("rows/0.csv")
    copy = fetch(address, tmp_path, "*")
    assert read_rows(address, tmp_path, copy.path).equals(expected.slice(285))
    # Two addresses of one folder, and parts come side by side.
    assert sorted(bucket.copied) == ["rows/0.csv", "rows/0.csv", "rows/1.csv", "rows/1.csv", "table.csv"]


def test_what_is_wrong_with_a_part_is_told_with_its_address(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("rows/a.csv", b"id,x\n1,2\n")
    bucket.put("rows/b.txt", b"")
    copy = fetch(FOLDER, tmp_path, "*")
    with pytest.raises(DataError, match=rf"^{FOLDER}b.txt must end in .csv"):
        read_rows(FOLDER, tmp_path, copy.path)
    bucket.put("rows/b.csv", b"id\n1\n")
    copy = fetch(FOLDER, tmp_path, "*.csv")
    with pytest.raises(DataError, match=rf"^{FOLDER}b.csv must have the columns of {FOLDER}a.csv"):
        read_rows(FOLDER, tmp_path, copy.path)


def test_parts_are_told_apart_by_their_etag(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("rows/a.csv", b"id\n1\n")
    bucket.put("rows/b.csv", b"id\n2\n")
    bucket.put("rows/", b"")  # as consoles mark a folder
    assert [path.name for path in sorted(fetch(FOLDER, tmp_path, "*").path.iterdir())] == ["a.csv", "b.csv"]
    bucket.copied.clear()
    bucket.put("rows/b.csv", b"id\n3\n")
    copy = fetch(FOLDER, tmp_path, "*")
    assert bucket.copied == ["rows/b.csv"] and (copy.path / "b.csv").read_bytes() == b"id\n3\n"
    assert sorted(list_parts(f"s3://{BUCKET}", "*/*.csv")) == ["rows/a.csv", "rows/b.csv"]
    bucket.put("rows/a.csv", b"id\n4\n")
    with pytest.raises(
        DataError, match=r"was changed: a\.csv\. Run the stage again when nothing writes to it"
    ):
        copy.check_current()


@pytest.mark.parametrize(
    ("address", "unset", "words"),
    [
        ("s3://nowhere/rows/", "", "must be in a bucket that exists, and there is no such bucket."),
        ("s3://nowhere/a.csv", "", "must be in a bucket that exists, and there is no such bucket."),
        (f"s3://{BUCKET}/none/", "", "must be there, and no object's name begins so. Is the address right?"),
        (f"s3://{BUCKET}/none.csv", "", "must be there and is not. Is the address right?"),
        (FOLDER, "AWS_ACCESS_KEY_ID", "needs credentials, and there are none, or no whole ones."),
        (f"{FOLDER}a.csv", "AWS_ACCESS_KEY_ID", "For s3, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_is_not_there_or_not_allowed_is_told_before_the_run(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, unset: str, words: str
) -> None:
    bucket.put("rows/a.csv", b"id\n1\n")
    if unset:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    project = make_data_project(tmp_path)
    set_params(project, collect={"source": address})
    with pytest.raises(ParamsError) as caught:
        check_project(project)
    (finding,) = str(caught.value).splitlines()
    assert f"collect.source: {address} " in finding and words in finding


def test_a_server_that_is_down_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(DataError, match=r"must be reachable\. Could not connect to the endpoint URL"):
        check_address(FOLDER, "*")
