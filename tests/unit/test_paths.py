"""Paths stay in the project, and addresses hold no credentials."""

import pytest
from pydantic import ValidationError

from toolkit.params import Collect


@pytest.mark.parametrize(
    "value",
    ["raw/table.csv", "raw", "https://example.com/t.csv?version=2", "s3://bucket/deep/t.parquet", "q.sql"],
)
def test_sources_in_the_project_and_addresses_pass(value: str) -> None:
    assert Collect(source=value).source == value


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "../table.csv"}, "must be a path inside the project"),
        ({"source": "/etc/passwd"}, "must be a path inside the project"),
        ({"source": "~/t.csv"}, "must be a path inside the project"),
        ({"source": "ftp://example.com/t.csv"}, "must begin with one of http, https, s3"),
        ({"source": "file:///etc/passwd"}, "must begin with one of http, https, s3"),
        ({"source": "https://me:secret@example.com/t.csv"}, "must name no user and no password"),
        ({"source": "https://example.com/"}, "must name one file"),
        ({"source": "https://example.com/rows/"}, "over http there is no list of a folder's files"),
        ({"source": "s3:///rows/"}, "must name one file"),
        ({"database": "sqlite://data/x.db"}, "must have three slashes"),
        ({"database": "sqlite:////etc/x.db"}, "must be a path inside the project"),
        ({"database": "sqlite:///../x.db"}, "must be a path inside the project"),
        ({"database": "mysql://host/db"}, "must be sqlite:///path or postgresql://host:port/name"),
        ({"database": "postgresql://host"}, "must be sqlite:///path or postgresql://host:port/name"),
        ({"database": "postgresql://me:secret@host/db"}, "must name no user and no password: set PGUSER"),
        ({"database": "postgresql://me@host/db"}, "must name no user and no password"),
        ({"database": "postgresql://host/db?password=secret"}, "must name no user and no password"),
        ({"delimiter": "ab"}, "must be one ASCII character"),
        ({"delimiter": '"'}, "must be one ASCII character"),
        ({"encoding": "utf-9"}, "must be an encoding of text that Python knows"),
        ({"generator": "../g.py"}, "must be a path inside the project"),
    ],
)
def test_what_leads_out_or_holds_a_secret_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Collect(**values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["s3://bucket", "s3://bucket/rows/", "s3://bucket/rows", "s3://bucket/a.csv", "https://x.com/a.csv?b=/"],
)
def test_folders_and_buckets_of_object_storage_are_sources(value: str) -> None:
    assert Collect(source=value).source == value


@pytest.mark.parametrize(
    "value", ["sqlite:///data/x.db", "postgresql://localhost/db", "postgresql:///db", ""]
)
def test_databases_without_credentials_pass(value: str) -> None:
    assert Collect(database=value).database == value
