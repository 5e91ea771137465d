"""The tables and plots of collect and prepare, for every kind of column."""

import numpy as np
import pyarrow as pa
import pytest

from toolkit.columns import get_columns
from toolkit.data.describe import infer_schema
from toolkit.features import Features
from toolkit.views import data as views
from toolkit.views.style import show

TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "n": [0.5, None, 1.5, 2.0],
        "ok": [True, False, None, True],
        "color": ["red", "blue", "red", "red"],
        "label": ["x", "y", "x", "y"],
    }
)


def test_missing_values_are_plotted_worst_first_or_said_to_be_none() -> None:
    labels = views.plot_missing(infer_schema(TABLE, "id", ["label"])).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["ok", "n"]
    whole = TABLE.select(["id", "color"])
    assert "No column lacks" in views.plot_missing(infer_schema(whole, "id")).axes[0].texts[0].get_text()


def fit(rows: pa.Table, *names: str) -> Features:
    kinds = {"n": "number", "ok": "boolean"}
    return Features.fit(get_columns(rows, names), {name: kinds.get(name, "category") for name in names})


@pytest.mark.parametrize("classes", [["x", "y"], []])
def test_each_kind_of_feature_can_be_plotted(classes: list[str]) -> None:
    rows = TABLE if classes else TABLE.set_column(4, "label", pa.array([1.0, 2.0, 3.0, 4.0]))
    figure = views.plot_features(fit(rows, "n", "ok", "color"), rows, ["n", "ok", "color"], classes)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["n", "ok", "color"]
    assert show(figure).svg.startswith("<?xml")
    assert show(views.plot_distributions(TABLE, infer_schema(TABLE, "id", ["label"]))).png[:4] == b"\x89PNG"


def test_features_and_metrics_are_listed() -> None:
    features = Features.fit({"c": ["u", None]}, {"c": "category"})
    assert views.table_features(features).loc["c"].to_dict() == {
        "made by": "category",
        "of": "c (category)",
        "may be missing": "yes",
        "model columns": 1,
        "learnt": "u",
        "meaning": "",
    }
    assert views.table_metrics({"a": 1, "b": {"c": 0.5}}).to_dict() == {"a": 1, "b.c": "0.5"}


@pytest.mark.parametrize("classes", [(), ("x", "y")])
def test_a_category_that_lacks_values_is_plotted_for_every_task(classes: tuple[str, ...]) -> None:
    label = ["x", "y", "x", "y"] if classes else [1.0, 2.0, 3.0, 4.0]
    table = pa.table({"color": ["red", None, "blue", "red"], "label": label})
    assert "<svg" in show(views.plot_features(fit(table, "color"), table, ["color"], classes)).svg


def test_a_dollar_in_a_name_or_value_is_a_dollar() -> None:
    table = pa.table({"from $_ to $^": ["$", "$^$", "$_$", "$"], "label": ["x", "y", "x", "y"]})
    features = fit(table, "from $_ to $^")
    assert "<svg" in show(views.plot_features(features, table, ["from $_ to $^"], ("x", "y"))).svg


@pytest.mark.parametrize(
    "values", [[0.3, 0.30000000000000004], [1.2e19, 1.2e19 + 4096], [5.0], [], [1e308, -1e308]]
)
def test_any_range_is_cut_into_bins_that_a_histogram_takes(values: list[float]) -> None:
    edges = views.cut_range(values, 20)
    assert len(edges) >= 2 and (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)
