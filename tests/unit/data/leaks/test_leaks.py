"""Each check finds its planted leak, and is silent on clean tables; what a check says is right."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from clean_tables import make_clean_table
from make_rows import make_rows, make_splits
from scipy.stats import poisson, spearmanr
from sklearn.metrics import r2_score, roc_auc_score

from toolkit.columns import show_time
from toolkit.data.leaks.chance import count_cross_pairs, group_equal, is_more_than_chance, measure_collision
from toolkit.data.leaks.finding import Finding, Splits
from toolkit.data.leaks.giveaway import measure_auc, measure_r2, score_order
from toolkit.data.leaks.run import CHECKS, check_leaks, describe_leaks, find_leaks
from toolkit.errors import DataError
from toolkit.params import Checks
from toolkit.views.explore_data import make_dataset
from toolkit.views.explore_relation import measure_relation

ROWS = 600


@pytest.mark.parametrize("seed", range(30))
def test_clean_tables_are_clean(tmp_path: Path, seed: int) -> None:
    columns, labels, names = make_clean_table(seed)
    how = ("hash", "group", "time")[seed % 3]
    splits = make_splits(
        make_rows(tmp_path, columns, labels), split=how, **{k: v for k, v in names.items() if k == how}
    )
    found = [finding.check for finding in find_leaks(splits) if finding.found]
    assert [check for check in found if how == "hash" or check != "shift"] == []


def clean_columns(rows: int = ROWS, seed: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    at = np.datetime64("2026-01-01T00:00:00", "us") + np.arange(rows) * np.timedelta64(3, "h")
    return {
        "size": random.standard_normal(rows),
        "weight": np.exp(random.standard_normal(rows)),
        "visits": random.poisson(5, rows),
        "kind": random.choice(["u", "v", "w"], rows).tolist(),
        "at": at,
        "customer": [f"c{value}" for value in random.integers(0, 100, rows)],
        "told": [
            " ".join(random.choice(["hot", "cold", "loud", "wet", "old", "new"], 9)) for _ in range(rows)
        ],
    }


def look(
    folder: Path, check: str, columns: dict[str, Any], labels: list[Any] | None = None, **params: Any
) -> Finding:
    return CHECKS[check](make_splits(make_rows(folder, columns, labels), **params))


def repeat(columns: dict[str, Any], rows: int) -> dict[str, Any]:
    """Add the first rows once more."""
    return {
        name: np.concatenate([values, values[:rows]])
        if isinstance(values, np.ndarray)
        else [*values, *values[:rows]]
        for name, values in columns.items()
    }


def test_one_repeated_row_in_two_splits_is_found(tmp_path: Path) -> None:
    columns = repeat(clean_columns(), 20)
    finding = look(tmp_path, "duplicates", columns)
    splits = make_splits(make_rows(tmp_path, columns))
    crossing = [row for row in range(20) if splits.codes[row] != splits.codes[ROWS + row]]
    assert finding.found and len(crossing) > 3
    told = {(entry["row one"] - 1, entry["row other"] - 1) for entry in finding.evidence}
    assert told <= {(row, ROWS + row) for row in crossing} and len(told) == min(len(crossing), 10)
    assert all(entry["split one"] != entry["split other"] for entry in finding.evidence)
    held_out = [int(splits.codes[row] > 0) + int(splits.codes[ROWS + row] > 0) for row in crossing]
    assert finding.statistic == sum(held_out)


def test_equal_rows_of_a_table_with_few_values_are_chance(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    hidden = random.integers(0, 5, ROWS)  # features that hang together
    columns = {f"f{n}": (hidden + random.integers(0, 2, ROWS)).tolist() for n in range(4)}
    finding = look(tmp_path, "duplicates", columns)
    assert not finding.found and finding.statistic and "as chance gives" in finding.message


def test_rows_with_small_changes_are_found(tmp_path: Path) -> None:
    columns = repeat(clean_columns(), 30)
    random = np.random.default_rng(2)
    columns["size"] = columns["size"] + random.uniform(-0.004, 0.004, len(columns["size"]))
    columns["told"] = [
        text.upper() + "!" if row >= ROWS else text for row, text in enumerate(columns["told"])
    ]
    splits = make_splits(make_rows(tmp_path, columns))
    crossing = sum(splits.codes[row] != splits.codes[ROWS + row] for row in range(30))
    finding = CHECKS["near_duplicates"](splits)
    assert finding.found and finding.statistic >= 0.95 * crossing
    assert not CHECKS["duplicates"](splits).found
    assert all(entry["row other"] - entry["row one"] == ROWS for entry in finding.evidence)


def test_near_pairs_are_those_that_a_full_search_finds(tmp_path: Path) -> None:
    columns = repeat({f"x{n}": np.random.default_rng(n).standard_normal(ROWS) for n in range(6)}, 200)
    noise = np.random.default_rng(9)
    columns = {name: values + noise.uniform(-0.005, 0.005, len(values)) for name, values in columns.items()}
    splits = make_splits(make_rows(tmp_path, columns))
    scale = [min(v.std(), np.subtract(*np.quantile(v, [0.75, 0.25])) / 1.349) for v in columns.values()]
    matrix = np.column_stack(list(columns.values())) / scale
    distance = np.abs(matrix[:, None] - matrix[None]).max(axis=2)
    near = (distance <= 0.01) & (splits.codes[:, None] != splits.codes[None])
    one, other = np.nonzero(np.triu(near))
    expected = len(
        {int(max(pair, key=lambda row: (splits.codes[row], row))) for pair in zip(one, other, strict=True)}
    )
    assert expected > 50 and abs(CHECKS["near_duplicates"](splits).statistic - expected) <= 0.02 * expected


def test_a_group_in_two_splits_is_found(tmp_path: Path) -> None:
    columns = clean_columns()
    assert not look(tmp_path, "groups", columns, group="customer", split="group").found
    finding = look(tmp_path, "groups", columns, group="customer")
    assert finding.found and "prepare.split to group" in finding.advice
    entry = finding.evidence[0]
    assert sum(entry[split] for split in ("train", "valid", "test")) == columns["customer"].count(
        entry["customer"]
    )


def test_train_rows_after_test_rows_are_found(tmp_path: Path) -> None:
    columns = clean_columns()
    assert not look(tmp_path, "time", columns, time="at", split="time").found
    finding = look(tmp_path, "time", columns, time="at")
    codes = make_splits(make_rows(tmp_path, columns)).codes
    first = int(np.flatnonzero(codes == 2)[0])
    assert finding.found and finding.statistic == int((codes[first:] == 0).sum())
    assert show_time(columns["at"][first]) in finding.message and "prepare.split to time" in finding.advice
    generated = columns | {"generated": [bool(code == 0) for code in codes]}  # their times say nothing
    splits = make_splits(make_rows(tmp_path, generated), codes, time="at")
    assert not CHECKS["time"](splits).found


def test_a_feature_after_the_event_is_found(tmp_path: Path) -> None:
    columns = clean_columns()
    closed = columns["at"] + np.where(
        np.arange(ROWS) % 50 == 7, np.timedelta64(1, "D"), -np.timedelta64(1, "D")
    )
    finding = look(tmp_path, "late", columns | {"closed": closed}, time="at")
    assert finding.found and finding.evidence[0]["feature"] == "closed" and finding.evidence[0]["rows"] == 12
    assert finding.evidence[0]["row"] == 8
    zoned = pa.array(closed, pa.timestamp("us", tz="UTC"))
    assert not look(tmp_path, "late", columns | {"closed": zoned}, time="at").found
    assert not look(tmp_path, "late", columns, time="at").found


LABELS = ["ill" if value > 0 else "well" for value in np.random.default_rng(8).standard_normal(ROWS)]


@pytest.mark.parametrize(
    ("feature", "how"),
    [
        (np.array([label == "ill" for label in LABELS]) + clean_columns()["size"] / 50, "value"),
        (["treated" if label == "ill" else "none" for label in LABELS], "value"),
        ([1.5 if label == "ill" else None for label in LABELS], "missing values"),
        (["operated " * 3 + str(row) if label == "ill" else f"sent home {row}" for row, label in enumerate(LABELS)],
         "length"),
    ],
)  # fmt: skip
def test_a_feature_that_tells_the_class_is_found(tmp_path: Path, feature: Any, how: str) -> None:
    finding = look(tmp_path, "giveaway", clean_columns() | {"outcome": feature}, LABELS)
    assert finding.found and {"feature": "outcome", "by its": how}.items() <= finding.evidence[0].items()
    assert {entry["feature"] for entry in finding.evidence} == {"outcome"}


def test_a_feature_that_tells_the_value_is_found(tmp_path: Path) -> None:
    value = np.random.default_rng(8).standard_normal(ROWS)
    columns = clean_columns() | {"paid": np.exp(value)}
    finding = look(tmp_path, "giveaway", columns, value.tolist())
    assert finding.found and [entry["feature"] for entry in finding.evidence] == ["paid"]
    strong = clean_columns() | {"strong": value + 0.5 * np.random.default_rng(1).standard_normal(ROWS)}
    assert not look(tmp_path, "giveaway", strong, value.tolist()).found


def test_the_best_feature_is_that_of_the_report_with_the_same_auc(tmp_path: Path) -> None:
    """A number that tells by being larger scores what scikit-learn says, missing values and all."""
    hits = np.array([label == "ill" for label in LABELS])
    amount = np.where(
        np.arange(ROWS) % 7, -np.exp(hits * 0.4 + np.random.default_rng(2).normal(size=ROWS)), np.nan
    )
    plan = np.where(np.random.default_rng(3).random(ROWS) < 0.45 + 0.1 * hits, "plus", "basic").tolist()
    columns = clean_columns() | {"amount": amount, "plan": plan}
    rows = make_rows(tmp_path, columns, LABELS)
    splits = make_splits(rows)
    seen = splits.codes < 2
    finding = CHECKS["giveaway"](splits)
    known = seen & ~np.isnan(amount)
    assert finding.statistic == pytest.approx(1 - roc_auc_score(hits[known], amount[known]), abs=1e-6)
    table = pa.table({name: rows.column(name).filter(pa.array(seen)) for name in ("id", *splits.kinds)})
    table = table.append_column("label", pa.array(np.array(LABELS)[seen]))
    report = measure_relation(make_dataset(table, splits.kinds, "id"))
    best = report["AUC"].astype(float).idxmax()
    assert f"is '{best}' with AUC {report['AUC'].max():.3f} in train and valid" in finding.message
    assert best == "amount"


def test_a_feature_that_is_no_matter_of_more_or_less_is_told_by_its_bins(tmp_path: Path) -> None:
    hits = np.array([label == "ill" for label in LABELS])
    middle = np.random.default_rng(2).normal(size=ROWS) * np.where(hits, 0.3, 2)
    finding = look(tmp_path, "giveaway", clean_columns() | {"middle": middle}, LABELS)
    assert "is 'middle' in bins of its value with AUC" in finding.message and 0.7 < finding.statistic < 0.95


def test_scores_by_order_are_those_of_scikit_learn_and_scipy() -> None:
    random = np.random.default_rng(3)
    label = random.integers(0, 3, 500)
    values = np.where(random.random(500) < 0.1, np.nan, -label + random.normal(size=500).round(1))
    targets = np.stack([label == place for place in range(3)]).astype(float)
    known = ~np.isnan(values)
    areas = [roc_auc_score(target[known], values[known]) for target in targets]
    expected = np.average([max(area, 1 - area) for area in areas], weights=targets[:, known].sum(axis=1))
    assert score_order(values, targets, True)[0] == pytest.approx(expected)
    value = np.exp(random.normal(size=500))
    score, low = score_order(values + value, value[None], False)
    assert score == pytest.approx(spearmanr((values + value)[known], value[known])[0] ** 2) and low < score
    assert score_order(np.full(500, np.nan), targets, True) == (0.0, 0.0)
    assert score_order(np.ones(500), value[None], False) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (list(range(ROWS)), "same step"),
        (np.random.default_rng(1).permutation(ROWS).tolist(), "fill their range"),
        (np.arange(ROWS) * 0.25, "same step"),
        (np.cumsum(np.random.default_rng(1).integers(1, 90, ROWS)).tolist(), "in order"),
        (np.random.default_rng(1).choice(10**9, ROWS, replace=False).tolist(), "large range"),
        ([f"u-{row:x}" for row in range(ROWS)], "one word"),
    ],
)
def test_identifiers_are_found(tmp_path: Path, feature: Any, why: str) -> None:
    finding = look(tmp_path, "identifiers", clean_columns() | {"number": feature})
    assert finding.found and [entry["feature"] for entry in finding.evidence] == ["number"]
    assert why in finding.evidence[0]["why"]


@pytest.mark.parametrize("name", ["size", "kind", "told"])
def test_a_test_split_that_differs_is_found(tmp_path: Path, name: str) -> None:
    columns = clean_columns(2000)
    splits = make_splits(make_rows(tmp_path, columns))
    test = splits.codes == 2
    columns["size"] = columns["size"] + (name == "size") * test
    columns["kind"] = [
        "w" if name == "kind" and row else kind for row, kind in zip(test, columns["kind"], strict=True)
    ]
    columns["told"] = [
        text[:9] if name == "told" and row else text for row, text in zip(test, columns["told"], strict=True)
    ]
    finding = CHECKS["shift"](make_splits(make_rows(tmp_path, columns), splits.codes))
    assert finding.found and [entry["feature"] for entry in finding.evidence] == [name]


def test_many_rare_categories_are_no_shift(tmp_path: Path) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        columns = {
            "place": [f"p{value}" for value in random.zipf(1.3, 1500) % 700],
            "x": random.standard_normal(1500),
        }
        splits = make_splits(make_rows(tmp_path, columns), seed=seed)
        splits = Splits(splits.rows, splits.codes, {"place": "category", "x": "number"}, splits.params)
        assert not CHECKS["shift"](splits).found


def test_checks_that_are_off_are_not_run_and_those_that_fail_are_told_together(tmp_path: Path) -> None:
    columns = repeat(clean_columns(), 40) | {"number": list(range(ROWS + 40))}
    checks = Checks(duplicates="fail", identifiers="fail", groups="warn", shift="off", near_duplicates="off")
    splits = make_splits(make_rows(tmp_path, columns), group="customer", checks=checks)
    splits = Splits(
        splits.rows, splits.codes, {n: k for n, k in splits.kinds.items() if n != "number"}, splits.params
    )
    findings = find_leaks(splits)
    assert [finding.check for finding in findings] == [
        "duplicates",
        "groups",
        "time",
        "giveaway",
        "late",
        "identifiers",
    ]
    findings[-1] = look(tmp_path, "identifiers", columns)
    with pytest.raises(DataError) as caught:
        check_leaks(findings, checks)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("The splits must not leak, and 2 checks found")
    assert [line.partition(":")[0] for line in lines[1:]] == ["duplicates", "identifiers"]
    check_leaks(findings, Checks(groups="warn"))
    described = describe_leaks(findings, checks)["checks"]
    assert [entry["reaction"] for entry in described] == ["fail", "warn", "fail", "warn", "warn", "fail"]


def test_statistics_are_those_of_scikit_learn_and_scipy() -> None:
    random = np.random.default_rng(3)
    target = random.integers(0, 2, 400).astype(float)
    score = (target + random.standard_normal(400)).round(1)  # with ties
    area, low = measure_auc(target, score)
    assert area == pytest.approx(roc_auc_score(target, score)) and low < area
    value = random.standard_normal(400)
    guess = value + random.standard_normal(400)
    assert measure_r2(value, guess)[0] == pytest.approx(r2_score(value, guess))
    assert is_more_than_chance(4, 0.1) == (poisson.sf(3, 0.3) < 0.001)
    assert not is_more_than_chance(0, 0.0) and is_more_than_chance(1, 0.0)


def test_the_intervals_low_end_is_below_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    truth = 0.9**0.5  # of a normal pair, chosen so that the correlation is known
    below = areas = 0
    for _ in range(400):
        target = np.repeat([0.0, 1.0], 60)
        area_low = measure_auc(target, random.standard_normal(120) + 2 * target)[1]
        areas += area_low <= 0.9213503964748575  # the normal distribution function at 2 / sqrt(2)
        guess = random.standard_normal(100) * truth
        value = guess + random.standard_normal(100) * (1 - 0.9) ** 0.5
        below += measure_r2(value, guess)[1] <= 0.9
    assert areas >= 0.98 * 400 and below >= 0.98 * 400


def test_pairs_and_collisions_are_counted() -> None:
    values, codes = np.array([3, 1, 3, 1, 3]), np.array([0, 1, 2, 1, 0], dtype=np.int8)
    order, group, counts = group_equal(values, codes)
    assert order.tolist() == [1, 3, 0, 2, 4] and group.tolist() == [0, 0, 1, 1, 1]
    assert counts.tolist() == [[0, 2, 0], [2, 0, 1]]
    assert count_cross_pairs(counts) == 2
    assert measure_collision(values) == pytest.approx((3 * 2 + 2 * 1) / (5 * 4))
