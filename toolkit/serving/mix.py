"""Predictions (or true labels) now beside those of the reference, for the status page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.monitoring.cells import CellGroup, Cells, IntArray

MAX_COLUMNS = 13  # the label, and the scores of a dozen classes
MAX_LABELS = 20


def describe_mix(columns: Sequence[Cells], counted: IntArray) -> list[dict[str, Any]]:
    """Describe how rows fall into the cells of some columns, and how the reference did.

    Parameters
    ----------
    columns : sequence of Cells
        A profile's ``predictions``, in its order.
    counted : ndarray of int64
        Rows per cell: :attr:`toolkit.monitoring.counts.Counts.predictions`.

    Returns
    -------
    list of dict
        For each of the first columns ``name``, ``ordered``, ``labels`` (what the cells are called), ``edges`` of a
        number's cells, ``counts`` and ``reference`` (rows). Of many categories the most common of either are told
        apart, the rest is added up.
    """
    group = CellGroup(columns)
    return [
        _describe(cells, counted[group.slice(place)].tolist())
        for place, cells in enumerate(group.columns[:MAX_COLUMNS])
    ]


def _describe(cells: Cells, counts: list[int]) -> dict[str, Any]:
    labels = list(cells.labels)
    reference = list(cells.counts) or [0] * cells.size
    if not cells.ordered:
        # The rest and what is missing: only where there are any.
        kept = [
            place
            for place in range(cells.size)
            if place < cells.size - 2 or counts[place] or reference[place]
        ]
        labels, counts, reference = _shorten(
            [labels[place] for place in kept],
            [counts[place] for place in kept],
            [reference[place] for place in kept],
        )
    return {
        "name": cells.name,
        "ordered": cells.ordered,
        "labels": labels,
        "edges": list(cells.edges),
        "counts": counts,
        "reference": reference,
    }


def _shorten(labels: list[str], counts: list[int], reference: list[int]) -> tuple[list, list, list]:
    if len(labels) <= MAX_LABELS:
        return labels, counts, reference
    total, reference_total = max(sum(counts), 1), max(sum(reference), 1)
    order = sorted(
        range(len(labels)), key=lambda place: -max(counts[place] / total, reference[place] / reference_total)
    )
    kept, rest = sorted(order[: MAX_LABELS - 1]), order[MAX_LABELS - 1 :]
    return (
        [*(labels[place] for place in kept), f"{len(rest)} others"],
        [*(counts[place] for place in kept), sum(counts[place] for place in rest)],
        [*(reference[place] for place in kept), sum(reference[place] for place in rest)],
    )
