"""Totals of all workers become the history that the status page shows, kept over restarts."""

import json
import subprocess
import sys
import textwrap


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_requests_latency_labels_and_changes_are_kept(tmp_path):
    code = f"""
    import json
    from pathlib import Path
    import numpy as np
    from toolkit.monitoring.profile import fit_profile, fit_scores
    from toolkit.serving.chronicle import Chronicle, load_history
    from toolkit.serving.ledger import Tally
    from toolkit.serving.metrics import Metrics
    place = Path({str(tmp_path)!r})
    metrics = Metrics(place)
    metrics.requests.labels("predict", 200).inc(3)
    metrics.requests.labels("predict", 400).inc(2)
    metrics.requests.labels("predict", 503).inc(1)
    metrics.requests.labels("schema", 404).inc(9)
    for seconds in (0.0001, 0.003, 0.004, 99):
        metrics.latency.observe(seconds)
    profile = fit_profile({{"x": np.arange(9.0)}}, {{"x": "number"}}, 3)
    profile = profile.with_scores(fit_scores(np.array([0.1, 0.9, 0.8]), ["no", "yes"]))
    counts = profile.count({{"x": [1.0, 2.0]}}, {{"label": ["yes", "yes"], "p_yes": [0.9, 0.8]}})
    status = {{"drift": {{"features": {{"columns": [{{"name": "x", "change": 0.25}}]}}}}}}
    chronicle = Chronicle(place, profile, metrics)
    chronicle.take(Tally(counts), status, now=True)
    chronicle.load()
    metrics.requests.labels("predict", 200).inc(1)
    chronicle.take(Tally(counts), status)  # too early, and nobody looks
    chronicle.take(Tally(counts + counts, lost=7), status, now=True)
    metrics.requests.labels("predict", 200).inc(5)
    told = Chronicle(place, profile, metrics).tell(Tally(counts + counts + counts), status)  # another worker
    assert (told[1]["rows"], told[1]["requests"]) == (6, 12), told
    print(json.dumps(load_history(place)))
    """
    head, entry, changes = json.loads(run(code))
    assert head["labels"] == ["no", "yes"]
    assert (entry["rows"], entry["requests"], entry["errors"], entry["labels"]) == (4, 7, 3, [0, 4])
    assert (entry["failed"], entry["lost"]) == (1, 7)
    assert sum(entry["latency"]) == 4 and entry["latency"][0] == 1 and entry["latency"][-1] == 1
    assert changes["changes"] == [250]
