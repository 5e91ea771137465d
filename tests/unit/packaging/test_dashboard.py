"""The dashboard is what Grafana imports: its places, its panels, its variables. Its queries are run elsewhere."""

from __future__ import annotations

from itertools import combinations

import pytest

from toolkit.packaging.dashboard import SOURCE, WIDTH, describe_dashboard
from toolkit.packaging.recorded_rules import Watched

CORE = {"row", "timeseries", "stat", "bargauge", "heatmap", "status-history"}  # of Grafana itself
CLASSES = Watched("m", (("a", 0.5), ("b", 0.5)), 100, "roc_auc", 0.85)
NUMBERS = Watched("m", (), 100, "rmse", 2.0)


@pytest.fixture(params=[CLASSES, NUMBERS], ids=["classes", "numbers"])
def dashboard(request):
    return describe_dashboard(request.param)


def test_panels_are_of_grafanas_core_and_numbered_apart(dashboard):
    panels = dashboard["panels"]
    assert {panel["type"] for panel in panels} <= CORE
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_panels_do_not_overlap_and_stay_on_the_grid(dashboard):
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    for place in places:
        assert place["x"] >= 0 and place["w"] > 0 and place["x"] + place["w"] <= WIDTH
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_each_row_is_filled(dashboard):
    rows: dict[int, int] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        rows[place["y"]] = rows.get(place["y"], 0) + place["w"]
    assert set(rows.values()) == {WIDTH}


def test_every_query_asks_the_chosen_source_for_the_chosen_model(dashboard):
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "job", "instance", "output"}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            assert target["datasource"] == panel["datasource"] == SOURCE
            assert 'job="$job"' in target["expr"]


def test_classes_are_not_named():
    odd = Watched("m", (('a"b', 0.5), ("{{c}}", 0.5)), 100, "roc_auc", 0.85)
    assert describe_dashboard(odd) == describe_dashboard(CLASSES)


def test_numbers_have_no_labels():
    titles = [
        [panel["title"] for panel in describe_dashboard(model)["panels"]] for model in (CLASSES, NUMBERS)
    ]
    assert "Labels predicted" in titles[0]
    assert "Labels predicted" not in titles[1]
