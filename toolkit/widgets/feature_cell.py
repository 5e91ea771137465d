"""The cell magic %%feature: a definition's source is tried on training rows, compared with the file, saved there.

``%load_ext toolkit.widgets.feature_cell`` (or ``open_features()``) makes it known to a notebook.
"""

from __future__ import annotations

import html
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from toolkit.artifacts import write_text
from toolkit.data.definition_text import Comparison, compare_cell, put_cell, split_cell
from toolkit.data.trial import Trial, load_train_rows, try_definitions
from toolkit.errors import FeatureError
from toolkit.features import Definition, check_definitions
from toolkit.features.definitions import parse_definitions, run_definitions
from toolkit.params_file import load_params
from toolkit.paths import check_project_path, project_root
from toolkit.widgets.page import Page, Part, box, diff_box

USAGE = "%%feature tries the cell; %%feature --save puts it into the file too; --file features/NAME.py names another."


@dataclass(frozen=True)
class Place:
    """The definitions file: its path, what people call it, its text, and whether the pipeline reads it."""

    path: Path
    name: str
    text: str
    used: bool


def find_place(root: Path, given: str = "") -> Place:
    """Find the file that definitions go into: ``given``, or prepare.definitions, or one named as the package is.

    Raises
    ------
    FeatureError
        The file is no UTF-8.
    """
    params: Any = load_params(root).sections
    set_name = params["prepare"].definitions
    name = given or set_name or f"features/{params['package'].name}.py"
    path = root / name
    try:
        text = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise FeatureError(f"{name} must be UTF-8 text. Got {error.reason} at byte {error.start}.") from None
    return Place(path, name, text, name == set_name)


def run_cell(root: Path, line: str, cell: str) -> Page:
    """Try a cell's definitions, say how they stand to the file, and save them if ``line`` asks for it.

    Raises
    ------
    FeatureError
        The cell is no definition, or cannot be computed; nothing was saved.
    """
    save, given = parse_line(line)
    place = find_place(root, given)
    pieces = split_cell(cell)
    known = run_definitions(place.text, place.name) if place.text else {}
    for piece in pieces:
        known.pop(piece.name, None)
    definitions = parse_definitions(cell, known=known)
    if not definitions:
        raise FeatureError(
            'The cell must define a feature: a function below @feature(meaning="..."), or a built-in assigned to a '
            'name, such as city = category("city").'
        )
    trials = try_definitions(definitions, load_train_rows(root))
    head = (
        _save(root, place, cell) if save else _tell_state(place, compare_cell(place.text, cell, place.name))
    )
    return Page([*head, *(part for trial in trials for part in describe(trial))])


def parse_line(line: str) -> tuple[bool, str]:
    """Read what stands behind %%feature: whether to save, and the file.

    Raises
    ------
    FeatureError
        It is something else, or the file is not in the folder features.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:  # a quote that is not closed
        raise FeatureError(f"{USAGE} Got '{line.strip()}': {error}.") from None
    save = "--save" in words
    words = [word for word in words if word != "--save"]
    if not words:
        return save, ""
    if len(words) != 2 or words[0] != "--file":
        raise FeatureError(f"{USAGE} Got '{line.strip()}'.")
    try:
        path = PurePosixPath(check_project_path(words[1]))
    except ValueError as error:
        raise FeatureError(f"--file {error}. Got '{words[1]}'.") from None
    if path.parts[0] != "features" or path.suffix != ".py":
        raise FeatureError(f"--file must be a Python file in the folder features. Got '{words[1]}'.")
    return save, str(path)


def describe(trial: Trial) -> list[Part]:
    """Show a feature that was tried: what it is, its figures, some rows, its plot."""
    from toolkit.views.style import show
    from toolkit.views.trial import describe_trial, plot_trial, sample_trial, tell_rows

    each = trial.definition
    unit = f" ({each.unit})" if each.unit else ""
    facts = [f"{each.meaning}{unit}" if each.meaning else "", f"of {', '.join(each.inputs)}"]
    facts += [f"owner: {each.owner}"] if each.owner else []
    title = f"<h3>{html.escape(each.name)}</h3><p>{html.escape(' · '.join(filter(None, facts)))}</p>"
    rows = f'<p class="tk-quiet">{html.escape(tell_rows(trial))}</p>'
    plot = show(plot_trial(trial), alt=f"distribution of {each.name} on the train split")
    return [title, *_tell_idle(trial), describe_trial(trial), rows, plot, sample_trial(trial)]


def _tell_idle(trial: Trial) -> list[str]:
    """Say which model columns are the same, or missing, in every row: a model can learn nothing of them."""
    known = [column[~np.isnan(column)] for column in trial.matrix.T]
    kinds = {
        "missing": [not len(column) for column in known],
        "the same": [len(column) == len(trial.matrix) > 1 and not np.ptp(column) for column in known],
    }
    parts = []
    for what, found in kinds.items():
        names = ", ".join(name for name, idle in zip(trial.features.names, found, strict=True) if idle)
        if names:
            parts.append(box(f"{names}: {what} in every row. A model can learn nothing of that.", "note"))
    return parts


def _tell_state(place: Place, found: list[Comparison]) -> list[str]:
    parts = [
        diff_box(
            f"{each.name}: this cell and {place.name} differ, and the pipeline runs the file. '%%feature --save' puts "
            "this cell's text there; to keep the file's, copy it from below (lines with -).",
            each.diff,
        )
        for each in found
        if each.state == "other"
    ]
    new = [each.name for each in found if each.state == "new"]
    if new:
        parts.append(
            box(
                f"{', '.join(new)}: not in {place.name} yet. Run with --save to put it there.",
                "note",
            )
        )
    if not parts:
        parts.append(box(f"{place.name} has this very text.{_tell_use(place)}", "good"))
    return parts


def _save(root: Path, place: Place, cell: str) -> list[str]:
    text = put_cell(place.text, cell)
    if text == place.text:
        return [box(f"{place.name} has this very text already.{_tell_use(place)}", "good")]
    rows, definitions = load_train_rows(root), parse_definitions(text, place.name)
    check_definitions(definitions, rows.kinds, rows.others)
    others = _find_changed(place, definitions, {piece.name for piece in split_cell(cell)})
    try_definitions(others, rows)
    write_text(place.path, text)
    parts = [box(f"Saved in {place.name}.{_tell_use(place)}", "good")]
    if others:
        names = ", ".join(each.name for each in others)
        parts.append(
            box(f"{names}: made of what this cell changes in {place.name}, so the values change too.", "note")
        )
    return parts


def _find_changed(
    place: Place, definitions: Sequence[Definition], saved: Collection[str]
) -> list[Definition]:
    """Find features of the file that the cell does not define, and that refer to what it changes there."""
    if not place.text:
        return []
    before = {each.name: each.source for each in parse_definitions(place.text, place.name)}
    return [
        each
        for each in definitions
        if each.name not in saved and before.get(each.name, each.source) != each.source
    ]


def _tell_use(place: Place) -> str:
    if place.used:
        return " './run' fits the features with it."
    return f" Set prepare.definitions: {place.name} in params.yaml, then './run' fits the features with it."


def load_ipython_extension(shell: Any) -> None:
    """Make %%feature known to a notebook (IPython calls this for %load_ext)."""

    def feature(line: str, cell: str) -> Page:
        return run_cell(project_root(), line, cell)

    feature.__doc__ = f"Try a feature on training rows. {USAGE}"
    shell.register_magic_function(feature, "cell", "feature")
