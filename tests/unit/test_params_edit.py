"""Changing params.yaml: only the characters of the changed values differ, and nothing wrong is ever written."""

import difflib
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import ParamsError
from toolkit.params import SECTIONS
from toolkit.params_edit import edit_params, load_text, write_params
from toolkit.params_file import parse_params
from toolkit.yaml_text import flow_text, scalar_text

ROOT = Path(__file__).resolve().parents[2]
TEXT = load_text(ROOT)


def value_of(text: str, dotted: str):
    section, key = dotted.split(".", 1)
    return getattr(parse_params(text)[section], key)


def changed_lines(old: str, new: str) -> list[str]:
    lines = difflib.ndiff(old.splitlines(keepends=True), new.splitlines(keepends=True))
    return [line for line in lines if line[0] in "+-"]


def test_changes_only_the_characters_of_the_value():
    new = edit_params(TEXT, {"train.learning_rate": 0.1})
    assert new == TEXT.replace("  learning_rate: 0.05 #", "  learning_rate: 0.1 #")


def test_no_change_gives_the_same_text():
    values = {
        f"{section}.{key}": value
        for section, params in parse_params(TEXT).sections.items()
        for key, value in params.model_dump(exclude_unset=True).items()
    }
    assert edit_params(TEXT, values) == TEXT


def test_line_ends_byte_order_mark_and_quotes_stay():
    text = "\ufeff" + TEXT.replace("source: examples/breast_cancer/table.csv", "source:   'a.csv' ").replace(
        "\n", "\r\n"
    )
    new = edit_params(text, {"collect.source": "it's.csv", "train.seed": 7})
    assert new == text.replace("'a.csv'", "'it''s.csv'").replace(
        "seed: 1 # seed of bagging", "seed: 7 # seed of bagging"
    )


def test_flow_lists_are_replaced_as_a_whole_and_block_lists_by_line():
    new = edit_params(TEXT, {"annotate.classes": ["no", "b c", "1"]})
    assert '  classes: ["no", b c, "1"] # allowed' in new
    block = TEXT.replace(
        "classes: [benign, malignant]", "classes:\n    - benign # first\n    - malignant\n    # end"
    )
    longer = edit_params(block, {"annotate.classes": ["benign", "other", "third"]})
    assert "    - benign # first\n    - other\n    - third\n    # end # allowed" in longer
    shorter = edit_params(block, {"annotate.classes": ["benign"]})
    assert "    - benign # first\n    # end # allowed" in shorter
    assert value_of(edit_params(block, {"annotate.classes": []}), "annotate.classes") == []


def test_dimensions_of_the_sweep_come_and_go_as_lines():
    space = {
        "num_leaves": {"type": "int", "low": 4, "high": 32, "log": True},
        "lambda_l1": {"type": "choice", "values": [0.0, 1.0]},
    }
    new = edit_params(TEXT, {"sweep.space": space})
    assert "    num_leaves: {type: int, low: 4, high: 32, log: true}\n" in new
    assert "    lambda_l1: {type: choice, values: [0.0, 1.0]}\n\n# Train" in new
    assert list(value_of(new, "sweep.space")) == ["num_leaves", "lambda_l1"]
    assert len(changed_lines(TEXT, new)) == 1 + 1 + 3 + 1


def test_a_nested_scalar_is_changed_in_place():
    new = edit_params(TEXT, {"sweep.space.num_leaves.high": 128})
    assert new == TEXT.replace("high: 64", "high: 128")


def test_a_key_that_the_file_leaves_out_gets_its_line_and_description():
    text = TEXT.replace("  patience: 30 # stop after so many rounds without a better valid score\n", "")
    new = edit_params(text, {"train.patience": 9})
    assert "\n  patience: 9 # stop after so many rounds without a better valid score\n\n# Judge" in new
    assert len(changed_lines(text, new)) == 1


@pytest.mark.parametrize(
    "old",
    [
        "  truth:",
        "  truth: ",
        '  truth: ""',
        "  truth: |\n    true_label",
        "  truth: >-\n    true\n    label",
    ],
)
def test_empty_values_and_block_scalars_are_replaced(old):
    text = TEXT.replace("  truth: true_label", old).replace(
        " # column of the table with known true labels, to score the report; or ''", ""
    )
    new = edit_params(text, {"annotate.truth": "other"})
    assert value_of(new, "annotate.truth") == "other"
    assert new.partition("  truth")[0] == text.partition("  truth")[0]
    assert new.partition("  folds")[2] == text.partition("  folds")[2]


def test_a_value_that_another_shares_through_an_alias_is_refused():
    text = TEXT.replace("valid_share: 0.2", "valid_share: &share 0.2").replace(
        "test_share: 0.2", "test_share: *share"
    )
    with pytest.raises(ParamsError):
        edit_params(text, {"prepare.valid_share": 0.3})


def test_all_mistakes_are_reported_at_once_with_their_keys():
    with pytest.raises(ParamsError) as caught:
        edit_params(TEXT, {"train.learning_rate": 2.0, "train.seed": "x", "validate.metric": "roc_auk"})
    assert {f.key for f in caught.value.findings} == {"train.learning_rate", "train.seed", "validate.metric"}
    assert "train.learning_rate: must be at most 1" in str(caught.value)
    assert "Did you mean 'roc_auc'?" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("train.learning_rat", "learning_rate"), ("trian.seed", "train"), ("train", "unknown key")],
)
def test_an_unknown_key_is_refused_with_the_nearest(key, hint):
    with pytest.raises(ParamsError, match=hint):
        edit_params(TEXT, {key: 1})


def test_a_file_that_changed_since_it_was_read_is_left_alone(tmp_path):
    (tmp_path / "params.yaml").write_bytes(TEXT.encode())
    seen = load_text(tmp_path)
    (tmp_path / "params.yaml").write_bytes(TEXT.replace("patience: 30", "patience: 31").encode())
    with pytest.raises(ParamsError, match="changed it since"):
        write_params(tmp_path, {"train.patience": 32}, seen)
    assert b"patience: 31" in (tmp_path / "params.yaml").read_bytes()


def test_writing_keeps_line_ends_mode_and_symbolic_link(tmp_path):
    real = tmp_path / "shared.yaml"
    real.write_bytes(TEXT.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    (tmp_path / "params.yaml").symlink_to(real)
    write_params(tmp_path, {"train.patience": 32})
    assert real.read_bytes() == TEXT.replace("\n", "\r\n").replace("patience: 30", "patience: 32").encode()
    assert real.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "params.yaml").is_symlink()


def test_a_refused_value_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "params.yaml").write_bytes(TEXT.encode())
    with pytest.raises(ParamsError):
        write_params(tmp_path, {"train.learning_rate": 5.0})
    assert (tmp_path / "params.yaml").read_bytes() == TEXT.encode()
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


# --- properties -----------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "null",
        "1e5",
        "0x1f",
        "1_000",
        "a: b",
        "a #b",
        "- a",
        "",
        " ",
        "~",
        "12:30:45",
        "=",
        "<<",
        "\x85",
    ]
)
floats = st.floats(allow_nan=False, allow_infinity=False)


@given(st.one_of(texts, floats, st.integers(), st.booleans(), st.none()), st.sampled_from([None, "'", '"']))
def test_every_yaml_reader_gets_the_scalar_back(value, style):
    from ruamel.yaml import YAML

    text = f"a: [{scalar_text(value, style)}]"
    assert yaml.safe_load(text) == {"a": [value]}
    back = YAML(typ="safe", pure=True).load(text)["a"][0]
    assert back == value and type(back) is type(value)


changes = st.fixed_dictionaries(
    {},
    optional={
        "train.learning_rate": st.floats(min_value=1e-300, max_value=1.0),
        "train.use_sweep": st.booleans(),
        "train.num_leaves": st.integers(2, 131_072),
        "train.lambda_l1": st.floats(min_value=0, allow_nan=False, allow_infinity=False),
        "annotate.truth": texts,
        "annotate.classes": st.lists(texts, max_size=4, unique=True),
        "annotate.ties": st.sampled_from(["drop", "fail"]),
        "runner.secrets": st.lists(st.text(string.ascii_letters, min_size=1), max_size=3),
        "sweep.space": st.dictionaries(
            st.sampled_from(["feature_fraction", "lambda_l1", "lambda_l2", "bagging_fraction"]),
            st.just({"type": "float", "low": 0.5, "high": 1.0}),
            max_size=4,
        ),
    },
)


@settings(max_examples=60, deadline=None)
@given(changes, st.sampled_from(["\n", "\r\n"]))
def test_every_field_type_round_trips_and_nothing_else_changes(values, newline):
    text = TEXT.replace("\n", newline)
    new = edit_params(text, values)
    before, after = parse_params(text), parse_params(new)
    for section in SECTIONS:
        for key, value in after[section].model_dump(exclude_unset=True).items():
            dotted = f"{section}.{key}"
            got = after[section].model_dump(exclude_unset=True)[key]
            assert got == values.get(dotted, before[section].model_dump(exclude_unset=True)[key])
            assert value == got
    touched = {key.split(".")[1] for key in values} | (
        set(values.get("sweep.space", {})) | set(before["sweep"].space) if "sweep.space" in values else set()
    )
    for line in changed_lines(text, new):
        assert line.endswith(newline)
        assert line[2:].strip().partition(":")[0] in touched


def test_flow_text_of_nested_values():
    assert flow_text({"a": [1, "x y", True], "b c": {}}) == "{a: [1, x y, true], b c: {}}"
