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
    assert main(["data", "accept"]) == 0  # again: the same, and no harm
    assert capsys.readouterr().out == "Nothing to accept: schemas/t.yaml says already what was proposed.\n"
    assert (project / "schemas/t.yaml").read_bytes() == TEXT.replace("maximum: 5", "maximum: 9.5").encode()


def test_what_was_changed_by_hand_is_passed_over_unless_it_is_something_else(project: Path) -> None:
    added = {"column": "new", "key": "", "old": None, "new": {"type": "integer", "missing": False}}
    gone = {"column": "old", "key": "", "old": {"type": "text", "missing": False}, "new": None}
    proposal = {"schema": 1, "contract": "schemas/t.yaml", "changes": [CHANGE, added, gone]}
    write_json(project / "data/raw/contract_changes.json", proposal)
    path = project / "schemas/t.yaml"
    by_hand = TEXT.replace("5}", "9.5}") + "  new: {type: integer, unit: years}\r\n"
    path.write_bytes(by_hand.encode())
    assert accept_changes(project) == ("schemas/t.yaml", "")
    path.write_bytes(by_hand.replace("9.5}", "5}").encode())
    assert "-  n: {type: number, maximum: 5}" in accept_changes(project)[1]
    assert path.read_bytes() == by_hand.encode()
    path.write_bytes(by_hand.replace("9.5}", "7}").encode())
    with pytest.raises(
        DataError, match="must be as it was when the change was proposed, and is not: n: maximum"
    ):
        accept_changes(project)


def test_a_time_that_yaml_reads_as_a_date_is_changed(project: Path) -> None:
    change = {"column": "t", "key": "maximum", "old": "2024-01-10", "new": "2024-01-20"}
    proposal = {"schema": 1, "contract": "schemas/t.yaml", "changes": [change]}
    write_json(project / "data/raw/contract_changes.json", proposal)
    path = project / "schemas/t.yaml"
    path.write_text(
        "key: id\ncolumns:\n  id: {type: text}\n  t: {type: time, maximum: 2024-01-10} # so far\n"
    )
    assert accept_changes(project)[1].endswith('+  t: {type: time, maximum: "2024-01-20"} # so far')
    assert accept_changes(project)[1] == ""


def test_columns_in_braces_are_left_to_a_person(project: Path) -> None:
    added = {"column": "new", "key": "", "old": None, "new": {"type": "integer", "missing": False}}
    proposal = {"schema": 1, "contract": "schemas/t.yaml", "changes": [added]}
    write_json(project / "data/raw/contract_changes.json", proposal)
    (project / "schemas/t.yaml").write_text("{key: id, columns: {id: {type: text}}}\n")
    with pytest.raises(
        DataError, match=r"schemas/t\.yaml: columns must stand in lines .* by hand: new: is new"
    ):
        accept_changes(project)


def test_without_a_proposal_it_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    assert main(["data", "accept"]) == 0
    assert "Nothing to accept: no change is proposed. collect.on_violation: widen" in capsys.readouterr().out


def test_a_damaged_proposal_is_refused(project: Path) -> None:
    write_json(project / "data/raw/contract_changes.json", {"schema": 1, "changes": [{}]})
    with pytest.raises(DataError, match="no proposal of this version"):
        accept_changes(project)
    assert (project / "schemas/t.yaml").read_bytes() == TEXT.encode()
