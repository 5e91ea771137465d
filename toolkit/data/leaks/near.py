"""Rows of two splits that are nearly equal: measured twice, rounded, or copied with a small change."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.columns import as_array
from toolkit.data.contract.hashes import hash_column
from toolkit.data.leaks.chance import count_cross_pairs, is_more_than_chance, measure_collision
from toolkit.data.leaks.duplicates import hash_features
from toolkit.data.leaks.finding import Finding, Splits, nothing_to_check
from toolkit.errors import count_of

CHECK, MEASURED = "near_duplicates", "rows of valid and test that nearly equal a row of another split"
NEAR = 0.01  # of each number's spread
RING = 5.0  # pairs up to so many times farther tell what chance gives
MOST_CELLS = 30_000_000  # numbers in memory (float32); of more rows a sample is compared
MOST_ROWS = 1_000_000
TABLES = 8  # passes, each with other projections
WIDTH = 10 * NEAR  # of a cell, in spreads
WINDOW = 4  # rows after it in the same cell that a row is compared with
FAR = 1e6  # spreads; what is farther out is as far
IQR_SPREAD = 1.349  # a normal distribution's interquartile range in standard deviations
INDEPENDENT_MARGIN = 10.0  # features hang together, so pairs by chance are more than the product says
NUMBERS = ("number", "integer", "time")


def find_near_duplicates(splits: Splits) -> Finding:
    """Find rows of two splits that differ in each number by at most 0.01 of its spread, and in nothing else.

    The spread is the smaller of the standard deviation and IQR / 1.349. Categories, booleans and missing values must
    be equal; texts may differ in case, blanks, digits and punctuation. Rows that are wholly equal are left to the
    check of duplicates.

    Method: locality-sensitive hashing (Datar et al. 2004). In each of 8 passes the numbers are projected on random
    directions, cut into cells of 0.1; rows in one cell are compared with their next 4 neighbours in it, exactly. A
    pair that is near is found with more than 99.9 % unless its cell is crowded (many rows that are all alike).
    Of more than a million rows (or 30 million numbers), a sample is compared: all rows of valid and test up to half
    of it, the rest from train. Memory: 4 bytes a number of the sample.

    Chance gives near rows too where there are few numbers. How many follows from the pairs between 1 and 5 times as
    far (of points on a line a quarter of these; of more dimensions fewer), and from the features' own chances, taken
    as independent, times ten. Found is what is more than three times the larger (Poisson, 0.1 %). False alarms: in 0
    of 1,000 clean tables (tests/unit/data/leaks).
    """
    numbers = [name for name, kind in splits.kinds.items() if kind in NUMBERS]
    texts = [name for name, kind in splits.kinds.items() if kind == "text"]
    if not numbers and not texts:
        return nothing_to_check(
            CHECK, MEASURED, "No feature is a number or a text: none can be nearly equal."
        )
    places = _choose_rows(splits, len(numbers))
    codes = splits.codes[places]
    matrix, exact, chance = _measure_features(splits, places)
    same = hash_features(splits)[places]
    pairs = _find_candidates(matrix, exact, codes)
    pairs = pairs[same[pairs[:, 0]] != same[pairs[:, 1]]]
    distance = _measure_distance(matrix, pairs)
    near = pairs[distance <= NEAR]
    ring = len(_affected(pairs[(distance > NEAR) & (distance <= RING * NEAR)], codes))
    affected = len(_affected(near, codes))
    counts = np.bincount(codes, minlength=3)
    by_product = INDEPENDENT_MARGIN * count_cross_pairs(counts) * chance
    expected = max(by_product, ring / (RING - 1)) if matrix.shape[1] else by_product
    compared = "" if len(places) == len(splits.codes) else f" (of {len(places):,} rows that were compared)"
    told = f"There are {count_of(affected, 'row')} of valid and test nearly equal to a row of another split{compared}"
    if not is_more_than_chance(affected, expected):
        why = ", as chance gives where there are few numbers" if affected else ""
        return Finding(CHECK, False, affected, MEASURED, f"{told}{why}.")
    advice = (
        "If these are the same thing measured twice, name what they share in prepare.group and set prepare.split to "
        "group, or remove one of each two from the source."
    )
    return Finding(CHECK, True, affected, MEASURED, f"{told}.", advice, splits.describe_pairs(places[near]))


def _choose_rows(splits: Splits, numbers: int) -> np.ndarray:
    """Give all rows, or a sample that half of is valid and test."""
    most = min(MOST_ROWS, MOST_CELLS // max(numbers, 1))
    rows = len(splits.codes)
    if rows <= most:
        return np.arange(rows)
    random = np.random.default_rng(splits.params.seed)
    parts = []
    for part in (np.flatnonzero(splits.codes > 0), np.flatnonzero(splits.codes == 0)):
        parts.append(random.choice(part, min(len(part), most // 2), replace=False))
    return np.sort(np.concatenate(parts))


def _measure_features(splits: Splits, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Give numbers in units of their spread (n, k), a hash of all that must be equal, the chance of a near pair."""
    columns, chance = [], 1.0
    exact = np.zeros(len(places), dtype=np.uint64)
    for index, (name, kind) in enumerate(splits.kinds.items()):
        weight = np.uint64(2 * index + 1)
        column = splits.rows.column(name).take(pa.array(places))
        if kind in NUMBERS:
            values = _as_numbers(as_array(column))
            missing = np.isnan(values)
            exact += missing.astype(np.uint64) * weight * np.uint64(0x9E3779B97F4A7C15)
            scaled = _scale(values, missing)
            if scaled is not None:
                columns.append(scaled)
                chance *= _measure_near_chance(scaled)
            continue
        if kind == "text":
            column = _plain_text(column)
        own = np.concatenate([hash_column(chunk) for chunk in column.chunks])
        exact += own * weight
        if kind != "text":
            chance *= measure_collision(own)
    matrix = np.column_stack(columns) if columns else np.empty((len(places), 0), dtype=np.float32)
    return matrix, exact, chance if columns or len(splits.kinds) > 1 else 0.0


def _as_numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "M":
        numbers = values.astype("datetime64[us]").astype(np.int64) / 1e6
        return np.where(np.isnat(values), np.nan, numbers)
    return values.astype(np.float64)


def _scale(values: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
    """Centre and scale; None for a column that is constant, which tells rows not apart."""
    known = values[~missing]
    if len(known) < 2 or known.min() == known.max():
        return None
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    spread = float(known.std())
    spread = min(spread, float(high - low) / IQR_SPREAD) if high > low else spread
    scaled = np.clip((values - middle) / spread, -FAR, FAR).astype(np.float32)
    scaled[missing] = 0
    return scaled


def _measure_near_chance(values: np.ndarray) -> float:
    """Measure the chance that two rows are near in one number."""
    ordered = np.sort(values)
    after = np.searchsorted(ordered, ordered + np.float32(NEAR), side="right") - np.arange(len(ordered)) - 1
    rows = len(ordered)
    return float(2 * after.sum() / (rows * (rows - 1)))


def _plain_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give texts in lower case without blanks, digits and punctuation."""
    return pc.replace_substring_regex(pc.utf8_lower(column), r"[\pP\pS\pN\s]+", "")


def _find_candidates(matrix: np.ndarray, exact: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Give pairs of rows (m, 2) over splits that share a cell in some pass, each once."""
    random = np.random.default_rng(1)
    rows, width = matrix.shape
    directions = max(2, int(np.ceil(np.log(max(rows, 2)) / np.log(20))) + 1)
    found = []
    for _ in range(TABLES if width else 1):
        cells, order_by = exact.copy(), np.zeros(rows, dtype=np.float32)
        for number in range(directions if width else 0):
            direction = random.standard_normal(width).astype(np.float32)
            projected = matrix @ (direction / np.linalg.norm(direction))
            cell = np.floor(projected / WIDTH + random.random()).astype(np.int64).astype(np.uint64)
            cells = _mix(cells, cell)
            if number == 0:
                order_by = projected
        order = np.lexsort((order_by, cells))
        ordered = cells[order]
        for step in range(1, WINDOW + 1):
            one, other = order[:-step], order[step:]
            both = (ordered[:-step] == ordered[step:]) & (codes[one] != codes[other])
            pair = np.column_stack([one[both], other[both]])
            found.append(np.sort(pair, axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _mix(cells: np.ndarray, cell: np.ndarray) -> np.ndarray:
    mixed = (cells ^ cell) * np.uint64(0xFF51AFD7ED558CCD)
    return mixed ^ (mixed >> np.uint64(32))


def _measure_distance(matrix: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Measure the largest difference of a number in each pair (m,), in spreads."""
    distance = np.zeros(len(pairs), dtype=np.float32)
    for column in matrix.T:
        np.maximum(distance, np.abs(column[pairs[:, 0]] - column[pairs[:, 1]]), out=distance)
    return distance


def _affected(pairs: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Give the rows of valid and test in pairs; of a pair of these two, the one of test."""
    one, other = pairs[:, 0], pairs[:, 1]
    return np.unique(np.where(codes[one] > codes[other], one, other))
