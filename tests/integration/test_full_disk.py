"""A disk without room: answers are counted, the loss too, and logging goes on when there is room again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="a small disk is mounted by root, on Linux"
    ),
]
SCRIPT = """
import json, os, sys
from pathlib import Path
from toolkit.data.predictions import iterate_log
from toolkit.monitoring.profile import load_profile
from toolkit.serving.ledger import Ledger, load_total
from toolkit.serving.log import SegmentLog
from toolkit.serving.model import load_unproved
from toolkit.serving.recorder import Recorder
from toolkit.serving.records import Answered, RecordMaker

disk, package, row = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
model, profile = load_unproved(package), load_profile(package / "profile.json")
folders = disk / "monitoring", disk / "predictions"
recorder = Recorder(profile, Ledger(folders[0], "w", profile), RecordMaker("v"), SegmentLog(folders[1], "w"))
told = []


def answer():
    rows = [row] * 500
    waiting = recorder.waiting
    waiting.add(Answered(0.5, 0.001, waiting.make_ids(500), model.predict_rows(rows), rows))
    recorder.flush()
    total = load_total(*folders, profile)[0]  # as another worker sees it
    told.append((total.counts.rows, total.written, total.lost, bool(recorder.failure)))


answer()
fill = os.open(disk / "fill", os.O_WRONLY | os.O_CREAT)
try:
    while os.write(fill, bytes(4096)):
        pass
except OSError:
    pass
for _ in range(3):
    answer()
os.close(fill)
os.unlink(disk / "fill")
answer()
print(json.dumps([told, sum(1 for _ in iterate_log(folders[1]))]))
"""


def test_counts_go_on_and_what_is_lost_is_known(make_packaged, tmp_path):
    packaged = make_packaged()
    script, disk = tmp_path / "script.py", tmp_path / "disk"
    script.write_text(SCRIPT)
    disk.mkdir()
    mounted = f'mount -t tmpfs -o size=2000000 tmpfs {disk} && exec {sys.executable} {script} "$@"'
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        mounted,
        "sh",
        disk,
        packaged.folder,
        json.dumps(packaged.rows(1)[0]),
    ]
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    told, logged = json.loads(done.stdout)
    assert told == [
        [500, 500, 0, False],
        [1000, 500, 500, True],
        [1500, 500, 1000, True],
        [2000, 500, 1500, True],
        [2500, 1000, 1500, False],
    ]
    assert logged == 1000
