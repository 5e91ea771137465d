"""What a model must reach before it may be packaged: limits, and no loss against the released one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from toolkit.errors import GateFailed
from toolkit.metrics import LOWER_IS_BETTER, measure_metric
from toolkit.params import Validate
from toolkit.training.bootstrap import Interval, measure_interval
from toolkit.training.evaluate import Evaluation
from toolkit.training.released import FEWEST_ROWS, Released

COMPARISON = "no worse than released"


@dataclass(frozen=True)
class Gate:
    """One demand, the value that was measured (None: nothing to measure), and a sentence that says it all."""

    name: str
    value: float | None
    limit: float
    passed: bool
    message: str


def judge(evaluation: Evaluation, released: Released | str | None, params: Validate) -> list[Gate]:
    """Put the model to every gate.

    Parameters
    ----------
    evaluation : Evaluation
        Of the new model on the test split.
    released : Released, str or None
        The released model's predictions for the same rows; or why it cannot predict them; or None if there is none.
        If rows are split otherwise than when it was trained, the models are compared on the rows that are in test by
        both rules; if these are too few, not at all, which the gate says and lets pass.
    params : Validate
    """
    return [_judge_limit(evaluation, params), _judge_comparison(evaluation, released, params)]


def check_gates(gates: Sequence[Gate]) -> None:
    """Check that every gate has passed.

    Raises
    ------
    GateFailed
        One has not; the message has the table of all.
    """
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        raise GateFailed(
            f"The model must pass every gate, and {len(failed)} of {len(gates)} failed. Nothing was packaged.\n"
            f"{format_gates(gates)}\nImprove the data or the model, or change the section 'validate' of params.yaml."
        )


def format_gates(gates: Sequence[Gate]) -> str:
    """Lay the gates out as a table in plain text."""
    width = max(len(gate.name) for gate in gates)
    lines = [
        f"  {'passed' if gate.passed else 'FAILED'}  {gate.name:<{width}}  {gate.message}" for gate in gates
    ]
    return "\n".join(lines)


def describe_gates(gates: Sequence[Gate], evaluation: Evaluation) -> dict[str, Any]:
    """Give what models/validate/gates.json holds."""
    return {
        "schema": 1,
        "passed": all(gate.passed for gate in gates),
        "gates": [asdict(gate) for gate in gates],
        "metrics": {name: metric.to_dict() for name, metric in evaluation.metrics.items()},
        "rows": len(evaluation.target),
    }


def _judge_limit(evaluation: Evaluation, params: Validate) -> Gate:
    measured = evaluation.metrics[params.metric]
    lower = params.metric in LOWER_IS_BETTER
    passed = measured.value <= params.limit if lower else measured.value >= params.limit
    word = "at most" if lower else "at least"
    message = f"{params.metric} is {_show(measured, params)}; it must be {word} {params.limit:g}."
    return Gate(f"{params.metric} {word} {params.limit:g}", measured.value, params.limit, passed, message)


def _judge_comparison(evaluation: Evaluation, released: Released | str | None, params: Validate) -> Gate:
    if released is None:
        message = "No model is released yet, so there is none to compare with."
        return Gate(COMPARISON, None, params.max_loss, True, message)
    if isinstance(released, str):
        message = f"The released model cannot be compared with: {released} To begin anew, empty the folder released."
        return Gate(COMPARISON, None, params.max_loss, False, message)
    unseen = np.ones(len(evaluation.target), dtype=bool) if released.unseen is None else released.unseen
    note = f"{released.note} " if released.note else ""
    judged = replace(evaluation, target=evaluation.target[unseen], prediction=evaluation.prediction[unseen])
    kinds = len(np.unique(evaluation.target)) if evaluation.task.classes else 1
    if released.unseen is not None and (unseen.sum() < FEWEST_ROWS or len(np.unique(judged.target)) < kinds):
        message = (
            f"{note}That is too few: the models were NOT compared. A later release by this split can be."
        )
        return Gate(COMPARISON, None, params.max_loss, True, message)
    prediction = released.prediction[unseen]
    loss = measure_loss(judged, prediction, params)
    old = float(measure_metric(params.metric, judged.target, prediction, np.ones((1, len(prediction))))[0])
    message = (
        f"{note}{params.metric} of the released model on the same rows is {old:.4g}; the new one loses "
        f"{_show(loss, params)}, and may lose {params.max_loss:g}."
    )
    return Gate(COMPARISON, loss.value, params.max_loss, loss.value <= params.max_loss, message)


def measure_loss(evaluation: Evaluation, released: np.ndarray, params: Validate) -> Interval:
    """Measure by how much the new model is worse (below 0: better), on the same resamples for both models.

    The pairing takes out what is common to both, the luck of the draw of test rows, so the interval is far narrower
    than those of the two metrics would suggest.
    """
    sign = 1 if params.metric in LOWER_IS_BETTER else -1
    target, new = evaluation.target, evaluation.prediction

    def difference(weights: np.ndarray) -> np.ndarray:
        measured = [
            measure_metric(params.metric, target, prediction, weights) for prediction in (new, released)
        ]
        return sign * (measured[0] - measured[1]) + 0.0  # no minus zero

    return measure_interval(difference, len(target), params.resamples, params.confidence, params.seed)


def _show(measured: Interval, params: Validate) -> str:
    if measured.low is None or measured.high is None:
        return f"{measured.value:.4g}"
    return (
        f"{measured.value:.4g} ({params.confidence:.0%} interval {measured.low:.4g} to {measured.high:.4g})"
    )
