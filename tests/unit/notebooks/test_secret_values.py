"""Values that look like secrets are refused, and ordinary parameters are not."""

from __future__ import annotations

import base64
import random
import string

import pytest

from toolkit.errors import ParamsError
from toolkit.notebooks.secret_values import check_no_secrets, find_secret
from toolkit.params import SECTIONS, STAGES

# Made up here, in pieces, so that no scanner of secrets takes this file for a leak.
SECRETS = [
    ("source", "postgresql://reader:" + "hunter2@db.example/table"),
    ("source", "https://:" + "tok3n@host/path"),
    ("source", "https://store.example/blob?sv=2020&sig=" + "abcdef123456%3D"),
    ("source", "Server=db;Pwd=" + "hunter2;"),
    ("note", "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    ("note", "AKIA" + "ABCDEFGHIJKLMNOP"),
    ("note", "ghp_" + "a1B2" * 9),
    ("note", "glpat-" + "a1B2c3D4e5F6g7H8i9J0"),
    ("note", "xoxb-" + "123456789012-abcdef"),
    ("note", "AIza" + "a1B2c" * 7),
    ("note", "hf_" + "a1B2c" * 7),
    ("note", "sk-" + "a1B2c3D4e5F6g7H8i9J0k1L2"),
    ("note", "Bearer " + "a1B2c3D4e5F6g7H8"),
    ("note", "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE"),
    ("api_key", "short"),
    ("db.password", "x"),
    ("access_token", "0" * 40),
    ("auth", "0123456789abcdef" * 2 + "01234567"),
]
ORDINARY = [
    ("source", "examples/breast_cancer/table.csv"),
    ("source", "data/2026-11-25/Experiment_07/final-table_v12.Parquet"),
    ("source", "https://example.org/data/table.csv?version=12&columns=all"),
    ("source", "https://user@example.org/table"),
    ("key", "row_id"),
    ("key", "patient_identifier_of_the_hospital"),
    ("revision", "0123456789abcdef0123456789abcdef01234567"),
    ("id", "123e4567-e89b-12d3-a456-426614174000"),
    ("label", "MeanCorpuscularHemoglobinConcentration2019InGramsPerDeciliter"),
    ("classes", "benign"),
    ("token", ""),
    ("tokens_per_row", ""),
    ("note", "The password is in the safe; ask the key holder."),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_secret_is_refused_by_kind_and_never_repeated(name: str, value: str) -> None:
    with pytest.raises(ParamsError) as caught:
        check_no_secrets({name: value}, {}, "train.")
    assert str(caught.value).startswith(f"train.{name}: must not look like a secret, and it looks like ")
    assert value not in str(caught.value) or len(value) < 6


@pytest.mark.parametrize(("name", "value"), ORDINARY)
def test_ordinary_value_passes(name: str, value: str) -> None:
    assert find_secret(name, value, {}) == ""


@pytest.mark.parametrize("section", STAGES)
def test_every_default_passes(section: str) -> None:
    check_no_secrets(SECTIONS[section]().model_dump(), {}, "")


def test_nested_values_are_looked_at_and_all_findings_told() -> None:
    with pytest.raises(ParamsError) as caught:
        check_no_secrets({"space": {"a": ["x", "AKIA" + "ABCDEFGHIJKLMNOP"]}, "secret": "s"}, {}, "sweep.")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "sweep.space.a",
        "sweep.secret",
    ]


def test_value_of_a_secret_variable_is_known() -> None:
    assert find_secret("source", "a/plainword/b", {"KEY": "plainword"}) == "the value of KEY"
    assert find_secret("source", "a/abc/b", {"KEY": "abc"}) == ""


def test_random_keys_are_found_and_words_are_not() -> None:
    source = random.Random(1)
    found = sum(
        find_secret("note", base64.b64encode(source.randbytes(30)).decode(), {}) == "a random key"
        for _ in range(500)
    )
    assert found >= 490
    words = ["Mean", "texture", "Worst", "area", "Site2", "v07", "cohort", "Run9", "Lab"]
    named = sum(
        find_secret("note", source.choice("_-/").join(source.choices(words, k=8)), {}) != ""
        for _ in range(500)
    )
    assert named == 0
    assert find_secret("note", string.ascii_letters, {}) == ""
