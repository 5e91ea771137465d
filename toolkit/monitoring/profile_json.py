"""A profile's cells as JSON, and every finding when a file is not what it must be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from toolkit.errors import DriftError
from toolkit.monitoring.cells import KINDS, ORDERED, CellGroup, Cells
from toolkit.monitoring.shares import Shares


def scores_to_list(scores: Sequence[Cells]) -> list[dict[str, Any]]:
    """Give the predictions' part of a profile as values that JSON can hold."""
    return [cells_to_dict(cells) for cells in scores]


def scores_from_list(values: Any) -> tuple[Cells, ...]:
    """Take the predictions' part of a profile from what :func:`scores_to_list` gave; else DriftError."""
    findings: list[str] = []
    scores = parse_cells_list(values, "predictions", findings)
    if findings:
        raise DriftError("The score profile is damaged:\n" + "\n".join(f"  {text}" for text in findings))
    return scores


def cells_to_dict(cells: Cells) -> dict[str, Any]:
    """Give one column's cells as values that JSON can hold."""
    values: dict[str, Any] = {"name": cells.name, "kind": cells.kind, "counts": list(cells.counts)}
    if cells.design_effect is not None:
        values |= {"design_effect": cells.design_effect, "swing": list(cells.swing)}
    if cells.ordered:
        return {**values, "edges": list(cells.edges), "minimum": cells.minimum, "maximum": cells.maximum}
    return {**values, "categories": list(cells.categories)}


def parse_cells_list(values: Any, where: str, findings: list[str]) -> tuple[Cells, ...]:
    """Take a list of columns' cells; what is wrong is added to ``findings`` with its place."""
    if not isinstance(values, list):
        findings.append(f"{where}: must be a list")
        return ()
    parsed = [parse_cells(value, f"{where}[{index}]", findings) for index, value in enumerate(values)]
    whole = tuple(cells for cells in parsed if cells is not None)
    names = [cells.name for cells in whole]
    findings.extend(
        f"{where}: '{name}' occurs twice" for name in sorted({n for n in names if names.count(n) > 1})
    )
    whole_rows = {sum(cells.counts) for cells in whole if cells.kind != "category"}
    some_rows = [sum(cells.counts) for cells in whole if cells.kind == "category"]
    if len(whole_rows) > 1 or (whole_rows and max(some_rows, default=0) > max(whole_rows)):
        findings.append(
            f"{where}: the counts of each must add up to the same number of rows, those of categories to no more"
        )
    return whole


def parse_cells(values: Any, where: str, findings: list[str]) -> Cells | None:
    """Take one column's cells; what is wrong is added to ``findings`` with its place."""
    found = len(findings)
    if not isinstance(values, Mapping):
        findings.append(f"{where}: must be an object")
        return None
    name, kind = values.get("name"), values.get("kind")
    if not isinstance(name, str) or not name:
        findings.append(f"{where}.name: must be a text")
    if kind not in KINDS:
        findings.append(f"{where}.kind: must be one of {', '.join(KINDS)}, not {kind!r}")
        return None
    counts: list[int] = values["counts"] if isinstance(values.get("counts"), list) else []
    if not all(type(count) is int and 0 <= count < 2**62 for count in counts) or not sum(counts):
        findings.append(f"{where}.counts: must be whole numbers from 0, not all 0")
    shape = _parse_number_shape if kind in ORDERED else _parse_category_shape
    cells = shape(values, str(name), str(kind), where, findings)
    if len(findings) > found or cells is None:
        return None
    if len(counts) != cells.size:
        findings.append(f"{where}.counts: must have {cells.size} entries, not {len(counts)}")
        return None
    return _parse_dependence(values, replace(cells, counts=tuple(counts)), where, findings)


def _parse_dependence(values: Mapping, cells: Cells, where: str, findings: list[str]) -> Cells | None:
    """Take the design effect and the swing of each share, where a profile has them."""
    effect: Any = values.get("design_effect")
    swing: Any = values.get("swing")
    if effect is None and swing is None:
        return cells
    shares = len(Shares(CellGroup([cells])))
    if not _is_finite(effect) or float(effect) < 1:
        findings.append(f"{where}.design_effect: must be a finite number from 1")
    elif not isinstance(swing, list) or not all(_is_finite(each) and 0 <= each <= 1 for each in swing):
        findings.append(f"{where}.swing: must be numbers from 0 to 1")
    elif len(swing) != shares:
        findings.append(f"{where}.swing: must have {shares} entries, not {len(swing)}")
    else:
        return replace(cells, design_effect=float(effect), swing=tuple(map(float, swing)))
    return None


def _parse_number_shape(
    values: Mapping, name: str, kind: str, where: str, findings: list[str]
) -> Cells | None:
    edges, bounds = values.get("edges"), [values.get("minimum"), values.get("maximum")]
    if not isinstance(edges, list) or not all(_is_finite(edge) for edge in edges):
        findings.append(f"{where}.edges: must be finite numbers")
    elif any(low >= high for low, high in pairwise(edges)):
        findings.append(f"{where}.edges: must increase")
    elif not all(bound is None or _is_finite(bound) for bound in bounds):
        findings.append(f"{where}: minimum and maximum must be finite numbers or null")
    else:
        limits = [None if bound is None else float(bound) for bound in bounds]
        return Cells(name, kind, edges=tuple(map(float, edges)), minimum=limits[0], maximum=limits[1])
    return None


def _parse_category_shape(
    values: Mapping, name: str, kind: str, where: str, findings: list[str]
) -> Cells | None:
    categories = values.get("categories")
    if not isinstance(categories, list) or not all(isinstance(text, str) for text in categories):
        findings.append(f"{where}.categories: must be texts")
    elif len(set(categories)) != len(categories):
        findings.append(f"{where}.categories: must differ from each other")
    else:
        return Cells(name, kind, categories=tuple(categories))
    return None


def _is_finite(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False
