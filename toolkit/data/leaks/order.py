"""Groups and times: what belongs together or comes later must not be on the wrong side of a split."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.columns import show_time
from toolkit.data.leaks.finding import SHOWN, Finding, Splits, nothing_to_check
from toolkit.data.split_rules import load_times
from toolkit.data.splits import SPLITS, TEST, TRAIN
from toolkit.errors import count_of

GROUPS, TIME, LATE = "groups", "time", "late"


def find_groups(splits: Splits) -> Finding:
    """Find groups (values of ``prepare.group``) with rows in two splits. Exact; memory is 16 bytes a row.

    Rows without a group are passed over. Rows of a generator count: made from rows of test, they tell train of them.
    """
    name, measured = splits.params.group, "groups with rows in two splits"
    if not name:
        return nothing_to_check(GROUPS, measured, "No column of groups is named (prepare.group).")
    splits.rows.check_column(name, "prepare.group")
    coded = splits.rows.column(name).combine_chunks().dictionary_encode()
    known = np.asarray(coded.is_valid())
    groups = coded.indices.fill_null(0).to_numpy()[known].astype(np.int64)
    counts = np.bincount(groups * 3 + splits.codes[known], minlength=3 * len(coded.dictionary)).reshape(-1, 3)
    torn = np.flatnonzero((counts > 0).sum(axis=1) > 1)
    if not len(torn):
        return Finding(
            GROUPS, False, 0, measured, f"Each of {count_of(len(counts), 'group')} is in one split alone."
        )
    largest = torn[np.argsort(-counts[torn].sum(axis=1), kind="stable")[:SHOWN]]
    evidence = [
        {name: _plain(coded.dictionary[int(group)].as_py()), **dict(zip(SPLITS, counts[group].tolist(), strict=True))}
        for group in largest
    ]  # fmt: skip
    whole = count_of(len(counts), "group")
    message = f"There are {len(torn):,} of {whole} of '{name}' with rows in two splits or more."
    advice = (
        f"Set prepare.split to group, so that each '{name}' is in one split; or set prepare.checks.groups to warn "
        "or off."
    )
    return Finding(GROUPS, True, len(torn), measured, message, advice, evidence)


def find_time_order(splits: Splits) -> Finding:
    """Find rows of train whose event (``prepare.time``) is later than the first of test. Exact; 8 bytes a row.

    A model that predicts the future must not learn from it. Rows of a generator are passed over, and rows without a
    time.
    """
    name, measured = splits.params.time, "rows of train later than the first row of test"
    if not name:
        return nothing_to_check(TIME, measured, "No column of times is named (prepare.time).")
    times = load_times(splits.rows, name, "prepare.time")
    real = ~np.isnat(times) & ~splits.rows.generated()
    train, test = real & (splits.codes == TRAIN), real & (splits.codes == TEST)
    if not train.any() or not test.any():
        return nothing_to_check(TIME, measured, f"Train or test has no row with a time in '{name}'.")
    first = times[test].min()
    late = np.flatnonzero(train & (times > first))
    if not len(late):
        return Finding(
            TIME, False, 0, measured, f"No row of train is later than the first of test ({show_time(first)})."
        )
    worst = late[np.argsort(times[late], kind="stable")[::-1][:SHOWN]]
    evidence = [{**splits.describe(int(row)), name: show_time(times[row])} for row in worst]
    message = (
        f"There are {len(late):,} of {count_of(int(train.sum()), 'row')} of train later than the first row of test "
        f"({show_time(first)}), up to {show_time(times[worst[0]])}: the model learns from what comes after the rows "
        "that it is judged on."
    )
    advice = (
        "Set prepare.split to time, so that test is the latest rows; or, if the model never predicts the future, "
        "prepare.checks.time to warn or off."
    )
    return Finding(TIME, True, len(late), measured, message, advice, evidence)


def find_late_features(splits: Splits) -> Finding:
    """Find time features that lie after the row's event (``prepare.time``): nobody knew them then. Exact.

    A feature with a zone and an event without one (or the reverse) cannot be compared, and is passed over.
    """
    name, measured = splits.params.time, "rows with a time feature after their event"
    features = [feature for feature, kind in splits.kinds.items() if kind == "time" and feature != name]
    if not name or not features:
        why = (
            "There is no time feature besides it." if name else "No column of times is named (prepare.time)."
        )
        return nothing_to_check(LATE, measured, why)
    events = load_times(splits.rows, name, "prepare.time")
    zone = getattr(splits.rows.column(name).type, "tz", None) is None
    evidence: list[dict[str, Any]] = []
    for feature in features:
        column = splits.rows.column(feature)
        if (getattr(column.type, "tz", None) is None) != zone:
            continue
        times = load_times(splits.rows, feature, "prepare.time")
        later = np.flatnonzero(times > events)  # false where either is missing
        if len(later):
            first = int(later[0])
            evidence.append(
                {
                    "feature": feature,
                    "rows": len(later),
                    "share": round(len(later) / len(times), 6),
                    **splits.describe(first),
                    "its time": show_time(times[first]),
                    "event": show_time(events[first]),
                }
            )
    if not evidence:
        return Finding(LATE, False, 0, measured, f"No time feature lies after '{name}'.")
    rows = max(entry["rows"] for entry in evidence)
    names = ", ".join(f"'{entry['feature']}'" for entry in evidence)
    message = f"{names} lies after the row's event ('{name}'), in up to {count_of(rows, 'row')}: it was not known then."
    advice = "Exclude it (collect.exclude), or correct the times."
    return Finding(LATE, True, rows, measured, message, advice, evidence[:SHOWN])


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else str(value)
