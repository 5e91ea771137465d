"""Exploration: every view on every kind of label and column, on files as collect and annotate write them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import MinCovDet
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from toolkit.errors import StageError
from toolkit.views import (
    explore,
    explore_association,
    explore_data,
    explore_features,
    explore_groups,
    explore_labels,
    explore_missing,
    explore_notices,
    explore_outliers,
    explore_relation,
    explore_report,
    explore_time,
    explore_words,
)
from toolkit.views.explore_bins import find_range
from toolkit.views.explore_table import Note, Table, shorten, shorten_all, show_share
from toolkit.views.style import DIVERGING, FADING, Plot

ROWS = 300
LONG = "a very long name of a column that somebody exported from a spreadsheet, $ in 1,000 <b>"
TYPES = {
    "size": "number",
    "noise": "number",
    "twin": "number",
    "tail": "number",
    "constant": "number",
    "empty": "number",
    "count": "integer",
    "flag": "boolean",
    "colour": "category",
    LONG: "category",
    "when": "time",
    "remark": "text",
}
LABELS = ["classes", "many", "one", "numbers", None]


def make_table(labels: str | None, rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """Make an ugly table, and its label: a class's number or a value."""
    random = np.random.default_rng(7)
    kind = random.integers(0, {"many": 30, "one": 1}.get(labels or "", 2), rows)
    words = np.where(kind % 2, "broken late now", "good 🎉 naïve 配送")
    table = pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(rows)],
            "size": random.normal(kind * 2.0, 1.0),
            "noise": random.normal(size=rows),
            "tail": np.exp(random.normal(0, 6, rows)),
            "constant": 3.0,
            "empty": np.nan,
            "count": random.integers(0, 9, rows),
            "flag": pd.array(random.random(rows) < 0.5, "boolean"),
            "colour": random.choice(["red", "green", "blue <b>", "🎉 party", "配送"], rows),
            LONG: [f"category {number % 140}" for number in range(rows)],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 7, unit="h"),
            "remark": words,
            "customer": [f"c{number // 4}" for number in range(rows)],
            "ticket": [f"ticket {number}" for number in range(rows)],
        }
    )
    table["twin"] = table["noise"] * 2
    table.loc[:29, ["noise", "twin"]] = np.nan
    table.loc[100:140, "when"] = pd.NaT
    table.loc[3, "flag"] = pd.NA
    return table, table["size"].to_numpy() + 0.1 if labels == "numbers" else kind


def write_project(root: Path, labels: str | None = "classes", rows: int = ROWS) -> None:
    """Write what collect and annotate write."""
    table, kind = make_table(labels, rows)
    columns = [{"name": "id", "type": "text", "role": "key"}]
    columns += [{"name": name, "type": type_, "role": "feature"} for name, type_ in TYPES.items()]
    columns += [{"name": name, "type": "text", "role": "excluded"} for name in ("customer", "ticket")]
    (root / "data/raw").mkdir(parents=True)
    table.to_parquet(root / explore_data.TABLE)
    schema = {"schema": 1, "key": "id", "rows": rows, "exclude": ["customer", "ticket"], "columns": columns}
    (root / explore_data.SCHEMA).write_text(json.dumps(schema))
    if labels:
        write_labels(root, table, kind, labels)


def write_labels(root: Path, table: pd.DataFrame, kind: np.ndarray, labels: str) -> None:
    random = np.random.default_rng(8)
    (root / "data/labels").mkdir(parents=True)
    truth = kind if labels == "numbers" else np.array(["no", "yes", *map(str, range(2, 30))])[kind]
    answers = []
    for annotator in ("a1", "a2", "a3"):
        rows = random.choice(len(table), min(200, len(table)), replace=False)
        given_ = (
            truth[rows]
            if labels == "numbers"
            else np.where(random.random(len(rows)) < 0.9, truth[rows], "no")
        )
        answers.append(pd.DataFrame({"id": table["id"].iloc[rows], "annotator": annotator, "label": given_}))
    pd.concat(answers).to_parquet(root / explore_data.ANNOTATIONS)
    resolved = pd.DataFrame({"id": table["id"], "label": truth, "status": "agreed", "agreement": 1.0})
    resolved.iloc[: len(table) - 20].to_parquet(root / explore_data.LABELS)
    suspects = pd.DataFrame(
        {"id": ["r5", "r9"], "given": ["no", "no"], "likely": ["yes", "yes"], "score": [0.1, 0.2]}
    )
    suspects.to_parquet(root / explore_data.SUSPECTS)
    facts = {"schema": 1, "reserved": ["truth"], "classes": []}
    (root / explore_data.FACTS).write_text(json.dumps(facts))


@pytest.fixture(params=LABELS, ids=str, scope="module")
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> explore.Dataset:
    root = tmp_path_factory.mktemp("explored")
    write_project(root, request.param)
    return explore.load_dataset(root)


VIEWS = [
    explore.describe_dataset,
    explore.describe_columns,
    explore_notices.list_notices,
    explore_missing.describe_missing,
    explore_missing.describe_missing_together,
    explore_missing.plot_missing_together,
    explore_labels.describe_labels,
    explore_labels.describe_annotators,
    explore_labels.plot_agreement,
    explore_labels.describe_suspects,
    explore_relation.plot_relation,
    explore_relation.describe_relation,
    explore_association.plot_associations,
    explore_association.plot_correlations,
    lambda data: explore_association.plot_correlations(data, "pearson"),
    explore_association.describe_pairs,
    explore_outliers.describe_outliers,
    explore_outliers.describe_far_rows,
    explore_time.describe_times,
    explore_time.describe_periods,
    lambda data: explore_time.plot_time(data, "when", "colour", "day"),
    lambda data: explore_time.plot_time(data, feature="remark", unit="year"),
    explore_groups.plot_groups,
    explore_groups.describe_groups,
    *(lambda data, name=name: explore_features.plot_feature(data, name) for name in TYPES),
    *(lambda data, name=name: explore_features.describe_feature(data, name) for name in TYPES),
    lambda data: explore_words.describe_words(data, "remark"),
]


def test_every_view_shows_something_for_every_kind_of_label_and_column(data: explore.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for view in VIEWS:
            shown = view(data)
            assert isinstance(shown, Plot) or (isinstance(shown, Note) and shown.text) or len(shown)
            if isinstance(shown, Plot):
                assert "of 300 rows" in shown.svg or "agree" in shown.alt or "<svg" in shown.svg
            if isinstance(shown, Table):
                assert "rows" in shown.note and "<b>" not in shown.to_html()


def test_missing_files_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="dvc repro collect"):
        explore.load_dataset(tmp_path)
    write_project(tmp_path, labels=None)
    assert "dvc repro annotate" in explore_labels.describe_labels(explore.load_dataset(tmp_path)).text


def test_a_table_cut_short_is_told(tmp_path: Path) -> None:
    write_project(tmp_path)
    table = tmp_path / explore_data.TABLE
    table.write_bytes(table.read_bytes()[:-100])
    with pytest.raises(StageError, match=r"table\.parquet must be readable as Parquet"):
        explore.load_dataset(tmp_path)


def test_a_large_table_is_sampled_and_each_view_says_so(tmp_path: Path) -> None:
    write_project(tmp_path)
    data, again = explore.load_dataset(tmp_path, most_rows=50), explore.load_dataset(tmp_path, most_rows=50)
    keys = data.column("id").to_pylist()
    assert len(set(keys)) == data.rows == 50 and data.total == ROWS
    assert keys == again.column("id").to_pylist()
    assert data.tell() == "from 50 of 300 rows"
    assert explore_missing.describe_missing(data).note == "from 50 of 300 rows"
    assert "from all 300 rows" in explore.describe_columns(explore.load_dataset(tmp_path)).note


@given(st.integers(1, 5000), st.integers(1, 300))
def test_chosen_rows_are_spread_over_the_table(total: int, most: int) -> None:
    rows = explore_data.choose_rows(total, most)
    assert len(rows) == len(set(rows.tolist())) == min(total, most)
    assert rows.min() >= 0 and rows.max() < total
    assert (np.diff(rows) <= 2 * total / most + 1).all()


def test_every_row_finds_its_label_in_whatever_order_they_are(tmp_path: Path) -> None:
    write_project(tmp_path)
    straight = explore.load_dataset(tmp_path).label.to_pylist()
    labels = pd.read_parquet(tmp_path / explore_data.LABELS)
    labels.iloc[::-1].to_parquet(tmp_path / explore_data.LABELS)
    assert explore.load_dataset(tmp_path).label.to_pylist() == straight
    assert straight[:280] == labels["label"].tolist() and straight[280:] == [None] * 20


def test_a_column_that_holds_the_label_is_no_feature(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / explore_data.FACTS).write_text('{"reserved": ["size"]}')
    assert "size" not in explore.load_dataset(tmp_path).features


def test_suspects_come_with_the_values_of_their_rows(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    table = explore_labels.describe_suspects(data)
    assert list(table.index) == ["r5", "r9"]
    best = explore_relation.measure_relation(data).index[0]
    expected = pd.read_parquet(tmp_path / explore_data.TABLE).set_index("id").loc["r9", best]
    assert table.loc["r9", best] == (pytest.approx(expected, abs=1e-3) if best == "size" else expected)


def test_the_feature_that_decides_the_label_tells_all_of_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    table = explore_relation.measure_relation(data)
    assert table.index[0] == "remark" and table.loc["remark", "told"] > 0.95
    assert table.loc["remark", "by"] in {f"the word '{word}'" for word in ("broken", "good")}
    assert table["told"].drop(["remark", "size"]).max() < 0.2
    known = data.labelled
    expected = roc_auc_score(data.targets[known], data.numbers("size")[known])
    assert table.loc["size", "AUC"] == pytest.approx(max(expected, 1 - expected), abs=1e-12)


def test_relation_of_a_regression_is_spearmans(tmp_path: Path) -> None:
    write_project(tmp_path, "numbers")
    data = explore.load_dataset(tmp_path)
    frame = pd.DataFrame({"noise": data.numbers("noise"), "label": data.targets}).dropna()
    expected = frame.corr("spearman").to_numpy()[0, 1]
    table = explore_relation.measure_relation(data)
    assert table.loc["noise", "Spearman"] == pytest.approx(expected, abs=1e-9)
    assert table.index[0] == "size" and table.loc["size", "told"] > 0.5


def test_columns_missing_together_are_found(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    together = explore_missing.describe_missing_together(data).frame
    assert together.loc[2, "missing together"] in {"empty, when, noise, twin", "empty, when"}
    assert together["rows"].sum() == ROWS
    table = explore_missing.describe_missing(data).frame
    assert table.loc["noise", "missing"] == 30 and table.loc["noise", "share"] == "10.0%"
    assert "colour" not in table.index


def test_associations_of_planted_pairs(tmp_path: Path) -> None:
    write_project(tmp_path)
    table = explore_association.measure_associations(explore.load_dataset(tmp_path))
    assert table.loc["noise", "twin"] == pytest.approx(1)
    assert table.loc["noise", "colour"] < 0.25
    assert "constant" not in table and "empty" not in table


def test_values_beyond_the_fences_and_the_farthest_row(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    table = explore_outliers.describe_outliers(data).frame
    values = pd.Series(data.numbers("tail"))
    low, high = values.quantile([0.25, 0.75])
    assert (
        table.loc["tail", "beyond"]
        == ((values > high + 3 * (high - low)) | (values < low - 3 * (high - low))).sum()
    )
    assert table.loc["tail", "in row"] == f"r{values.argmax()}"
    mad = 1.4826 * (values - values.median()).abs().median()
    assert table.loc["tail", "robust z"] == pytest.approx((values.max() - values.median()) / mad)
    assert "constant" not in table.index


def test_far_rows_are_those_of_the_minimum_covariance_determinant() -> None:
    random = np.random.default_rng(11)
    values = random.normal(size=(3000, 4)) @ random.normal(size=(4, 4)) + 5
    direction = np.linalg.eigh(np.cov(values.T))[1][:, 0]  # where the columns together hardly vary
    values[:15] += 8 * np.sqrt(np.linalg.eigh(np.cov(values.T))[0][0]) * direction
    names = [f"x{place}" for place in range(4)]
    table = pa.table({"id": [str(row) for row in range(3000)], **dict(zip(names, values.T, strict=True))})
    data = explore.make_dataset(table, dict.fromkeys(names, "number"), "id")
    ours, _, _ = explore_outliers.measure_distances(data)
    reference = np.sqrt(MinCovDet(random_state=0).fit(values).mahalanobis(values))
    assert np.corrcoef(ours, reference)[0, 1] > 0.95
    assert set(np.argsort(-ours)[:15].tolist()) == set(range(15))
    assert explore_outliers.describe_far_rows(data).frame["id"].isin([str(row) for row in range(15)]).all()


def test_periods_have_no_gap_and_hold_every_row(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    periods = explore_time.count_periods(data, "when")
    assert periods.unit == "day" and (np.diff(periods.starts).astype(int) == 1).all()
    frame = pd.Series(1, index=pd.to_datetime(pd.Series(data.column("when").to_pylist())).dropna())
    expected = frame.resample("D").sum()
    assert periods.counts.tolist() == expected.tolist()
    assert (periods.codes == -1).sum() == 41
    assert explore_time.count_periods(data, "when", "month").counts.sum() == ROWS - 41
    described = explore_time.describe_times(data).frame.loc["when"]
    assert described["usual step"] == "7 hours" and described["longest gaps"].startswith(
        "12.2 days from 2024-01-29"
    )


def test_a_zone_of_a_time_is_shown_in_utc() -> None:
    times = pa.array(pd.to_datetime(["2024-07-01 01:30", "2024-07-02 01:30"]).tz_localize("Europe/Berlin"))
    table = pa.table({"id": ["1", "2"], "when": times.cast(pa.timestamp("us", "Europe/Berlin"))})
    data = explore.make_dataset(table, {"when": "time"}, "id")
    assert explore_time.describe_times(data).frame.loc["when", "first"] == "2024-06-30 23:30:00 UTC"


def test_groups_are_columns_whose_values_repeat(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    names = explore_groups.find_groups(data)
    assert names[0] == "customer" and "ticket" not in names and LONG in names
    table = explore_groups.describe_groups(data)
    assert table.frame["rows"].tolist() == [4] * 12
    assert table.note.startswith(
        "75 groups of customer: 4 rows in the median, 4 in the largest, 0 with one row"
    )


def test_small_groups_do_not_tell_the_label_by_chance() -> None:
    random = np.random.default_rng(2)
    label, group = random.integers(0, 8, 3000), random.integers(0, 600, 3000)
    columns = {"id": [str(row) for row in range(3000)], "group": [f"g{at}" for at in group]}
    for values, low, high in ((label, 0, 0.03), (group % 8, 0.97, 1.01)):
        table = pa.table({**columns, "label": [f"l{value}" for value in values]})
        data = explore.make_dataset(table, {"group": "category"}, "id")
        assert low <= explore_groups.measure_told(data, data.codes("group")[0]) <= high


def test_words_are_counted_once_a_row_in_any_script(tmp_path: Path) -> None:
    table = pa.table({"id": ["1", "2", "3"], "text": ["Go go, go! 配送", None, "stop — 🎉 größe"]})
    words = explore_words.find_words(explore.make_dataset(table, {"text": "text"}, "id"), "text")
    found = {name: rows.tolist() for name, rows in zip(words.names, words.holds, strict=True)}
    assert found == {"go": [0], "配送": [0], "stop": [2], "🎉": [2], "größe": [2]}


def test_a_far_tail_does_not_press_the_rest_together() -> None:
    values = np.concatenate([np.linspace(0, 1, 1000), [1e9, -1e9]])
    low, high, outside = find_range(values)
    assert -1 < low < 0 < 1 < high < 2 and outside == 2
    assert find_range(values[:1000]) == (0, 1, 0)


@pytest.mark.parametrize("column", ["x", "t"])
def test_a_constant_or_a_single_row_is_drawn(column: str) -> None:
    table = pa.table({"id": ["1"], "x": [1e18], "t": pa.array([0], pa.timestamp("us")), "label": ["a"]})
    data = explore.make_dataset(table, {"x": "number", "t": "time"}, "id")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(explore_features.plot_feature(data, column), Plot)
        assert len(explore.describe_columns(data)) == 2
        assert isinstance(explore_time.plot_time(data), Plot)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=40))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    one, other = (pd.Series(side) for side in zip(*pairs, strict=True))
    ours = explore_labels._kappa(one, other)
    if len(set(one) | set(other)) == 1:
        assert ours == 1.0  # scikit-learn says NaN
    else:
        assert ours == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


def test_names_stay_apart_when_they_are_shortened() -> None:
    assert shorten("short") == "short" and len(shorten(LONG)) == 32
    assert shorten_all(["x" * 50, "x" * 50, "y"]) == [shorten("x" * 50), f"{shorten('x' * 50)} (2)", "y"]


def test_a_small_share_is_not_told_as_none() -> None:
    assert [show_share(part, 10_000) for part in (0, 1, 5_000, 9_999, 10_000)] == [
        "0.0%",
        "<0.1%",
        "50.0%",
        ">99.9%",
        "100.0%",
    ]


def test_the_names_of_a_table_stay_in_sight_and_its_cells_do_not() -> None:
    page = Table(pd.DataFrame({"size": [1, 2]}, index=["a", "b"])).to_html()
    assert page.count("position: sticky; left: 0") == 3  # the corner and two names
    assert not any("sticky" in cell for cell in page.split("<td")[1:] if "<th" not in cell)


def test_nothing_is_the_page_itself_in_a_heat_map() -> None:
    """A white cell for 0 glared on a dark page."""
    below, middle, above = (DIVERGING(place) for place in (0.0, 0.5, 1.0))
    assert middle[3] < 0.01 and below[3] == above[3] == 1 and below != above
    assert FADING(0.0)[3] == 0 and FADING(1.0)[3] == 1


def test_a_wide_table_shows_its_first_rows_and_says_so() -> None:
    table = Table(pd.DataFrame({"a": range(1000)}), "from all 1,000 rows")
    assert table.to_html().count("<tr>") == 201 and "800 more rows not shown" in table.to_html()


def test_the_report_is_the_same_bytes_each_time_and_loads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explore_report, "MOST_FEATURES", 3)
    table, kind = make_table("classes")
    rows = pa.Table.from_pandas(table, preserve_index=False).append_column(
        "label", pa.array(np.array(["no", "yes"])[kind])
    )
    for name in ("one", "two"):
        data = explore.make_dataset(rows, TYPES, "id", 1234, part="train")
        written = explore_report.write_exploration(
            tmp_path / name / "plots", tmp_path / name / "report.html", data, "customer"
        )
    files = sorted(
        path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()
    )
    assert {path.name for path in files} == {*written, "report.html"}
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    page = (tmp_path / "one/report.html").read_text()
    assert "From 300 of 1,234 rows of train." in page and "Groups" in page and "customer" in page
    assert "<script" not in page and "<b>" not in page
    assert not [line for line in page.splitlines() if 'src="' in line or 'href="http' in line]
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_report_of_a_table_without_labels_or_numbers(tmp_path: Path) -> None:
    rows = pa.table({"id": ["1", "2"], "colour": ["red", None]})
    data = explore.make_dataset(rows, {"colour": "category"}, "id")
    assert explore_report.write_exploration(tmp_path / "plots", tmp_path / "report.html", data)


def test_classes_are_shown_in_the_order_of_params_yaml() -> None:
    labels = pa.array(["yes", "no", None, "maybe", "no"])
    table = pa.table({"id": list("abcde"), "size": [1.0, 2, 3, 4, 5], "label": labels})
    for order, shown in (((), ["maybe", "no", "yes"]), (("yes", "never", "no"), ["yes", "no", "maybe"])):
        data = explore.make_dataset(table, {"size": "number"}, "id", order=order)
        assert data.classes == shown
        assert [data.classes[place] if place >= 0 else None for place in data.targets] == labels.to_pylist()


@pytest.mark.parametrize(("zone", "told"), [("UTC", " UTC"), (None, "")])
def test_instants_are_said_to_be_shown_in_utc(zone: str | None, told: str) -> None:
    at = pa.array([0, 3_600_000_000, 90_000_000_000], pa.timestamp("us", tz=zone))
    data = explore.make_dataset(pa.table({"id": list("abc"), "at": at}), {"at": "time"}, "id")
    (first, last) = (f"1970-01-01{told}", f"1970-01-02 01:00:00{told}")
    row = explore_time.describe_times(data).frame.loc["at"]
    assert (row["first"], row["last"]) == (first, last)
    assert row["longest gaps"].split("; ")[0].endswith(f"01:00:00{told}")
    assert f"1970-01-01 to {last}" in explore.describe_dataset(data).frame[""].tolist()
