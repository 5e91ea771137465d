"""Rows whose features are all equal, in two splits: the model is judged on rows that it was trained on."""

from __future__ import annotations

import numpy as np

from toolkit.data.contract.hashes import Hashes, hash_column
from toolkit.data.leaks.chance import count_cross_pairs, group_equal, is_more_than_chance, measure_collision
from toolkit.data.leaks.finding import SHOWN, Finding, Splits
from toolkit.errors import count_of

CHECK, MEASURED = "duplicates", "rows of valid and test that equal a row of another split"
SAMPLE_ROWS = 200_000  # rows that chance is estimated on
LONG_TEXT = 20  # texts of so many characters on average are not equal by chance


def find_duplicates(splits: Splits) -> Finding:
    """Find rows of valid and test whose features all equal those of a row in another split.

    All rows are compared, by a hash of 64 bits over their features (the chance that any two of 10 million different
    rows have the same is 3 in a million). Memory is 40 bytes a row.

    A feature that names each row (see the check of identifiers) hides what is equal besides it: exclude it first.

    Where features have few values, equal rows come by chance and are no leak. Two estimates of how many: the features'
    own chances of being equal, multiplied (as if independent); and, for each feature, the pairs of rows that are
    equal in all others, times its chance of being equal then. Found is what is more than three times the larger
    one (Poisson, 0.1 %). False alarms: in 0 of 1,000 clean tables (tests/unit/data/leaks). Missed are repeated rows
    in tables of so few values that chance gives as many.
    """
    hashes = hash_features(splits)
    order, group, counts = group_equal(hashes, splits.codes)
    crossing = (counts > 0).sum(axis=1) > 1
    affected = int(_affected(counts[crossing]))
    if not affected:
        return Finding(CHECK, False, 0, MEASURED, "No row of valid or test equals one of another split.")
    expected = estimate_chance(splits, hashes)
    share = affected / max(int(splits.counts[1:].sum()), 1)
    told = (
        f"There are {count_of(affected, 'row')} of valid and test ({share:.1%}) with the features of a row in another "
        "split"
    )
    if not is_more_than_chance(affected, expected):
        return Finding(
            CHECK, False, affected, MEASURED, f"{told}, as chance gives where features have few values."
        )
    places = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))[crossing]
    pairs = np.array(
        [_first_two(order[place : place + total], splits.codes) for place, total in
         zip(places[:SHOWN], counts[crossing].sum(axis=1)[:SHOWN], strict=True)]
    )  # fmt: skip
    advice = (
        "Remove the repeated rows from the source; or, if they belong together (one patient, one customer), name what "
        "they share in prepare.group and set prepare.split to group."
    )
    return Finding(CHECK, True, affected, MEASURED, f"{told}.", advice, splits.describe_pairs(pairs))


def hash_features(splits: Splits) -> Hashes:
    """Hash the features of each row: the sum of each column's hash, so that one can be taken out again."""
    total = np.zeros(len(splits.codes), dtype=np.uint64)
    for index, name in enumerate(splits.kinds):
        total += hash_feature(splits, name, index)
    return total


def hash_feature(splits: Splits, name: str, index: int) -> Hashes:
    """Hash one feature, with its place among the features mixed in."""
    column = splits.rows.column(name)
    parts = [hash_column(chunk) for chunk in column.chunks]
    hashed = np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
    return hashed * np.uint64(2 * index + 1) + np.uint64(index)


def estimate_chance(splits: Splits, hashes: Hashes) -> float:
    """Estimate how many pairs of rows over splits have equal features by chance."""
    rows = len(hashes)
    step = -(-rows // SAMPLE_ROWS)
    some, codes = hashes[::step], splits.codes[::step]
    equal = count_cross_pairs(group_equal(some, codes)[2])
    chances, rest = [], [0.0]
    for index, name in enumerate(splits.kinds):
        own = hash_feature(splits, name, index)[::step]
        chance = 0.0 if _is_long_text(splits, name) else measure_collision(own)
        chances.append(chance)
        others = count_cross_pairs(group_equal(some - own, codes)[2]) - equal  # equal but for this feature
        if chance < 1:
            rest.append(others * chance / (1 - chance))
    independent = count_cross_pairs(splits.counts) * float(np.prod(chances))
    return max(independent, max(rest) * step**2)


def _is_long_text(splits: Splits, name: str) -> bool:
    import pyarrow.compute as pc

    if splits.kinds[name] != "text":
        return False
    length = pc.mean(pc.utf8_length(splits.rows.column(name))).as_py()
    return (length or 0) >= LONG_TEXT


def _affected(counts: np.ndarray) -> int:
    """Count rows of valid and test in groups of rows by split (groups, 3) that each span two splits or more."""
    return int(counts[:, 1:].sum())


def _first_two(rows: np.ndarray, codes: np.ndarray) -> tuple[int, int]:
    """Give the first row, and the first of another split."""
    other = rows[np.flatnonzero(codes[rows] != codes[rows[0]])[0]]
    return int(rows[0]), int(other)
