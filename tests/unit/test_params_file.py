"""Every mistake in params.yaml is reported at once, with file, line, key, value, what was expected."""

from pathlib import Path

import pytest
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ParamsError
from toolkit.params import SECTIONS, Section
from toolkit.params_file import check_values, load_params, parse_params

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "params.yaml").read_text()


def failure(text: str) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        parse_params(text)
    return str(caught.value).splitlines()


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_shipped_file_is_valid_and_holds_every_key_of_the_classes() -> None:
    params = load_params(ROOT)
    for name, cls in SECTIONS.items():
        assert set(params[name].model_fields_set) == set(cls.model_fields), name


def test_shipped_values_are_the_defaults_of_the_classes() -> None:
    params = load_params(ROOT)
    for name, cls in SECTIONS.items():
        assert params[name] == cls(), name


RATE = "  learning_rate: 0.05 "
LEAVES = "  num_leaves: 15 "
SOURCE = "source: examples/breast_cancer/table.csv"
RANGE = "{type: int, low: 5, high: 40}"


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            RATE,
            "  learning_rat: 0.05 ",
            ["train.learning_rat", "unknown key", "Did you mean 'learning_rate'?"],
        ),
        (
            "[benign, malignant]",
            "[benign, benign]",
            ["annotate.classes", "must name each class once", "['benign', 'benign']"],
        ),
        (LEAVES, "  num_leaves: 1 ", ["train.num_leaves", "at least 2", "Got 1 instead"]),
        (LEAVES, "  num_leaves: 15.5 ", ["train.num_leaves", "whole number", "15.5"]),
        (
            "  use_sweep: true ",
            "  use_sweep: yes ",
            ["train.use_sweep", "true or false", "'yes'", "plain yes"],
        ),
        (RATE, "  learning_rate: 1e-3x ", ["train.learning_rate", "a number", "'1e-3x'"]),
        (RATE, "  learning_rate: .nan ", ["train.learning_rate", "finite"]),
        (RATE, "  learning_rate:  ", ["train.learning_rate", "a number", "None"]),
        ("metric: roc_auc", "metric: roc_au", ["validate.metric", "'roc_au'", "Did you mean 'roc_auc'?"]),
        (SOURCE, "source: ../table.csv", ["collect.source", "inside the project", "'../table.csv'"]),
        (SOURCE, "source: /etc/passwd", ["collect.source", "inside the project"]),
        (
            "    num_leaves: {",
            "    num_leafs: {",
            ["sweep.space.num_leafs", "must be one of 'num_leaves'", "Did you mean 'num_leaves'?"],
        ),
        (
            RANGE,
            "{type: int, lo: 5, high: 40}",
            ["min_data_in_leaf.lo", "unknown key", "Did you mean 'low'?"],
        ),
        (RANGE, "{type: int, low: 50, high: 40}", ["sweep.space.min_data_in_leaf", "low < high"]),
        (
            "    idle: 0.1 ",
            "    idl: 0.1 ",
            ["package.alerts.idl: unknown key. Did you mean 'idle'? Valid keys: p99_ms, errors, "],
        ),
        (
            'metrics_address: ""',
            "metrics_address: foo",
            ["package.metrics_address: must be host:port", "Got 'foo'"],
        ),
        (
            'metrics_address: ""',
            "metrics_address: 127.0.0.1:99999",
            ["package.metrics_address: must be host:port", "up to 65535"],
        ),
        ("\ntrain:\n", "\ntrian:\n", ["'trian' is not a section", "Did you mean 'train'?"]),
    ],
)
def test_mistake_is_named_with_its_line(old: str, new: str, parts: list[str]) -> None:
    text = changed(old, new)
    line = line_of(text, new.strip("\n"))
    found = [message for message in failure(text) if message.startswith(f"params.yaml:{line}: ")]
    assert all(part in "\n".join(found) for part in parts), failure(text)


def test_rule_over_two_keys_names_the_section() -> None:
    text = changed("  valid_share: 0.2 ", "  valid_share: 0.8 ")
    assert failure(text)[0].startswith(f"params.yaml:{line_of(text, 'prepare:')}: prepare: ")
    assert "a tenth of the rows" in failure(text)[0]


def test_a_log_holds_one_segment_at_least() -> None:
    text = changed("    max_mb: 2048 ", "    max_mb: 10 ")
    assert failure(text) == [
        f"params.yaml:{line_of(text, '  log: #')}: package.log: max_mb must be at least segment_mb, or each segment "
        "goes as soon as it is closed. Got 10 and 64."
    ]


def test_all_findings_come_at_once_and_in_order() -> None:
    text = changed(LEAVES, "  num_leaves: few ").replace("  trials: 12 ", "  trials: 0 ")
    messages = failure(text + "  cell_timeout_s: 5\nextra: {}\n")
    assert [message.split(": ")[1] for message in messages] == [
        "sweep.trials",
        "train.num_leaves",
        "runner.cell_timeout_s",
        "'extra' is not a section.",
    ]
    assert "appears twice, first in line" in messages[2]
    numbers = [int(message.split(":")[1]) for message in messages]
    assert numbers == sorted(numbers)


def test_broken_yaml_names_the_line() -> None:
    messages = failure("collect:\n  source: [a\n  key: b\n")
    assert messages[0].startswith("params.yaml:") and "must be YAML" in messages[0]


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "collect: 3\n", "collect:\n"])
def test_wrong_shape_is_one_clear_error(text: str) -> None:
    assert all(message.startswith("params.yaml:") for message in failure(text))


def test_missing_file_and_wrong_encoding(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="must exist and does not"):
        load_params(tmp_path)
    (tmp_path / "params.yaml").write_bytes(b"collect: \xff\xfe\n")
    with pytest.raises(ParamsError, match="UTF-8"):
        load_params(tmp_path)


def numeric_bounds() -> list[tuple[str, str, float]]:
    """One value past each declared bound of each numeric field."""
    cases = []
    for section, cls in SECTIONS.items():
        for name, field in cls.model_fields.items():
            step = 1 if field.annotation is int else 1e-6
            for bound in field.metadata:
                if isinstance(bound, Ge):
                    cases.append((section, name, bound.ge - step))
                if isinstance(bound, Gt):
                    cases.append((section, name, bound.gt))
                if isinstance(bound, Le):
                    cases.append((section, name, bound.le + step))
                if isinstance(bound, Lt):
                    cases.append((section, name, bound.lt))
    return cases


@pytest.mark.parametrize(("section", "name", "value"), numeric_bounds())
def test_value_past_a_bound_is_refused_by_name(section: str, name: str, value: float) -> None:
    with pytest.raises(
        ParamsError, match=rf"here: {section}\.{name}: must be (above|below|at least|at most)"
    ):
        check_values(section, {name: value}, "here")


def test_bounds_are_declared_for_most_numbers() -> None:
    assert len(numeric_bounds()) > 40


@given(st.text(max_size=200))
def test_any_text_gives_params_or_a_params_error(text: str) -> None:
    try:
        parse_params(text)
    except ParamsError as error:
        assert str(error)


@given(st.data())
def test_any_change_of_a_line_gives_params_or_a_params_error(data: st.DataObject) -> None:
    lines = TEXT.splitlines(keepends=True)
    index = data.draw(st.integers(0, len(lines) - 1))
    lines[index] = data.draw(st.one_of(st.text(max_size=40), st.sampled_from(lines)))
    try:
        params = parse_params("".join(lines))
    except ParamsError as error:
        assert str(error).startswith("params.yaml")
    else:
        assert all(isinstance(section, Section) for section in params.sections.values())


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("2026-13-45", ["train.seed", "Got '2026-13-45'", "timestamp"]),
        ("!!int abc", ["train.seed", "Got 'abc'", "int"]),
        ("!!bool abc", ["train.seed", "Got 'abc'", "bool"]),
        ("!mine abc", ["train.seed", "Got 'abc'"]),
        ("1" * 5000, ["train.seed", "int"]),
    ],
)
def test_a_value_that_yaml_cannot_make_is_a_finding(value: str, parts: list[str]) -> None:
    text = changed("  seed: 1 # seed of bagging", f"  seed: {value} # seed of bagging")
    first = failure(text)[0]
    assert first.startswith(f"params.yaml:{line_of(text, '# seed of bagging')}: ")
    assert all(part in first for part in parts), first


@pytest.mark.parametrize("key", ["[a, b]: 1", "? {a: 1}\n: 2"])
def test_a_key_that_is_no_text_is_a_finding(key: str) -> None:
    assert any("a key must be plain text" in line for line in failure(f"{TEXT}{key}\n"))


def test_an_alias_that_holds_itself_is_refused() -> None:
    assert "alias" in failure(f"{TEXT}more: &x [*x]\n")[0]


@pytest.mark.parametrize(
    ("dimension", "said"),
    [
        ("num_leaves: {type: float, low: 4, high: 64}", "space.num_leaves must be searched in whole numbers"),
        ("num_leaves: {type: int, low: 4.5, high: 64}", "space.num_leaves must be searched in whole numbers"),
        (
            "num_leaves: {type: choice, values: [15, 31.5]}",
            "space.num_leaves must be searched in whole numbers",
        ),
        ("num_leaves: {type: int, low: 1, high: 64}", "train.num_leaves can have"),
        ("feature_fraction: {type: float, low: 0.3, high: 1.5}", "train.feature_fraction can have"),
    ],
)
def test_a_sweep_searches_only_what_train_can_take(dimension: str, said: str) -> None:
    name = dimension.partition(":")[0]
    old = next(line for line in TEXT.splitlines() if line.startswith(f"    {name}: {{"))
    assert any(said in line for line in failure(changed(old, f"    {dimension}")))
