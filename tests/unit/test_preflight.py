"""Before the pipeline starts: params.yaml is right, and the files that it names are there."""

import shutil
from pathlib import Path

import pytest
from web_server import Page, serve_pages

from toolkit.errors import ParamsError
from toolkit.preflight import check_project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "examples/breast_cancer").mkdir(parents=True)
    for name in ("table.csv", "annotations.json"):
        (tmp_path / "examples/breast_cancer" / name).write_text("x")
    return tmp_path


def test_shipped_project_passes_before_anything_is_made(project: Path) -> None:
    check_project(project)


def test_every_missing_file_is_named_with_its_key_and_line(project: Path) -> None:
    path = project / "params.yaml"
    text = path.read_text().replace("data/prepared/test.parquet", "mine.csv")
    path.write_text(text)
    (project / "examples/breast_cancer/table.csv").unlink()
    with pytest.raises(ParamsError) as caught:
        check_project(project)
    first, second = str(caught.value).splitlines()
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "mine.csv" in row)
    assert "collect.source: must name a file" in first and "'examples/breast_cancer/table.csv'" in first
    assert (
        second.startswith(f"params.yaml:{line}: predict.input: must name a file") and "'mine.csv'" in second
    )


def test_wrong_value_is_told_first(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("num_leaves: 15", "num_leaves: 1"))
    with pytest.raises(ParamsError, match=r"train\.num_leaves: must be at least 2"):
        check_project(project)


def test_an_address_is_asked_before_anything_runs(project: Path) -> None:
    path = project / "params.yaml"
    text = path.read_text()
    with serve_pages() as web:
        web.pages["/table.csv"] = Page(b"id\n1\n")
        path.write_text(
            text.replace("source: examples/breast_cancer/table.csv", f"source: {web.url}/table.csv")
        )
        check_project(project)
        web.pages["/table.csv"] = Page(b"id\n1\n", headers={"ETag": None})
        with pytest.raises(ParamsError, match=r"collect\.source: http.*must answer with an ETag"):
            check_project(project)
        web.pages.clear()
        with pytest.raises(ParamsError, match=r"collect\.source: http.*The server answered 404"):
            check_project(project)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "task: classification",
            "task: regression",
            "validate.metric: must be one of rmse, mae, r2, as annotate.task",
        ),
        ("task: classification", "task: regression", "annotate.classes: must be [] for a regression"),
        ("metric: roc_auc", "metric: rmse", "validate.metric: must be one of roc_auc, accuracy"),
        (
            'definitions: ""',
            "definitions: features/no.py",
            "prepare.definitions: must name a file that exists",
        ),
        ('generator: ""', "generator: generators/no.py", "collect.generator: must name a file that exists"),
        (
            "source: examples/breast_cancer/table.csv",
            "source: data/raw/table.parquet",
            "collect.source: must be outside of data/, models/ and reports/",
        ),
        (
            'tls_key: ""',
            "tls_key: key.pem",
            "package.tls_certificate: must be given, as TLS takes a certificate and its key. Got the other alone.",
        ),
        ('tls_certificate: ""', "tls_certificate: /etc/own.pem", "package.tls_key: must be given"),
        ('tls_key: ""', "tls_key: key.pem", "package.tls_key: must name a file that exists. Got 'key.pem'"),
        ('test_from: ""', "test_from: next week", "test_from must be a time in ISO 8601"),
        ('test_from: ""', "test_from: 2026-03-01", "in quotes, if YAML takes it for a date"),
    ],
)
def test_what_would_fail_later_is_told_before(project: Path, old: str, new: str, words: str) -> None:
    path = project / "params.yaml"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ParamsError) as caught:
        check_project(project)
    assert words in str(caught.value)


def test_a_certificate_of_another_machine_is_left_to_that_machine(project: Path) -> None:
    path = project / "params.yaml"
    (project / "key.pem").touch()
    text = path.read_text().replace('tls_certificate: ""', "tls_certificate: /run/secrets/certificate.pem")
    path.write_text(text.replace('tls_key: ""', "tls_key: key.pem"))
    check_project(project)


def test_valid_begins_before_test(project: Path) -> None:
    path = project / "params.yaml"
    text = path.read_text().replace('valid_from: ""', "valid_from: '2026-03-01'")
    path.write_text(text.replace('test_from: ""', "test_from: '2026-02-01'"))
    with pytest.raises(ParamsError, match="valid_from must be before test_from"):
        check_project(project)


@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("", "must name the database that examples/rows.sql asks: sqlite:///path or"),
        (
            "sqlite:///examples/no.db",
            "must name a database file that exists. Got 'examples/no.db', and there is none.",
        ),
        ("sqlite:///examples", "Got 'examples', and it is a folder."),
    ],
)
def test_the_database_of_a_query_is_there(project: Path, database: str, words: str) -> None:
    path = project / "params.yaml"
    text = path.read_text().replace("source: examples/breast_cancer/table.csv", "source: examples/rows.sql")
    path.write_text(text.replace('database: ""', f'database: "{database}"'))
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "  database:" in row)
    with pytest.raises(ParamsError) as caught:
        check_project(project)
    source, wrong = str(caught.value).splitlines()
    assert "collect.source: must name a file that exists" in source and "'examples/rows.sql'" in source
    assert wrong.startswith(f"params.yaml:{line}: collect.database: ") and words in wrong
    (project / "examples/rows.sql").write_text("SELECT 1")
    (project / "examples/there.db").write_bytes(b"")
    for good in ("sqlite:///examples/there.db", "postgresql://localhost/rows"):
        path.write_text(text.replace('database: ""', f'database: "{good}"'))
        check_project(project)
    path.write_text(
        path.read_text().replace("source: examples/rows.sql", "source: examples/breast_cancer/table.csv")
    )
    path.write_text(path.read_text().replace("postgresql://localhost/rows", database))
    check_project(project)
