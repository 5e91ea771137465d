"""Gates: what lets a model pass, what stops it, and that each says why."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from toolkit.data.split_rules import find_test_rows
from toolkit.data.splits import assign_split
from toolkit.errors import GateFailed, ModelError
from toolkit.params import Validate
from toolkit.training.dataset import Prepared, Task
from toolkit.training.evaluate import (
    Evaluation,
    count_confusion,
    evaluate,
    measure_calibration,
    measure_slices,
)
from toolkit.training.gates import check_gates, describe_gates, judge, measure_loss
from toolkit.training.released import Released, predict_released

TASK = Task("binary", ("no", "yes"), "row_id")
PARAMS = Validate(resamples=300)


def draw(skill: float, seed: int = 1, rows: int = 150) -> tuple[np.ndarray, np.ndarray]:
    target = np.random.default_rng(0).integers(0, 2, rows).astype(float)
    raw = 1 / (1 + np.exp(-(skill * (2 * target - 1) + np.random.default_rng(seed).normal(size=rows))))
    return target, np.column_stack([1 - raw, raw])


def good() -> Evaluation:
    return evaluate(*draw(1.3), TASK, PARAMS)


def test_limit_is_a_floor_for_a_score_and_a_ceiling_for_a_loss() -> None:
    for metric, limit, passed in (
        ("roc_auc", 0.9, True),
        ("roc_auc", 0.999, False),
        ("log_loss", 0.5, True),
        ("log_loss", 0.01, False),
    ):
        params = PARAMS.model_copy(update={"metric": metric, "limit": limit})
        assert judge(evaluate(*draw(1.3), TASK, params), None, params)[0].passed is passed


def test_without_a_released_model_the_comparison_says_so_and_passes() -> None:
    gate = judge(good(), None, PARAMS)[1]
    assert gate.passed and gate.value is None and "No model is released yet" in gate.message


def test_same_model_loses_nothing_and_a_better_released_one_stops_it() -> None:
    evaluation = good()
    gate = judge(evaluation, Released(evaluation.prediction), PARAMS)[1]
    assert gate.passed and gate.value == 0 and "loses 0 (" in gate.message
    weak = evaluate(*draw(0.5), TASK, PARAMS)
    gate = judge(weak, Released(draw(1.3)[1]), PARAMS)[1]
    assert not gate.passed and gate.value > PARAMS.max_loss and "loses" in gate.message
    assert judge(good(), Released(draw(0.5)[1]), PARAMS)[1].passed


def test_loss_is_paired() -> None:
    """Two models that hardly differ do so for sure, though each metric's own interval is wide."""
    evaluation = good()
    shift = np.random.default_rng(9).normal(size=len(evaluation.target)) * 0.01
    near = np.clip(evaluation.prediction[:, 1] + shift, 0, 1)
    loss = measure_loss(evaluation, np.column_stack([1 - near, near]), PARAMS)
    own = evaluation.metrics["roc_auc"]
    assert 0 < loss.high - loss.low < 0.3 * (own.high - own.low)


def test_released_model_that_cannot_predict_these_rows_stops_the_new_one() -> None:
    gate = judge(good(), "it has no column 'size'.", PARAMS)[1]
    assert not gate.passed and "no column 'size'" in gate.message and "empty the folder" in gate.message


def test_failed_gates_are_told_as_a_table() -> None:
    gates = judge(good(), None, PARAMS.model_copy(update={"limit": 1.0}))
    with pytest.raises(GateFailed) as caught:
        check_gates(gates)
    assert "1 of 2 failed" in str(caught.value)
    assert "FAILED  roc_auc at least 1" in str(caught.value) and "passed  no worse" in str(caught.value)
    assert describe_gates(gates, good())["passed"] is False
    check_gates(judge(good(), None, PARAMS))


def test_metric_that_these_rows_do_not_allow_is_named() -> None:
    target, prediction = draw(1.3)
    with pytest.raises(ModelError, match="must allow roc_auc"):
        evaluate(target[target == 1], prediction[target == 1], TASK, PARAMS)


def test_calibration_groups_hold_all_rows_and_agree_for_an_honest_model() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=4000)
    calibration = measure_calibration((rng.uniform(size=4000) < p).astype(float), np.column_stack([1 - p, p]))
    assert calibration.rows.sum() == 4000 and len(calibration.rows) == 10
    assert calibration.error < 0.03
    assert measure_calibration(np.zeros(5), np.full(5, 3.0)).rows.tolist() == [5]


def test_confusion_counts_rows_by_true_class() -> None:
    target = np.array([0.0, 0, 1])
    prediction = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    assert count_confusion(target, prediction).tolist() == [[1, 1], [0, 1]]


def test_slices_are_the_values_of_categories(seeded: Prepared) -> None:
    split = seeded["test"]
    right = np.column_stack([1 - split.target, split.target])
    slices = measure_slices(seeded, split, right, "accuracy")
    assert [(s.feature, s.value, s.metric) for s in slices] == [
        ("place", "north", 1.0),
        ("place", "south", 1.0),
    ]
    assert sum(s.rows for s in slices) == len(split)


class FlippedModel:
    """A released model with the classes in another order, and columns of its own."""

    task, classes, inputs = "binary", ("yes", "no"), {"shade": "number"}

    def __init__(self, split: dict[str, Any] | None = None) -> None:
        self.signature = {} if split is None else {"split": split}

    def predict(self, columns: dict[str, Any]) -> Any:
        share = np.linspace(0, 1, len(columns["shade"]))
        return type("P", (), {"probabilities": np.column_stack([share, 1 - share]), "values": None})()


def test_released_model_predicts_through_its_own_columns_and_class_order(
    seeded: Prepared, tmp_path: Any
) -> None:
    assert predict_released(tmp_path, seeded, lambda folder: FlippedModel(), find_test_rows) is None
    (tmp_path / "manifest.json").write_text("{}")
    released = predict_released(tmp_path, seeded, lambda folder: FlippedModel(), find_test_rows)
    assert isinstance(released, Released) and released.prediction[0].tolist() == [1.0, 0.0]
    assert released.unseen is None and released.note == ""
    other = replace(seeded, task=Task("binary", ("no", "maybe"), "row_id"))
    assert "predicts binary (yes, no)" in str(
        predict_released(tmp_path, other, lambda folder: FlippedModel(), find_test_rows)
    )


RULE = {"split": "hash", "column": "row_id", "seed": 1, "valid_share": 0.2, "test_share": 0.5}


def compare(data: Prepared, folder: Any, rule: dict[str, Any], now: dict[str, Any] = RULE) -> Released:
    (folder / "manifest.json").write_text("{}")
    data = replace(data, task=replace(data.task, split=now))
    released = predict_released(folder, data, lambda _: FlippedModel(rule), find_test_rows)
    assert isinstance(released, Released)
    return released


def test_rows_that_the_released_model_may_know_are_left_out(seeded: Prepared, tmp_path: Any) -> None:
    assert compare(seeded, tmp_path, RULE).unseen is None
    other = compare(seeded, tmp_path, RULE | {"seed": 2})
    keys = seeded["test"].table["row_id"].to_pylist()
    assert other.unseen is not None
    assert other.unseen.tolist() == [assign_split(key, 0.2, 0.5, 2) == "test" for key in keys]
    assert "split otherwise than when the released model was trained (seed): of the" in other.note
    gone = compare(seeded, tmp_path, {"split": "group", "column": "customer"})
    assert gone.unseen is not None and not gone.unseen.any() and "cannot be told" in gone.note
    assert "is not on record" in compare(seeded, tmp_path, {}).note


def test_later_dates_leave_all_rows_new_to_the_released_model(seeded: Prepared, tmp_path: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = seeded["test"].table
    days = pa.array((np.datetime64("2026-03-01") + np.arange(table.num_rows)).astype("datetime64[us]"))
    pq.write_table(table.append_column("at", days), seeded["test"].path)
    now = {"split": "time", "column": "at", "valid_from": "2026-02-01", "test_from": "2026-03-01"}
    assert compare(seeded, tmp_path, now | {"test_from": "2026-02-15"}, now).unseen is None
    later = compare(seeded, tmp_path, now | {"test_from": "2026-03-11"}, now).unseen
    assert later is not None and later.tolist() == [False] * 10 + [True] * (table.num_rows - 10)


def test_models_are_compared_on_rows_new_to_both_or_the_gate_says_that_they_are_not() -> None:
    evaluation, better = evaluate(*draw(0.8), TASK, PARAMS), draw(0.8)[1].copy()
    unseen = np.arange(150) % 2 == 0
    better[~unseen] = np.eye(2)[evaluation.target[~unseen].astype(int)]  # learnt by heart
    gate = judge(evaluation, Released(better), PARAMS)[1]
    assert not gate.passed
    gate = judge(evaluation, Released(better, unseen, "Split otherwise."), PARAMS)[1]
    assert gate.passed and gate.value == 0 and gate.message.startswith("Split otherwise. roc_auc")
    gate = judge(evaluation, Released(better, np.arange(150) < 20, "Split otherwise."), PARAMS)[1]
    assert gate.passed and gate.value is None and "the models were NOT compared" in gate.message
