"""The monitor's table, plots, CSV and report: the same bytes twice, whole without network, safe with any name."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from toolkit.data.predictions import Window
from toolkit.monitoring.drift import measure_drift
from toolkit.monitoring.performance import Performance
from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.views import monitoring as views
from toolkit.views.monitoring_report import render_report
from toolkit.views.style import show

EVIL = '<script>alert("x")</script> & co'


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(2)
    reference = {
        EVIL: rng.normal(size=500),
        "constant": np.zeros(500),
        "city": rng.choice([f"a rather long name of a city {index}" for index in range(20)], 500),
        "member": rng.random(500) < 0.5,
        "empty": [None] * 500,
    }
    kinds = {
        EVIL: "number",
        "constant": "integer",
        "city": "category",
        "member": "boolean",
        "empty": "number",
    }
    profile = fit_profile(reference, kinds, 20).with_scores(fit_scores(rng.random(300), ("no", "yes")))
    live = {
        EVIL: [None, *rng.normal(1, size=299)],
        "constant": np.zeros(300),
        "city": ["new"] * 30 + [*reference["city"][:270]],
        "member": [None, *(rng.random(299) < 0.5)],
        "empty": [None] * 300,
    }
    scores = rng.random(300)
    counts = profile.count(live, {"label": np.where(scores > 0.5, "yes", "no"), "p_yes": scores})
    return profile, counts, measure_drift(profile, counts, 0.01, 0.02)


def test_the_verdict_names_what_drifted(case):
    _, _, report = case
    assert views.tell_verdict(report).startswith("2 of 5 features drifted (")
    assert EVIL in views.tell_verdict(report)
    assert "the predictions did not drift" in views.tell_verdict(report)


def test_the_table_has_a_row_per_column_most_drifted_first(case):
    profile, counts, report = case
    table = views.table_drift(report)
    assert len(table) == 7
    assert list(table["drifted"][:2]) == ["yes", "yes"]
    assert {"predicted label", "probability of yes"} <= set(table.index)
    window = views.table_window(Window(counts, profile, {"v1": 200, "v0": 100}), profile)
    assert window["rows"].to_dict() == {
        "predicted by v0": 100,
        "predicted by v1": 200,
        "reference of the features": 500,
        "reference of the predictions": 300,
    }


def test_a_report_of_too_few_rows_says_so(case):
    _, _, report = case
    few = dataclasses.replace(report, rows=2, fewest_rows=9)
    assert views.tell_verdict(few).startswith(
        "2 rows cannot show drift: it takes 9 even where a feature is missing"
    )
    assert "cannot show" not in views.tell_verdict(report)


def test_the_summary_agrees_with_the_report(case):
    _, _, report = case
    summary = views.measure_summary(report)
    assert summary["drifted_features"] == len(report.drifted) == 2
    assert summary["drifted_share"] == pytest.approx(0.4)
    assert summary["prediction_drift"] == 0
    assert summary["max_psi"] == max(column.psi for column in report.features)


def test_the_csv_can_be_read_back(case, tmp_path):
    _, _, report = case
    views.write_drift(tmp_path / "drift.csv", report)
    with (tmp_path / "drift.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [column.name for column in report.ranked()]
    assert [float(row["psi"]) for row in rows] == [column.psi for column in report.ranked()]


def test_plots_of_every_kind_of_column_are_the_same_bytes_twice(case):
    for plot in (views.plot_features, views.plot_predictions):
        first, second = (show(plot(*case)) for _ in range(2))
        assert first.svg == second.svg
        assert first.png == second.png


def test_the_html_report_is_safe_whole_and_the_same_twice(case):
    html = render_report(*case, {"v1": 300})
    assert html == render_report(*case, {"v1": 300})
    assert EVIL not in html
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    links = re.findall(r"""(?:src|href)=["']?([^"'\s>]*)""", html) + re.findall(r"url\(([^)]*)\)", html)
    assert links
    assert all(link.startswith("#") for link in links)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert html.count("<tr") == 1 + 7
    assert "prefers-color-scheme: dark" in html


def test_the_verdict_stands_beside_the_name_and_plots_are_two_abreast(case):
    profile, counts, report = case
    html = render_report(*case, {})
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", html)
    assert heads[:4] == ["shares", "column", "verdict", "p"]
    assert re.search(r'</th><td class="verdict drifted">drifted</td><td class="number">', html)
    assert views.plot_features(profile, counts, report).get_figwidth() < 7.5
    assert all(" " not in change for change in views.table_drift(report)["change, points"])


def test_the_expected_performance_is_shown_beside_what_was_measured():
    measured = Performance("roc_auc", 0.91, 0.83, 0.95, 0.95, 107)
    expected = Performance("roc_auc", 0.9, 0.8, 0.96, 0.95, 1200)
    shown = views.table_expected(measured, expected)
    assert list(shown.columns) == ["roc_auc", "95% interval", "rows"]
    assert shown.loc["expected on these rows"].tolist() == ["0.9", "0.8 to 0.96", "1,200"]
    lacking = Performance("r2", None, None, None, 0.95, 9, reason="Too few.")
    shown = views.table_expected(dataclasses.replace(measured, metric="r2"), lacking)
    assert shown.loc["expected on these rows"].tolist() == ["", "", "9", "Too few."]


def test_the_summary_has_the_expected_figure_where_there_is_one(case):
    _, _, report = case
    figure = Performance("roc_auc", 0.9, 0.8, 0.96, 0.95, 1200)
    assert views.measure_summary(report, figure)["expected_low"] == 0.8
    lacking = dataclasses.replace(figure, value=None, low=None, high=None)
    assert views.measure_summary(report, lacking) == views.measure_summary(report)
