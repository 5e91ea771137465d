"""What each split holds: rows, classes or values, groups, times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from toolkit.columns import as_array, show_time
from toolkit.data.labelled import LabelledRows
from toolkit.data.splits import SPLITS
from toolkit.params import Prepare


def measure_split_facts(
    rows: LabelledRows, codes: np.ndarray, counts: np.ndarray, params: Prepare
) -> dict[str, dict[str, Any]]:
    """Count each split's rows, by class (or give the label's mean and spread), its groups, its first and last time.

    Parameters
    ----------
    codes : ndarray of int8 (n,)
        Split of each labelled row.
    counts : ndarray of int (3, classes)
        Rows by split and class.
    params : Prepare
        Names the columns of group and time, if there are any.
    """
    facts: dict[str, dict[str, Any]] = {}
    groups = _code_groups(rows, params.group) if params.group else None
    times = as_array(rows.column(params.time)) if params.time else None
    for code, split in enumerate(SPLITS):
        own = codes == code
        entry: dict[str, Any] = {"rows": int(own.sum())}
        if rows.classes:
            entry |= {name: int(count) for name, count in zip(rows.classes, counts[code], strict=True)}
        elif own.any():
            entry |= {
                "mean": float(rows.labels[own].mean()),
                "standard deviation": float(rows.labels[own].std()),
            }
        if groups is not None:
            entry["groups"] = len(np.unique(groups[own & (groups >= 0)]))
        if times is not None and own.any() and not np.isnat(times[own]).all():
            known = times[own & ~np.isnat(times)]
            entry |= {"from": show_time(known.min()), "to": show_time(known.max())}
        facts[split] = entry
    return facts


def _code_groups(rows: LabelledRows, name: str) -> np.ndarray:
    coded = rows.column(name).combine_chunks().dictionary_encode()
    return pc.fill_null(coded.indices, -1).to_numpy()
