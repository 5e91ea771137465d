"""A small packaged model of each task, made of real tables by the package's own code; shared by all tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
hypothesis.settings.register_profile(
    "untimed", deadline=None
)  # where other work goes on, time proves nothing
hypothesis.settings.load_profile("untimed")
LONGEST = ("test_pipeline.py", "test_tour.py")  # share one finished clone


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares costly fixtures in one process of a parallel run, and begin with what takes longest."""

    def group(item: pytest.Item) -> str:
        folder = item.path.parent.name
        return folder if folder == "browser" or item.path.name in LONGEST else item.path.name

    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    folders = ["pipeline", "integration", "browser"]
    items.sort(key=lambda item: folders.index(found) if (found := item.path.parent.name) in folders else 3)


NOTES = ("mass: seen twice", "no mass seen", None, "calcified, \u201cold\u201d mass", "see note 12")
ZONED = frozenset({"seen_at"})


@dataclass(frozen=True)
class Packaged:
    """A packaged model's folder, the folders it came from, and test rows by column."""

    folder: Path
    sources: object
    columns: dict[str, np.ndarray]

    def rows(self, count: int = 10) -> list[dict]:
        """Give the first test rows as a request would send them."""
        from toolkit.packaging.replay import as_requests

        return as_requests({name: values[:count] for name, values in self.columns.items()}, ZONED)


def _breast_cancer():
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    columns = {name: data.data[:, index] for index, name in enumerate(data.feature_names.tolist())}
    return columns, dict.fromkeys(columns, "number"), np.array(["malignant", "benign"])[data.target]


def _iris():
    from sklearn.datasets import load_iris

    data = load_iris()
    columns = {
        name.removesuffix(" (cm)"): data.data[:, index] for index, name in enumerate(data.feature_names)
    }
    return columns, dict.fromkeys(columns, "number"), data.target_names[data.target]


def _mixed():
    """Give every kind of column: a number with missing values, an integer, a boolean, a category, a text, a time."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer().data
    radius, texture = data[:, 0].copy(), data[:, 1]
    radius[::9] = np.nan
    columns = {
        "radius": radius,
        "count": texture.round().astype(np.int64),
        "smooth": data[:, 4] < 0.1,
        "grade": np.array(["a: low", "b", "c\u00e9"], dtype=object)[np.digitize(data[:, 2], [80, 110])],
        "note": np.array([NOTES[int(size) % len(NOTES)] for size in data[:, 2]], dtype=object),
        "seen_at": np.datetime64("2024-01-01", "us") + (data[:, 3] * 3_600_000_000).astype("timedelta64[us]"),
    }
    kinds = {"radius": "number", "count": "integer", "smooth": "boolean", "grade": "category"}
    kinds |= {"note": "text", "seen_at": "time"}
    return columns, kinds, data[:, 3]


TABLES = {"binary": _breast_cancer, "multiclass": _iris, "regression": _mixed}


@pytest.fixture(scope="session")
def make_packaged(tmp_path_factory):
    """Make a packaged model of a task: binary, multiclass or regression (which has every kind of column)."""
    made: dict[str, Packaged] = {}

    def make(task: str = "binary") -> Packaged:
        if task not in made:
            made[task] = _package(tmp_path_factory.mktemp(task), task)
        return made[task]

    return make


def _package(folder: Path, task: str) -> Packaged:
    import lightgbm
    import pyarrow as pa
    import pyarrow.parquet

    from toolkit.artifacts import measure_sha256, write_json
    from toolkit.data.fit import write_features
    from toolkit.features import Features
    from toolkit.features.recorded import REPLAYED_ROWS, record_columns
    from toolkit.monitoring.performance_reference import fit_reference
    from toolkit.monitoring.profile import fit_profile, fit_scores, scores_to_list
    from toolkit.packaging.package import Sources, write_package
    from toolkit.params import Package

    zone = pa.timestamp("us", tz="UTC")
    columns, kinds, labels = TABLES[task]()
    classes = [] if task == "regression" else sorted(set(labels.tolist()))
    order = np.random.default_rng(1).permutation(len(labels))
    train, valid, test = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    sources = Sources(folder / "prepared", folder / "train", folder / "validate")
    for path in (sources.prepared, sources.train, sources.validate):
        path.mkdir()
    for name, split in (("train", train), ("valid", valid), ("test", test)):
        table = {
            "row_id": [f"row-{i}" for i in split],
            **{c: pa.array(v[split], zone if c in ZONED else None) for c, v in columns.items()},
            "label": labels[split],
        }
        pa.parquet.write_table(pa.table(table), sources.prepared / f"{name}.parquet")
    features = Features.fit({name: values[train] for name, values in columns.items()}, kinds, zoned=ZONED)
    write_features(sources.prepared, features)
    reference = np.concatenate([train, valid])
    profile = fit_profile(
        {n: v[reference] for n, v in columns.items()}, kinds, bins=10, labels=labels[reference].tolist()
    )
    write_json(sources.prepared / "profile.json", profile.to_dict())
    target = labels if task == "regression" else np.searchsorted(classes, labels)
    options = {"objective": task, "verbose": -1, "num_leaves": 7, "seed": 1, "num_threads": 1}
    if task == "multiclass":
        options["num_class"] = len(classes)
    matrix = features.matrix(columns)
    data = lightgbm.Dataset(matrix[train], target[train], categorical_feature=list(features.categorical))
    booster = lightgbm.train(options, data, 20)
    (sources.train / "model.txt").write_text(booster.model_to_string(), encoding="utf-8")
    scores = booster.predict(matrix[valid])
    write_json(
        sources.train / "scores.json",
        {"schema": 1, "predictions": scores_to_list(fit_scores(scores, classes))},
    )
    packaged = Packaged(folder / "package", sources, {name: values[test] for name, values in columns.items()})
    rows = Packaged(folder, sources, {name: values[valid] for name, values in columns.items()}).rows(3)
    signature = {
        "schema": 1,
        "task": task,
        "classes": classes,
        "features": list(features.names),
        "num_trees": booster.num_trees(),
        "features_sha256": measure_sha256(sources.prepared / "features.json"),
        "replay": record_columns(
            features, {name: values[train][:REPLAYED_ROWS] for name, values in columns.items()}
        ),
        "sha256": measure_sha256(sources.train / "model.txt"),
        "self_test": {"rows": rows, "outputs": scores[:3].tolist()},
    }
    write_json(sources.train / "signature.json", signature)
    write_json(sources.validate / "gates.json", {"schema": 1, "passed": True, "gates": []})
    held_out = np.asarray(booster.predict(matrix[test]))
    if task == "binary":
        held_out = np.column_stack([1 - held_out, held_out])
    metric = "rmse" if task == "regression" else "accuracy"
    cells = fit_scores(scores, classes)
    reference = fit_reference(target[test].astype(float), held_out, classes, cells, metric=metric)
    write_json(sources.validate / "performance.json", reference.to_dict())
    write_package(packaged.folder, ROOT, sources, Package(name=f"test_{task}"), {})
    return packaged
