"""Assembles models/package: everything the service needs as verified files, and the version that names them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json, measure_sha256, write_json, write_text
from toolkit.errors import GateFailed, PackageError
from toolkit.features import load_features
from toolkit.features.definitions import load_packaged
from toolkit.monitoring.performance_reference import load_reference
from toolkit.monitoring.profile import load_profile, scores_from_list
from toolkit.packaging.replay import (
    as_requests,
    check_kept,
    check_recorded,
    check_refit,
    check_requests,
    select_rows,
)
from toolkit.packaging.version import load_pins, measure_code
from toolkit.params_package import Package
from toolkit.serving.manifest import FILES, measure_version
from toolkit.serving.model import Model, load_model
from toolkit.serving.rules import select_rules

UPSTREAM = ("collect", "annotate", "prepare", "sweep", "train", "validate")
PREDICTED_ROWS = 200  # that are predicted one by one, besides


@dataclass(frozen=True)
class Sources:
    """The folders that a package is assembled from."""

    prepared: Path
    train: Path
    validate: Path
    schema: Path | None = None  # data/raw/schema.json; None: requests are checked for their types alone


def load_records(find: Callable[[str], Path]) -> dict[str, Any]:
    """Read the lineage record of each stage before this one; ``find`` gives a declared input's path."""
    return {stage: load_json(find(f"reports/{stage}/lineage.json")) for stage in UPSTREAM}


def write_package(
    folder: Path, root: Path, sources: Sources, params: Package, records: Mapping[str, Any]
) -> Model:
    """Write the package and load it as the service will.

    Parameters
    ----------
    folder : Path
        Where to write; made anew.
    root : Path
        The project: its serving code and its lock are part of the version.
    sources : Sources
        What the stages prepare, train and validate made, and the schema of the raw table.
    params : Package
        Name of the Bento, limits of the service.
    records : Mapping
        The lineage record by stage.

    Raises
    ------
    GateFailed
        A gate was not passed.
    PackageError
        Files do not belong together.
    ModelError
        The model is damaged or gives other outputs than when it was trained.
    """
    signature = load_json(sources.train / "signature.json")
    _check_gates(load_json(sources.validate / "gates.json"))
    _check_belongs(sources, signature)
    if not (sources.validate / "performance.json").is_file():
        raise PackageError(
            "models/validate/performance.json must exist and does not. Run './run dvc repro validate' to make it."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in (
        sources.train / "model.txt",
        sources.train / "signature.json",
        sources.validate / "gates.json",
        sources.validate / "performance.json",
    ):
        if not source.is_file():
            raise PackageError(
                f"{source} must exist and does not. Run './run dvc repro validate' to make it."
            )
        shutil.copyfile(source, folder / source.name)
    for name in ("features.json", "definitions.py"):
        if not (sources.prepared / name).is_file():
            raise PackageError(
                f"data/prepared/{name} must exist and does not. Run './run dvc repro prepare'."
            )
        shutil.copyfile(sources.prepared / name, folder / name)
    _check_features(folder, sources, signature)
    schema = load_json(sources.schema) if sources.schema else {"columns": []}
    inputs = load_features(folder / "features.json").inputs
    write_json(folder / "contract.json", select_rules(schema, inputs))
    scores = scores_from_list(load_json(sources.train / "scores.json")["predictions"])
    profile = load_profile(sources.prepared / "profile.json").with_scores(scores)
    write_json(folder / "profile.json", profile.to_dict())
    load_reference(folder / "performance.json").check_profile(profile)
    settings = params.model_dump(exclude={"alerts"})  # a model is no other one when they are tuned
    write_json(folder / "settings.json", {"schema": 1, **settings})
    write_json(folder / "lineage.json", {"schema": 1, "stages": dict(records), "libraries": load_pins(root)})
    code, files = measure_code(root), {name: measure_sha256(folder / name) for name in FILES}
    write_json(folder / "manifest.json", {"schema": 1, "code": code, "files": files})
    write_text(folder / "tag.txt", f"{params.name}:{measure_version(code, files)}\n")
    model = load_model(folder)
    _check_predictions(model, sources.prepared / "train.parquet")
    return model


def _check_gates(gates: Mapping[str, Any]) -> None:
    failed = [gate for gate in gates.get("gates", []) if not gate.get("passed")]
    if gates.get("passed") is not True or failed:
        reasons = (
            "; ".join(str(gate.get("message") or gate.get("name")) for gate in failed) or "no gate was passed"
        )
        raise GateFailed(f"A model is packaged only if it passed every gate. Not passed: {reasons}")


def _check_belongs(sources: Sources, signature: Mapping[str, Any]) -> None:
    digest = measure_sha256(sources.train / "model.txt")
    if digest != signature.get("sha256"):
        raise PackageError(
            f"models/train/model.txt must be the file that signature.json describes, with the SHA-256 "
            f"{signature.get('sha256')}. Got {digest}. Run './run dvc repro train' to make both anew."
        )


def _check_features(folder: Path, sources: Sources, signature: Mapping[str, Any]) -> None:
    """Check that the packaged features give what training had, and a request what a table gives."""
    features, train = load_features(folder / "features.json"), sources.prepared / "train.parquet"
    if sources.schema is not None:
        code = features.code
        definitions = load_packaged(folder / "definitions.py", code) if code else ()
        check_refit(features, train, load_json(sources.schema)["columns"], definitions)
    check_recorded(features, train, signature["replay"])
    check_kept(features, sources.prepared)
    check_requests(features, train)
    if list(features.names) != signature["features"]:
        raise PackageError(
            "The model's features must be those of data/prepared/features.json, in order, and are not. "
            "Run './run dvc repro train' to train on the present ones."
        )
    if measure_sha256(folder / "features.json") != signature["features_sha256"]:
        raise PackageError(
            "data/prepared/features.json is not the file that the model was trained with, though it gives the same "
            "columns for the rows of then. Run './run dvc repro train' to train on the present one."
        )


def _check_predictions(model: Model, train: Path) -> None:
    """Check that training rows are predicted one by one, as requests, to the bits of the table."""
    columns = {name: values[:PREDICTED_ROWS] for name, values in select_rows(train, model.inputs).items()}
    batch = model.predict(columns)
    alone = [model.predict_rows([row]) for row in as_requests(columns, model.zoned)]
    for name in ("probabilities", "values"):
        whole = getattr(batch, name)
        if whole is not None and not np.array_equal(
            whole, np.concatenate([getattr(one, name) for one in alone])
        ):
            raise PackageError("A row must be predicted alone as in a batch, to the last bit, and is not.")
