"""What BentoML imports before anything is verified takes any package: the check says what is wrong with it.

What is wrong around the service ends its start; a worker that is started anew serves on.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from toolkit.errors import ModelError
from toolkit.serving import service

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = r"""
import os, sys
from pathlib import Path
from toolkit.serving import service

damages = [
    ("settings.json", b"[]"),
    ("settings.json", b'{"tls_certificate": ["x"], "tls_key": 3}'),
    ("settings.json", b"\xff\xfe"),
    ("tag.txt", b"\xff\xfe"),
    ("tag.txt", b"Bad name!:1"),
    ("tag.txt", b""),
]
for number, (name, data) in enumerate(damages):
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    (folder / name).write_bytes(data)
    os.environ["TOOLKIT_PACKAGE"] = str(folder)
    assert (service.read_name(), service.choose_tls()) == ("model", {}), data
    try:
        service.Prediction.check()
    except SystemExit as end:
        print(end)
"""


def test_a_damaged_package_is_left_to_the_check(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("error: ") and "has no manifest.json" in line for line in lines)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker outlives a server that is killed")
def test_a_worker_whose_server_was_killed_while_it_started_ends():
    code = "from toolkit.serving import service; service.tie_to_server(); print('serves')"
    done = []
    for server in (str(os.getpid()), "1", ""):
        environment = {**os.environ, service.SERVER: server}
        command = [sys.executable, "-W", "ignore", "-c", code]
        done.append(
            subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        )
    assert [(each.returncode, each.stdout) for each in done] == [(0, "serves\n"), (143, ""), (0, "serves\n")]


def test_a_key_that_is_missing_refuses_to_start(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path))
    monkeypatch.setenv("TOOLKIT_LOG_KEY", "short")
    with pytest.raises(ModelError, match="needs the key TOOLKIT_LOG_KEY"):
        service.check_surroundings({"log": {"personal": "hash"}})


def test_a_folder_that_nothing_can_be_written_to_ends_a_start_and_no_worker(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path / "file" / "logs"))
    with pytest.raises(ModelError, match="TOOLKIT_LOG_DIR must be a folder that can be written to"):
        service.check_surroundings({"log": {"personal": "leave_out"}})
    for name in ("Monitor", "Endpoints", "describe_lineage"):
        monkeypatch.setattr(service, name, mock.Mock())
    service.build_endpoints(mock.Mock(folder=tmp_path))
    assert service.Monitor.call_args.args[1] == tmp_path / "file" / "logs"


def test_another_server_of_the_same_model_over_the_same_folder_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path))
    monkeypatch.setattr(service.logger, "propagate", True)
    service.warn_of_others("model:1")  # nothing is there yet
    folder = tmp_path / "monitoring" / "model-1"
    folder.mkdir(parents=True)
    with (folder / "leader.lock").open("wb") as lock:
        service.warn_of_others("model:1")  # the one that was there has ended
        assert not caplog.messages
        fcntl.flock(lock, fcntl.LOCK_EX)
        service.warn_of_others("model:2")
        assert not caplog.messages
        service.warn_of_others("model:1")
    (message,) = caplog.messages
    assert message.startswith(f"Another server of model:1 counts in {tmp_path} as well.")
    assert "TOOLKIT_LOG_DIR" in message
