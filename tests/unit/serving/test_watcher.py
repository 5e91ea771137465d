"""One worker watches for all, goes on after a restart, and tells each alarm once."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import fit_profile
from toolkit.serving.ledger import Ledger, Tally, load_total
from toolkit.serving.watcher import FEATURES, STATE, Watcher, load_status

PROFILE = fit_profile({"x": np.arange(1000.0)}, {"x": "number"}, 10)


def make_detectors(values):
    if values is None:
        return {FEATURES: DriftDetector(PROFILE, 0.02, 30)}
    return {FEATURES: DriftDetector.from_dict(PROFILE, values[FEATURES], 0.02, 30)}


class Server:
    """Workers' counts, and watchers over them."""

    def __init__(self, place):
        self.folders = place / "monitoring", place / "predictions"
        self.ledger = Ledger(self.folders[0], "a", PROFILE)
        self.told = []

    def watch(self):
        return Watcher(
            *self.folders,
            PROFILE,
            make_detectors,
            notifier=SimpleNamespace(add=lambda *news: self.told.append(news), counts={}),
        )

    def count(self, values):
        self.ledger.announce(after := self.ledger.tally + Tally(PROFILE.count({"x": values})))
        self.ledger.tally = after

    def status(self):
        return load_status(self.folders[0])

    def die(self, watcher):
        """End a leader as kill -9 does: nothing is saved."""
        os.close(watcher._file)
        watcher._file = -1


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path)


def test_one_of_several_watches_and_another_takes_over(server):
    first, second = server.watch(), server.watch()
    server.count([1.0] * 10)
    first.step(now=True)
    second.step(now=True)
    assert (first.leading, second.leading) == (True, False)
    assert server.status()["drift"]["features"]["rows"] == 10
    server.die(first)
    server.count([2.0] * 5)
    second.step(now=True)
    assert second.leading and server.status()["drift"]["features"]["rows"] == 15


def test_rows_that_were_counted_after_the_last_save_are_seen_once_by_the_next(server):
    rng = np.random.default_rng(0)
    first = server.watch()
    server.count(rng.uniform(0, 999, 300))
    first.step(now=True)
    saved = (server.folders[0] / STATE).read_bytes()
    server.count(rng.uniform(0, 999, 300))
    first.step(now=True)
    (server.folders[0] / STATE).write_bytes(saved)  # as if it had been killed before this save
    server.die(first)
    second = server.watch()
    second.step(now=True)
    total = load_total(*server.folders, PROFILE)[0].counts
    assert server.status()["drift"]["features"]["rows"] == total.rows == 600


def test_drift_is_told_once_over_restarts_and_its_end_too(server, caplog):
    watcher = server.watch()
    for _ in range(4):
        server.count([5000.0] * 256)
        watcher.step(now=True)
    [(raised, cleared)] = server.told
    assert (raised[0]["column"], raised[0]["watch"], cleared) == ("x", "features", [])
    assert raised[0]["raised_s"] and server.status()["alarms"][0]["message"] == raised[0]["message"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    watcher.step(now=True)
    server.die(watcher)
    watcher, rng = server.watch(), np.random.default_rng(0)
    while len(server.told) == 1 and server.ledger.tally.counts.rows < 100_000:
        server.count(rng.uniform(0, 999, 256))
        watcher.step(now=True)
    assert [(len(raised), len(cleared)) for raised, cleared in server.told] == [(1, 0), (0, 1)]
    assert server.told[1][1][0]["cleared_s"] and not server.status()["drift"]["features"]["active_alarms"]


def test_drift_after_a_weekend_without_rows_began_with_its_first_row(server, monkeypatch):
    now = [1_700_000_000.0]
    monkeypatch.setattr("toolkit.serving.watcher.time", SimpleNamespace(time=lambda: now[0]))
    watcher = server.watch()
    server.count([1.0, 500.0] * 5)
    watcher.step(now=True)
    for _ in range(3):
        now[0] += 86_400
        watcher.step()
    for _ in range(4):
        now[0] += 1
        server.count([5000.0] * 256)
        watcher.step()
    [alarm] = server.status()["alarms"]
    assert alarm["since_row"] == 10 and alarm["since_s"] == 1_700_000_000.0 + 3 * 86_400


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"seen": 3}', b"\x00" * 100])
def test_a_damaged_state_is_left_and_said(server, caplog, damage):
    watcher = server.watch()
    server.count([1.0] * 10)
    watcher.step(now=True)
    server.die(watcher)
    (server.folders[0] / STATE).write_bytes(damage)
    watcher = server.watch()
    server.count([1.0] * 10)
    watcher.step(now=True)
    assert "not from where it was left" in caplog.text
    assert server.status()["drift"]["features"]["rows"] == 20  # the counts are kept elsewhere


def test_small_blocks_wait_unless_somebody_looks(server):
    watcher = server.watch()
    server.count([1.0] * 10)
    watcher.step()
    assert server.status() == {} or server.status()["drift"]["features"]["rows"] == 0
    watcher.refresh()
    assert server.status()["drift"]["features"]["rows"] == 10
    server.count([1.0] * 300)
    watcher.step()
    assert watcher._detectors[FEATURES].rows == 310


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path, caplog):
    (tmp_path / "monitoring").touch()
    server = Server(tmp_path)
    watcher = server.watch()
    watcher.refresh()
    assert not watcher.leading
    (tmp_path / "monitoring").unlink()
    server.count([1.0])
    watcher.refresh()
    assert watcher.leading


def test_drift_is_told_and_shown_where_it_cannot_be_saved(server):
    server.count(np.arange(1000.0))
    watcher = server.watch()
    watcher.refresh()
    (server.folders[0] / STATE).unlink()
    (server.folders[0] / STATE / "in the way").mkdir(parents=True)
    for _ in range(3):
        server.count([999.0] * 1000)
        with pytest.raises(OSError):
            watcher.step(now=True)
    ((raised, cleared),) = server.told
    assert [alarm["column"] for alarm in raised] == ["x"] and not cleared
    assert [alarm["column"] for alarm in watcher.status["alarms"]] == ["x"] and not server.status()["alarms"]
