"""What BentoML imports before anything is verified takes any package: the check says what is wrong with it."""

import subprocess
import sys
from pathlib import Path

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
