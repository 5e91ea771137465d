"""Make the example: a real table, a row of it, and simulated annotators in Label Studio's export format.

    ./run python examples/breast_cancer/make.py            write the files
    ./run python examples/breast_cancer/make.py --check    fail if the committed files differ

README.md beside this file says what is real and what is simulated.
"""

from __future__ import annotations

import csv
import io
import json
import random
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SEED = 13
PLANTED_SHARE = 0.05  # rows that every annotator gets wrong, drawn uniformly
SHARES_OF_ANNOTATORS = (0.2, 0.5, 0.3)  # rows that one, two or three annotators look at
SKIP_RATE = 0.01  # annotations that are skipped
TIES_LEFT = 2  # disagreements of two that no third annotator decides
SHOWN = ("mean_radius", "mean_texture", "worst_concave_points")
CLASSES = ("benign", "malignant")
TAG = "diagnosis"
START = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Annotator:
    """A simulated person: user id in Label Studio, chance of a wrong answer, seconds that an answer takes."""

    id: int
    error_rate: float
    seconds: float


ANNOTATORS = (Annotator(2, 0.02, 24.0), Annotator(3, 0.04, 15.0), Annotator(5, 0.09, 9.0))


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them with what would be written."""
    rows = load_rows()
    texts = {
        "table.csv": make_csv(rows),
        "annotations.json": make_json(make_tasks(rows)),
        "row.json": make_request(rows[0]),
    }
    if arguments == ["--check"]:
        stale = [name for name, text in texts.items() if (FOLDER / name).read_bytes() != text.encode()]
        if stale:
            print(
                f"{', '.join(stale)} must be what make.py writes, and differ. Run make.py.", file=sys.stderr
            )
        return bool(stale)
    for name, text in texts.items():
        (FOLDER / name).write_bytes(text.encode())
    return 0


def load_rows() -> list[dict[str, Any]]:
    """Give the 569 rows that scikit-learn ships, each with a key and its true label."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    return [
        {
            "row_id": f"bc-{place:04}",
            **dict(zip(names, values.tolist(), strict=True)),
            "true_label": str(data.target_names[target]),
        }
        for place, (values, target) in enumerate(zip(data.data, data.target, strict=True), 1)
    ]


def make_request(row: dict[str, Any]) -> str:
    """Give a row as the service is asked: its features alone."""
    features = {name: value for name, value in row.items() if name not in ("row_id", "true_label")}
    return json.dumps(features, indent=2) + "\n"


def make_csv(rows: list[dict[str, Any]]) -> str:
    """Give the rows as CSV; each number as the shortest text that reads back to it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def make_json(tasks: list[dict[str, Any]]) -> str:
    """Give the tasks as JSON, one a line: small, and readable in a diff."""
    return "[\n" + ",\n".join(json.dumps(task, separators=(",", ":")) for task in tasks) + "\n]\n"


def make_tasks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the annotators answer every row, in tasks as Label Studio exports them."""
    draw = random.Random(SEED)
    planted = set(draw.sample(range(len(rows)), round(PLANTED_SHARE * len(rows))))
    answers = [_answer_row(draw, row["true_label"], place in planted) for place, row in enumerate(rows)]
    _decide_ties(draw, rows, answers, planted)
    tasks, number, clock = [], 0, START
    for place, (row, given) in enumerate(zip(rows, answers, strict=True), 1):
        annotations = []
        for annotator, label in given:
            number += 1
            seconds = round(annotator.seconds * draw.uniform(0.5, 2.0), 3)
            clock += timedelta(seconds=seconds)
            answer = {"by": annotator, "label": label, "at": clock, "seconds": seconds}
            annotations.append(_annotation(draw, number, place, **answer))
        tasks.append(_task(place, row, annotations, clock))
    return tasks


Answers = list[tuple[Annotator, str | None]]


def _answer_row(draw: random.Random, truth: str, planted: bool) -> Answers:
    count = draw.choices((1, 2, 3), SHARES_OF_ANNOTATORS)[0]
    chosen = sorted(draw.sample(ANNOTATORS, count), key=lambda annotator: annotator.id)
    return [(annotator, _answer(draw, annotator, truth, planted)) for annotator in chosen]


def _answer(draw: random.Random, annotator: Annotator, truth: str, planted: bool) -> str | None:
    if draw.random() < SKIP_RATE:
        return None
    wrong = planted or draw.random() < annotator.error_rate
    return CLASSES[1 - CLASSES.index(truth)] if wrong else truth


def _decide_ties(
    draw: random.Random, rows: list[dict[str, Any]], answers: list[Answers], planted: set[int]
) -> None:
    """Ask the third annotator where two disagree, but for the last few such rows; and where all skipped."""
    open_ties = [
        place for place, given in enumerate(answers) if len({x for _, x in given if x}) == 2 == len(given)
    ]
    for place in open_ties[: len(open_ties) - TIES_LEFT]:
        third = next(a for a in ANNOTATORS if a not in [annotator for annotator, _ in answers[place]])
        label = _answer(draw, third, rows[place]["true_label"], place in planted)
        answers[place].append((third, label or rows[place]["true_label"]))


def _annotation(
    draw: random.Random,
    number: int,
    task: int,
    *,
    by: Annotator,
    label: str | None,
    at: datetime,
    seconds: float,
) -> dict[str, Any]:
    result = {
        "value": {"choices": [label]},
        "id": f"{draw.getrandbits(40):010x}",
        "from_name": TAG,
        "to_name": "row",
        "type": "choices",
        "origin": "manual",
    }
    return {
        "id": number,
        "completed_by": by.id,
        "result": [] if label is None else [result],
        "was_cancelled": label is None,
        "ground_truth": False,
        "created_at": _time(at),
        "updated_at": _time(at),
        "draft_created_at": None,
        "lead_time": seconds,
        "prediction": {},
        "result_count": int(label is not None),
        "unique_id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": task,
        "project": 1,
        "updated_by": by.id,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    }


def _task(place: int, row: dict[str, Any], annotations: list[dict[str, Any]], at: datetime) -> dict[str, Any]:
    skipped = sum(annotation["was_cancelled"] for annotation in annotations)
    return {
        "id": place,
        "annotations": annotations,
        "drafts": [],
        "predictions": [],
        "data": {name: row[name] for name in ("row_id", *SHOWN)},
        "meta": {},
        "created_at": _time(START),
        "updated_at": _time(at),
        "allow_skip": True,
        "inner_id": place,
        "total_annotations": len(annotations) - skipped,
        "cancelled_annotations": skipped,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 1,
        "updated_by": annotations[-1]["completed_by"],
        "comment_authors": [],
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
