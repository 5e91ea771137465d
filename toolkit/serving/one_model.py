"""Checks that what lies beside a model is the model's own."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from toolkit.artifacts import load_json
from toolkit.errors import ModelError
from toolkit.monitoring.performance_reference import load_reference
from toolkit.monitoring.profile import load_profile
from toolkit.params_package import Package
from toolkit.serving.model import Model


def check_one_model(model: Model) -> None:
    """Check that what is beside the model is its own: gate report, lineage, reference profile and settings.

    Raises
    ------
    ModelError
        The gates were not passed, the profile is of another model, or the settings are of another version of the
        toolkit.
    DriftError
        The profile, or what is known of the model's performance, is damaged or of another model.
    """
    gates, lineage = (load_json(model.folder / name) for name in ("gates.json", "lineage.json"))
    if not isinstance(gates, Mapping) or gates.get("passed") is not True or not isinstance(lineage, Mapping):
        raise ModelError(
            "gates.json must say that every gate was passed, and lineage.json where the model comes from. "
            "Package the model anew."
        )
    _check_profile(model)
    _check_settings(model)


def _check_profile(model: Model) -> None:
    profile = load_profile(model.folder / "profile.json")
    described = {cells.name: cells.kind for cells in profile.features}
    wanted = {name: kind for name, kind in model.inputs.items() if kind != "time"}
    shown = ["p_" + name for name in model.classes[1 if len(model.classes) == 2 else 0 :]]
    predictions = ["label", *shown] if model.classes else ["value"]
    labels = set(profile.predictions[0].categories) if profile.predictions else set()
    if (
        described != wanted
        or [cells.name for cells in profile.predictions] != predictions
        or not labels <= set(model.classes)
    ):
        raise ModelError(
            "profile.json must describe the model's features and predictions and is of another model. "
            "Package the model anew."
        )
    load_reference(model.folder / "performance.json").check_profile(profile)


def _check_settings(model: Model) -> None:
    if not isinstance(model.settings, Mapping):
        raise ModelError("settings.json must be an object. Package the model anew.")
    try:
        Package.model_validate({k: v for k, v in model.settings.items() if k != "schema"})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(["package", *map(str, fault["loc"])])
        raise ModelError(
            f"settings.json must be what this version of the toolkit writes. {key}: {fault['msg']}. "
            "Package the model anew."
        ) from None
