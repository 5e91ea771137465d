"""The comparison of experiments, from DVC's answer."""

from toolkit.widgets.experiments import Run, compare, parse_runs
from toolkit.widgets.experiments_view import render_comparison


def entry(rev: str, rate: float, auc: float, **more: object) -> dict:
    data = {
        "params": {"params.yaml": {"data": {"train": {"learning_rate": rate, "seed": 1}}}},
        "metrics": {"reports/train/metrics.json": {"data": {"valid": {"auc": auc}}}},
    }
    return {"rev": rev, "data": data, **more}


ANSWER = [
    entry("workspace", 0.1, 0.99),
    entry(
        "0123456789abcdef",
        0.05,
        0.98,
        name="main",
        experiments=[{"name": "slow", "revs": [entry("fedcba9876543210", 0.01, 0.97)]}, {"revs": []}],
    ),
]


def test_runs_come_as_workspace_commit_experiments() -> None:
    runs = parse_runs(ANSWER)
    assert [run.name for run in runs] == ["workspace", "main", "slow"]
    assert runs[2].params == {"train.learning_rate": 0.01, "train.seed": 1}
    assert runs[2].metrics == {"train.valid.auc": 0.97}


def test_only_what_differs_is_compared_with_the_commit() -> None:
    comparison = compare(parse_runs(ANSWER))
    assert comparison.params == ("train.learning_rate",)
    assert comparison.metrics == ("train.valid.auc",)
    assert comparison.baseline.name == "main"
    assert "(-0.01)" in render_comparison(comparison)


def test_nothing_different_is_said() -> None:
    assert "No difference" in render_comparison(compare(parse_runs([ANSWER[1] | {"experiments": None}])))


def test_names_and_errors_are_never_markup() -> None:
    runs = [Run("<b>", "1", {"a": 1}), Run("c", "2", {"a": "<i>"}), Run("d", "3", error="<u>")]
    page = render_comparison(compare(runs))
    assert not {"<b>", "<i>", "<u>"} & {page[i : i + 3] for i in range(len(page))}


def test_an_experiment_that_dvc_cannot_read_has_its_error() -> None:
    runs = parse_runs([{"rev": "workspace", "error": {"msg": "broken dvc.lock", "type": "X"}}])
    assert runs[0].error == "broken dvc.lock"
