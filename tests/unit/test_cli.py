"""A mistake on the command line, or of the system, is one message and never a stack trace."""

import subprocess
import sys

import pytest

from toolkit.cli import main


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--port", "99999", "0 to 65535"), ("--port", "-1", "0 to 65535")],
)
def test_a_number_out_of_range_is_told(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["serve", option, value])
    assert end.value.code == 2
    assert f"{said}. Got '{value}' instead." in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "65", "many"])
def test_a_wrong_number_of_workers_is_told_by_the_name_it_was_given_under(
    number: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert main(["serve", "--workers", number]) == 1
    assert (
        f"--workers must be a whole number from 1 to 64, or auto. Got '{number}'" in capsys.readouterr().err
    )
    monkeypatch.setenv("TOOLKIT_WORKERS", number)
    assert main(["serve"]) == 1
    assert "TOOLKIT_WORKERS must be a whole number" in capsys.readouterr().err


def test_what_the_system_refuses_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied", "/data/raw")

    monkeypatch.setattr("toolkit.summary.summarize", refuse)
    assert main(["summary"]) == 1
    assert capsys.readouterr().err == "toolkit: /data/raw: Permission denied\n"


def test_output_that_nobody_reads_any_more_is_no_error() -> None:
    code = "import toolkit.cli; toolkit.cli._params = lambda _: [print('x' * 100) for _ in range(9999)] and None\n"
    code += "raise SystemExit(toolkit.cli.main(['params']))"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.close()
    _, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (141, b"")
