"""The values that a notebook gets: its section of params.yaml, with those given on the command line in their place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import ParamsError, suggest
from toolkit.notebooks.secret_values import check_no_secrets


def parse_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn ``KEY=VALUE`` texts into values, each typed as YAML has it.

    >>> parse_pairs(["learning_rate=1e-3", "use_sweep=false"])
    {'learning_rate': 0.001, 'use_sweep': False}

    Raises
    ------
    ParamsError
        A text without ``=``, a value that is not YAML, a key given twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ParamsError(f"-p must be given KEY=VALUE. Got '{pair}' instead.")
        if key in values:
            raise ParamsError(f"-p {key} must be given once. Keep one.")
        try:
            values[key] = YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            raise ParamsError(
                f"-p {key} must be a YAML value. Got '{text}' instead. Put it into quotes if it is text."
            ) from None
    return values


def load_values(root: Path, stage: str, overrides: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Give the checked values of a stage's section as plain ones, and the runner's own settings.

    Raises
    ------
    ParamsError
        params.yaml or an override is wrong, or there is no such section.
    """
    from toolkit.params import SECTIONS, STAGES
    from toolkit.params_file import check_values, load_params

    if stage not in STAGES:
        raise ParamsError(f"'{stage}' must be a stage: one of {', '.join(STAGES)}.{suggest(stage, STAGES)}")
    fields = list(SECTIONS[stage].model_fields)
    unknown = [key for key in overrides if key not in fields]
    if unknown:
        raise ParamsError(
            "\n".join(
                f"-p {key}: unknown key of {stage}.{suggest(key, fields)} Valid keys: {', '.join(fields)}."
                for key in unknown
            )
        )
    check_no_secrets(overrides, {}, "-p ")
    params = load_params(root)
    given = {**params[stage].model_dump(exclude_none=True), **overrides}
    section = check_values(stage, given, "-p") if overrides else params[stage]
    values = section.model_dump(exclude_none=True)
    check_no_secrets(values, load_secrets(params["runner"].secrets), f"{stage}.")
    return values, params["runner"]


def load_secrets(names: Sequence[str]) -> dict[str, str]:
    """Read the environment variables whose values must stay secret; those that are not set are left out."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}
