"""Checks that what lies beside a model is the model's own."""

from __future__ import annotations

from pydantic import ValidationError

from toolkit.errors import ModelError
from toolkit.monitoring.profile import load_profile
from toolkit.params_package import Package
from toolkit.serving.model import Model


def check_one_model(model: Model) -> None:
    """Check that what is beside the model is its own: a profile of the same features and classes, and its settings.

    Raises
    ------
    ModelError
        The reference profile is of another model, or the settings are of another version of the toolkit.
    """
    profile = load_profile(model.folder / "profile.json")
    described = {cells.name: cells.kind for cells in profile.features}
    wanted = {name: kind for name, kind in model.inputs.items() if kind != "time"}
    shown = ["p_" + name for name in model.classes[1 if len(model.classes) == 2 else 0 :]]
    predictions = ["label", *shown] if model.classes else ["value"]
    if described != wanted or [cells.name for cells in profile.predictions] != predictions:
        raise ModelError(
            "profile.json must describe the model's features and predictions and is of another model. "
            "Package the model anew."
        )
    try:
        settings = Package.model_validate({k: v for k, v in model.settings.items() if k != "schema"})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(["package", *map(str, fault["loc"])])
        raise ModelError(
            f"settings.json must be what this version of the toolkit writes. {key}: {fault['msg']}. "
            "Package the model anew."
        ) from None
    if settings.name != model.version.partition(":")[0]:
        raise ModelError(
            f"tag.txt must name the package '{settings.name}' as settings.json does. Got '{model.version}'."
        )
