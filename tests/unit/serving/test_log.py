import errno
import json
import os
from pathlib import Path

import pytest

from toolkit.data.predictions import iterate_log
from toolkit.errors import DataError, ModelError
from toolkit.serving.log import Bounds, SegmentLog, choose_folder, find_folder, keep_folder, list_segments


def records(start, count):
    return [{"id": f"{number:04}", "value": number / 3} for number in range(start, start + count)]


def lines(start, count):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records(start, count))


def read(path):
    return [record for _, record in iterate_log(path)]


def test_what_is_written_is_read_back_in_order(tmp_path):
    log = SegmentLog(tmp_path / "log", "w")
    log.append(lines(0, 3))
    log.append(lines(3, 2))
    log.close()
    assert read(tmp_path / "log") == records(0, 5)


def test_a_torn_last_line_is_passed_over_and_a_torn_line_elsewhere_is_named(tmp_path):
    log = SegmentLog(tmp_path, "w")
    log.append(lines(0, 3))
    log.close()
    segment = next(tmp_path.glob("*.jsonl"))
    data = segment.read_bytes()
    for cut in range(1, len(data)):
        segment.write_bytes(data[:cut])
        assert read(tmp_path) == records(0, data[:cut].count(b"\n"))
    segment.write_bytes(b'{"id": \n' + data)
    with pytest.raises(DataError, match="line 1 must be a JSON record"):
        read(tmp_path)


def test_segments_are_closed_by_size_and_the_oldest_go(tmp_path):
    log = SegmentLog(tmp_path, "w", Bounds(100, 400))
    for number in range(40):
        log.append(lines(number, 1))
    log.close()
    kept = read(tmp_path)
    assert log.removed > 0
    assert kept == records(40 - len(kept), len(kept))
    assert sum(path.stat().st_size for path in tmp_path.glob("*.jsonl")) <= 400 + 100


def test_a_segment_that_the_service_removes_meanwhile_is_passed_over_by_readers(tmp_path):
    (tmp_path / "0-1.jsonl").write_text('{"id": 1}\n')
    (tmp_path / "0-2.jsonl").write_text('{"id": 2}\n')
    (tmp_path / "0-3.jsonl").write_text('{"id": 3}\n')
    reader = iterate_log(tmp_path)
    assert next(reader)[1] == {"id": 1}
    (tmp_path / "0-2.jsonl").unlink()
    assert [record for _, record in reader] == [{"id": 3}]


def test_a_folder_that_vanishes_is_made_again(tmp_path):
    import shutil

    log = SegmentLog(tmp_path / "log", "w")
    log.append(lines(0, 1))
    shutil.rmtree(tmp_path / "log")
    log.append(lines(1, 1))
    log.close()
    assert read(tmp_path / "log") == records(1, 1)


def test_a_full_disk_is_an_error_of_the_system():
    full = "/dev/full"
    if not os.path.exists(full):  # noqa: PTH110
        pytest.skip("there is no /dev/full on this system")

    class Full(SegmentLog):
        def _open(self):
            self._file, self._size = os.open(full, os.O_WRONLY), 0

        def _is_over(self):
            return False

    log = Full(None, "w")
    with pytest.raises(OSError, match="No space left"):
        log.append(lines(0, 3))


def test_a_write_that_stops_half_way_leaves_whole_records_only(tmp_path, monkeypatch):
    log = SegmentLog(tmp_path, "w")
    log.append(lines(0, 2))
    real, calls = os.write, []

    def write(file, data):
        calls.append(len(data))
        if len(calls) == 1:
            return real(file, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        log.append(lines(2, 2))
    monkeypatch.setattr(os, "write", real)
    log.append(lines(4, 1))
    log.close()
    assert read(tmp_path) == records(0, 2) + records(4, 1)


def test_the_folder_is_the_named_one_else_the_projects(tmp_path, monkeypatch):
    for name in ("TOOLKIT_LOG_DIR", "TOOLKIT_ROOT", "BENTOML_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "params.yaml").touch()
    assert choose_folder(tmp_path) == tmp_path / "logs"
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    assert choose_folder(tmp_path / "elsewhere") == tmp_path / "home" / "logs"
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path / "own"))
    assert choose_folder(tmp_path) == tmp_path / "own"


def test_a_named_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path / "file" / "log"))
    with pytest.raises(ModelError, match="TOOLKIT_LOG_DIR must be a folder that can be written to"):
        choose_folder(tmp_path)


@pytest.mark.parametrize(
    ("number", "taken"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EROFS, False)]
)
def test_a_named_folder_on_a_full_disk_is_taken(tmp_path, monkeypatch, number, taken):
    def write_bytes(path, data):
        path.touch()  # an empty file often still finds room
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path))
    if taken:
        assert choose_folder(tmp_path) == tmp_path
    else:
        with pytest.raises(ModelError, match="Read-only file system"):
            choose_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_was_chosen_stays_for_workers_that_start_later(tmp_path, monkeypatch):
    for name in ("TOOLKIT_ROOT", "BENTOML_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOOLKIT_LOG_DIR", "")
    (tmp_path / "params.yaml").touch()
    keep_folder(tmp_path)
    (tmp_path / "logs").rmdir()
    (tmp_path / "logs").touch()  # nothing can be written there now
    assert find_folder(tmp_path) == tmp_path / "logs"
    monkeypatch.setenv("TOOLKIT_LOG_DIR", "own")
    monkeypatch.chdir(tmp_path)
    keep_folder(tmp_path)
    monkeypatch.chdir("/")  # BentoML's workers run elsewhere
    assert find_folder(tmp_path) == tmp_path / "own"


def test_a_segment_that_another_worker_removes_meanwhile_loses_nothing(tmp_path):
    (tmp_path / "0-1.jsonl").symlink_to(tmp_path / "gone")  # listed, but no longer there to be measured
    log = SegmentLog(tmp_path, "w")
    log.append(lines(0, 2))
    log.close()
    (segment,) = list_segments(tmp_path, "w")
    assert read(segment) == records(0, 2)


def test_segments_that_nothing_was_written_to_for_long_go(tmp_path):
    log = SegmentLog(tmp_path, "w", Bounds(age_s=86_400))
    log.append(lines(0, 1))
    log.close()
    (old,) = list_segments(tmp_path, "w")
    os.utime(old, (0, 0))
    log.append(lines(1, 1))
    assert (read(tmp_path), log.removed) == (records(1, 1), 1)
    os.utime(list_segments(tmp_path)[0], (0, 0))
    log.remove_old()
    assert read(tmp_path) == records(1, 1)  # it is still being written
