"""Names that the key and the features must not have, since predicted and labelled tables have such columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def list_outputs(classes: Sequence[str] | None) -> set[str]:
    """List the columns that labels and predictions get.

    Parameters
    ----------
    classes : sequence of str, optional
        Of the task; empty for a regression; None if they are not known yet.
    """
    scores = [f"p_{name}" for name in classes] or ["value"] if classes is not None else []
    return {"label", "true_label", "version", *scores}


def find_reserved(names: Sequence[str], key: str, exclude: Sequence[str], annotate: Any) -> list[str]:
    """Say which columns have a name that a later stage needs for its own, before any row is read.

    Parameters
    ----------
    names : sequence of str
        Columns of the table.
    key, exclude : str, sequence of str
        What params.yaml says of them.
    annotate : Annotate
        Where labels come from: their own column is no feature, whatever it is called.
    """
    known = annotate.classes or None
    outputs = list_outputs([] if annotate.task == "regression" else known)
    own = [annotate.label] if annotate.format == "column" else []
    findings = []
    for name in names:
        if name not in outputs:
            continue
        if name == key:
            findings.append(
                f"collect.key: the key must not be called '{name}', as a column of the predicted table is. Rename it "
                "in the source."
            )
        elif name not in exclude and name not in own:
            findings.append(
                f"column '{name}' must be called otherwise to be a feature, since a column of the predicted table has "
                "that name. Rename it in the source, or add it to collect.exclude; if it holds the labels, set "
                f"annotate.format: column and annotate.label: {name}."
            )
    return findings
