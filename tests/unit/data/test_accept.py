"""What was proposed is written into the contract, once."""

from pathlib import Path

import pytest

from toolkit.artifacts import write_json
from toolkit.cli import main
from toolkit.data.accept import accept_changes
from toolkit.errors import DataError

TEXT = "key: id # mine\r\ncolumns:\r\n  id: {type: text}\r\n  n: {type: number, maximum: 5} # so far\r\n"
CHANGE = {"column": "n", "key": "maximum", "old": 5, "new": 9.5}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/t.yaml").write_bytes(TEXT.encode())
    write_json(
        tmp_path / "data/raw/contract_changes.json",
        {"schema": 1, "contract": "schemas/t.yaml", "changes": [CHANGE]},
    )
    return tmp_path


def test_a_proposal_is_written_and_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(project))
    assert main(["data", "accept"]) == 0
    assert (project / "schemas/t.yaml").read_bytes() == TEXT.replace("maximum: 5", "maximum: 9.5").encode()
    shown = capsys.readouterr().out
    assert "-  n: {type: number, maximum: 5} # so far\n+  n: {type: number, maximum: 9.5} # so far" in shown
    assert main(["data", "accept"]) == 1
    assert "must be as it was when the change was proposed" in capsys.readouterr().err


def test_without_a_proposal_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"collect\.on_violation to widen"):
        accept_changes(tmp_path)


def test_a_damaged_proposal_is_refused(project: Path) -> None:
    write_json(project / "data/raw/contract_changes.json", {"schema": 1, "changes": [{}]})
    with pytest.raises(DataError, match="no proposal of this version"):
        accept_changes(project)
    assert (project / "schemas/t.yaml").read_bytes() == TEXT.encode()
