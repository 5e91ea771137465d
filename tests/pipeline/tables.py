"""Three tables of different kinds, and what params.yaml must say for each; nothing else of the project changes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.params import Checks


@dataclass(frozen=True)
class Table:
    """A table file's maker, the params that point the pipeline at it, and the score that its model must reach."""

    write: Callable[[Path], None]
    params: dict[str, Any]
    label: str
    key: str
    metric: str
    least: float = field(default=0.0)


def write_csv(path: Path, columns: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_digits(path: Path) -> None:
    """Write scikit-learn's digits: 1,797 images of 8 x 8 pixels, ten classes."""
    from sklearn.datasets import load_digits

    data, target = load_digits(return_X_y=True)
    pixels = {f"pixel_{index}": data[:, index].astype(int).tolist() for index in range(data.shape[1])}
    write_csv(
        path, {"image": [f"i{row:04d}" for row in range(len(data))], **pixels, "digit": target.tolist()}
    )


def write_diabetes(path: Path) -> None:
    """Write scikit-learn's diabetes: 442 patients, ten numbers, a number to predict."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    columns = {name: data.data[:, index].tolist() for index, name in enumerate(data.feature_names)}
    patients = [f"p{row:03d}" for row in range(len(data.target))]
    write_csv(path, {"patient": patients, **columns, "progression": data.target.tolist()})


CALM = (
    "please send the invoice again",
    "how do I change my address",
    "thanks, all works now",
    "a question on the plan",
)
ANGRY = (
    "I want a refund now",
    "this is the third time it is broken",
    "cancel everything",
    "nobody answers me",
)
ENDINGS = ("", "!", "Yours, K.")
OPENINGS = ("Hello,", "Dear team,", "Grüß Gott,", "Hi 🙂", "")


def write_tickets(path: Path, rows: int = 1500, seed: int = 3) -> None:
    """Write simulated support tickets: categories, a text, a time, customers with many tickets, missing values."""
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, 120, rows)
    mood = rng.normal(size=120)[customer] + rng.normal(size=rows)
    plan = rng.choice(["basic", "plus", "pro"], rows, p=[0.6, 0.3, 0.1])
    opened = np.datetime64("2025-01-01T00:00:00") + rng.integers(0, 365 * 86_400, rows).astype(
        "timedelta64[s]"
    )
    amount = np.round(np.exp(rng.normal(3, 1, rows)), 2)
    angry = rng.random(rows) < 1 / (1 + np.exp(-mood))
    score = 2.5 * angry + 0.4 * np.log(amount) + (plan == "pro") + rng.normal(0, 0.5, rows) - 2.4
    parts = [(OPENINGS, ANGRY if cross else CALM, ENDINGS) for cross in angry]
    notes = [" ".join(filter(None, map(rng.choice, part))) for part in parts]
    channel = rng.choice(["mail", "phone", "chat", ""], rows, p=[0.4, 0.3, 0.25, 0.05])
    write_csv(
        path,
        {
            "ticket": [f"t{row:05d}" for row in range(rows)],
            "opened_at": [f"{moment}Z" for moment in opened.astype(str)],
            "customer": [f"c{number:03d}" for number in customer],
            "channel": channel.tolist(),
            "plan": plan.tolist(),
            "amount": [
                "" if lost else value for lost, value in zip(rng.random(rows) < 0.07, amount, strict=True)
            ],
            "items": rng.poisson(2, rows).tolist(),
            "returning": np.where(rng.random(rows) < 0.5, "true", "false").tolist(),
            "note": ["" if lost else note for lost, note in zip(rng.random(rows) < 0.03, notes, strict=True)],
            "escalated": np.where(score > 0, "yes", "no").tolist(),
        },
    )


def point_at(name: str, key: str, label: str, **more: Any) -> dict[str, Any]:
    """Give what params.yaml must say for a CSV with its label in a column."""
    return {
        "collect.source": f"tables/{name}.csv",
        "collect.key": key,
        "collect.exclude": [],
        "collect.contract": f"schemas/{name}.yaml",
        "annotate.source": "data/raw/table.parquet",
        "annotate.format": "column",
        "annotate.key": key,
        "annotate.label": label,
        "annotate.task": "classification",
        "annotate.classes": [],
        "annotate.truth": "",
        "sweep.trials": 2,
        "sweep.max_rounds": 30,
        "train.max_rounds": 150,
        "package.name": name,
    } | {key.replace("__", "."): value for key, value in more.items()}


TABLES = {
    "digits": Table(
        write_digits,
        point_at("digits", "image", "digit", validate__metric="accuracy", validate__limit=0.9),
        "digit", "image", "accuracy", 0.93,
    ),
    "diabetes": Table(
        write_diabetes,
        point_at(
            "diabetes", "patient", "progression",
            annotate__task="regression", validate__metric="r2", validate__limit=0.2,
        ),
        "progression", "patient", "r2", 0.3,
    ),
    "tickets": Table(
        write_tickets,
        point_at(
            "tickets", "ticket", "escalated",
            collect__exclude=["customer"], annotate__classes=["no", "yes"], prepare__split="group",
            prepare__group="customer", prepare__time="opened_at", validate__metric="roc_auc",
            validate__limit=0.7,
        ) | {"prepare.checks": Checks(time="off").model_dump()},  # customers' tickets interleave in time
        "escalated", "ticket", "roc_auc", 0.8,
    ),
}  # fmt: skip
