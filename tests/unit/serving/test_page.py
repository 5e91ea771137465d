"""The status page: safe whatever things are called, whole whatever is missing, fast, and honest about its state."""

import copy
import time
from html.parser import HTMLParser

import pytest
import status_cases as cases
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.serving.page import DEFAULT_HOURS, HOURS, SECURITY_POLICY, parse_hours, render_page

VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """Tags with the names of their attributes, in order; texts and attributes' values apart."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags, self.open, self.values, self.texts = [], [], [], []
        self.feed(page.decode())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.values += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.values += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def render(
    status: dict | None, hours: int = DEFAULT_HOURS, count: int = 30, lineage: dict | None = None
) -> bytes:
    schema = cases.schema_of(cases.feature_names(count))
    return render_page(status, schema, cases.LINEAGE if lineage is None else lineage, hours, cases.NOW + 3)


def rename(value: object, to: dict[str, str]) -> object:
    """Call things otherwise, wherever they are named."""
    if isinstance(value, dict):
        return {rename(key, to): rename(each, to) for key, each in value.items()}
    if isinstance(value, list):
        return [rename(each, to) for each in value]
    if isinstance(value, str):
        group, colon, name = value.partition(":")
        return group + colon + to[name] if colon and name in to else to.get(value, value)
    return value


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "<script>alert(1)</script>", '" onload="x', "</style></script><img src=x onerror=y>",
            "&lt;", "'><svg/onload=1>",
            "\u202egnp.exe", "a\x00b", "\ud800", "]]>", "<!--", "{{7*7}}", "x" * 80_000, "\u0644\u0627", "",
        ]
    ),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(HOSTILE, min_size=5, max_size=5, unique=True))
def test_names_change_no_tag_and_no_attribute_of_the_page(names: list[str]) -> None:
    status = cases.alarming()
    known = ["mean_radius", "area_error", "benign", "malignant", "p_malignant"]
    assert all(name in str(status) for name in known)
    # What is distinct stays distinct: a label that is called like another is another case.
    to = dict(zip(known, (f"{place}{name}" for place, name in enumerate(names)), strict=True))
    plain, page = render(status, 1), render(rename(status, to), 1, lineage=rename(cases.LINEAGE, to))
    assert Outline(page).tags == Outline(plain).tags
    assert len(page) < len(plain) + 60_000


@given(HOSTILE)
@settings(max_examples=25, deadline=None)
def test_messages_and_versions_change_no_tag_either(text: str) -> None:
    status = cases.alarming() | {"version": "m:1"}
    status["log"] = {"failure": f"x{text}"}
    status["performance"]["metric"] = f"x{text}"
    lineage = copy.deepcopy(cases.LINEAGE) | {"version": f"m{text}:1"}
    lineage["gates"]["gates"][0]["message"] = f"x{text}"
    lineage["stages"]["collect"]["params"]["source"] = f"x{text}"
    plain = copy.deepcopy(status)
    plain["log"]["failure"] = "x"
    assert Outline(render(status, lineage=lineage)).tags == Outline(render(plain)).tags


def test_characters_that_nobody_sees_are_written_out() -> None:
    names = {"mean_radius": "mean\u202esuidar", "area_error": "a\x00b"}
    page = render(rename(cases.alarming(), names)).decode()
    assert "mean\\u202esuidar" in page and "a\\x00b" in page and "\u202e" not in page and "\x00" not in page


@pytest.mark.parametrize("case", ["quiet", "alarming", "empty"])
def test_a_part_that_is_missing_leaves_the_rest(case: str) -> None:
    whole = getattr(cases, case)()
    for hours in HOURS:
        Outline(render(whole, hours))
    for key in whole:
        Outline(render({name: value for name, value in whole.items() if name != key}, 1))
        Outline(render(whole | {key: None}, 1))
    Outline(render(None))
    Outline(render({}, lineage={}))


def test_nothing_is_loaded_and_nothing_runs_but_what_the_policy_names() -> None:
    outline = Outline(render(cases.alarming()))
    for name, value in outline.values:
        assert not name.startswith("on") and name != "style"
        if name in ("href", "src"):
            assert value.startswith(("data:image/svg+xml,", "?hours=")) or value in (
                "lineage",
                "schema",
                "metrics",
                "./",
            )
    assert [tag for tag, *_ in outline.tags].count("script") == 1
    assert "unsafe" not in SECURITY_POLICY and SECURITY_POLICY.startswith("default-src 'none'")


def test_the_page_tells_open_alarms_with_size_time_and_what_to_do() -> None:
    status = cases.alarming()
    text = " ".join(" ".join(Outline(render(status)).texts).split())
    opened = [alarm for alarm in status["alarms"] if alarm["active"]]
    assert f"{len(opened)} alarms are open" in text and "What to do" in text
    for alarm in opened:
        assert f"{alarm['share']:.1%} of rows are {alarm['where'].removeprefix('= ')} " in text
        assert f"({alarm['share_low']:.1%} to {alarm['share_high']:.1%}" in text
    assert "1 alarm that is over" in text


@pytest.mark.parametrize(("metric", "least", "most"), [("roc_auc", 0, 1), ("rmse", 0, 9), ("r2", -9, 1)])
def test_an_axis_ends_where_the_metric_does(metric: str, least: float, most: float) -> None:
    status = cases.quiet()
    status["performance"] |= {"metric": metric, "value": 0.5, "low": 0.001, "high": 0.999}
    texts = Outline(render(status)).texts
    place = texts.index(metric)
    low, high = (float(each.replace("−", "-")) for each in texts[place + 3 : place + 5])
    assert (low == least, high == most) == (metric != "r2", metric != "rmse") and low < 0.001 and high > 0.999


def test_a_thousand_columns_with_an_alarm_each_are_told_within_bounds() -> None:
    status = cases.quiet()
    column = {"group": "feature", "change": 0.5, "where": "≤ 1", "alarm": True, "log_evidence": 3.0}
    status["drift"]["features"]["columns"] = [column | {"name": f"c{place}"} for place in range(1000)]
    alarm = {"watch": "features", "group": "feature", "where": "≤ 1", "side": "more", "cleared_s": None}
    alarm |= {
        "reference_share": 0.1,
        "share": 0.6,
        "share_low": 0.5,
        "share_high": 0.7,
        "since_s": cases.NOW,
        "raised_s": cases.NOW,
    }
    status["alarms"] = [alarm | {"column": f"c{place}"} for place in range(1000)]
    page = render(status)
    assert len(page) < 600_000 and b"688 columns with still smaller changes" in page


def test_three_hundred_features_are_rendered_in_20_ms() -> None:
    status, times = cases.alarming(300), []
    for _ in range(8):
        begin = time.process_time()
        render(status, count=300)
        times.append(time.process_time() - begin)
    assert min(times) < 0.02


@pytest.mark.parametrize("query", [b"", b"hours=2", b"hours=24&x=1", b"\xff", b"hours=-1", "hours=1e9"])
def test_any_other_query_shows_a_day(query: bytes) -> None:
    assert parse_hours(query) == DEFAULT_HOURS
