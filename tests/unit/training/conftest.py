"""Prepared folders of real and seeded data, in the format that the prepare stage writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import write_json
from toolkit.features import Features
from toolkit.training.dataset import Prepared, load_prepared

SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}

Make = Callable[..., Prepared]


@pytest.fixture
def prepared_folder(tmp_path: Path) -> Callable[..., Path]:
    def make(
        columns: dict[str, Any], labels: list[Any], task: str, kinds: dict[str, str] | None = None
    ) -> Path:
        kinds = kinds or dict.fromkeys(columns, "number")
        which = np.random.default_rng(0).choice(3, len(labels), p=list(SHARES.values()))
        folder = tmp_path / "prepared"
        folder.mkdir()
        for index, name in enumerate(SHARES):
            rows = np.flatnonzero(which == index)
            table = {"row_id": [f"r{row}" for row in rows]}
            table |= {column: [values[row] for row in rows] for column, values in columns.items()}
            pq.write_table(
                pa.table(table | {"label": [labels[row] for row in rows]}), folder / f"{name}.parquet"
            )
        fit = np.flatnonzero(which == 0)
        features = Features.fit(
            {name: [values[row] for row in fit] for name, values in columns.items()}, kinds
        )
        write_json(folder / "features.json", features.to_dict())
        classes = sorted(set(labels)) if task != "regression" else []
        write_json(
            folder / "task.json",
            {"schema": 1, "task": task, "classes": classes, "key": "row_id", "label": "label"},
        )
        return folder

    return make


@pytest.fixture
def seeded(prepared_folder: Callable[..., Path]) -> Prepared:
    """Two hundred rows of three columns, one of them a category, and a label that two of them tell."""
    rng = np.random.default_rng(7)
    size, shade = rng.normal(size=200), rng.normal(size=200)
    place = rng.choice(["north", "south"], 200)
    label = np.where(size + (place == "south") + 0.3 * rng.normal(size=200) > 0.5, "yes", "no").tolist()
    columns = {"size of it": size.tolist(), "shade": shade.tolist(), "place": place.tolist()}
    kinds = {"size of it": "number", "shade": "number", "place": "category"}
    return load_prepared(prepared_folder(columns, label, "binary", kinds), "train", "valid", "test")


@pytest.fixture
def digits(prepared_folder: Callable[..., Path]) -> Prepared:
    from sklearn.datasets import load_digits

    data, target = load_digits(n_class=4, return_X_y=True)
    columns = {f"p{index}": data[:, index].tolist() for index in range(data.shape[1])}
    labels = [f"digit {value}" for value in target]
    return load_prepared(prepared_folder(columns, labels, "multiclass"), "train", "valid", "test")


@pytest.fixture
def diabetes(prepared_folder: Callable[..., Path]) -> Prepared:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    columns = {name: bunch.data[:, index].tolist() for index, name in enumerate(bunch.feature_names)}
    return load_prepared(
        prepared_folder(columns, bunch.target.tolist(), "regression"), "train", "valid", "test"
    )
