"""The form's logic: typed text to values, the command line's own messages, changes, saving."""

from pathlib import Path

import pytest

from toolkit.errors import ParamsError
from toolkit.params import SECTIONS, Checks
from toolkit.params_edit import load_text
from toolkit.params_file import load_params
from toolkit.widgets.form import FIELDS, Form

ROOT = Path(__file__).resolve().parents[3]
TEXT = load_text(ROOT)


@pytest.fixture
def form(tmp_path: Path) -> Form:
    (tmp_path / "params.yaml").write_bytes(TEXT.encode())
    return Form(tmp_path)


def test_every_parameter_has_a_field_of_a_known_kind() -> None:
    for section, model in SECTIONS.items():
        assert [field.name for field in FIELDS[section]] == list(model.model_fields)
    assert {field.kind for fields in FIELDS.values() for field in fields} <= {
        "bool", "int", "float", "text", "choice", "texts", "table", "options",
    }  # fmt: skip


def test_putting_back_what_is_shown_changes_nothing(form: Form) -> None:
    for fields in FIELDS.values():
        for field in fields:
            form.put(field.key, form.shown(field.key))
    assert form.changes == {}
    assert form.findings() == {}


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("train.learning_rate", "1e-3", 0.001),
        ("train.num_leaves", " 31 ", 31),
        ("annotate.classes", "a, '1', 2, \"x, y\"", ["a", "1", "2", "x, y"]),
        ("annotate.classes", "", []),
        ("annotate.truth", "1e5", "1e5"),
        ("train.use_sweep", False, False),
        ("annotate.ties", "fail", "fail"),
    ],
)
def test_typed_text_becomes_the_value_and_is_saved(form: Form, key: str, raw: object, value: object) -> None:
    form.put(key, raw)
    assert form.changes == {key: value}
    assert form.findings() == {}
    assert form.save() == [key]
    section, name = key.split(".")
    assert getattr(load_params(form.root)[section], name) == value
    assert form.changes == {}


def test_numbers_and_texts_within_a_section_are_read_as_those_of_a_section(form: Form) -> None:
    assert form.shown("package.limits")["rows"] == "1000"
    form.put("package.limits", form.shown("package.limits") | {"rows": "7"})
    assert form.changes == {"package.limits": {**form.saved("package.limits"), "rows": 7}}
    form.put("package.limits", form.shown("package.limits") | {"rows": "many"})
    [finding] = form.findings()["package.limits"]
    assert finding.startswith("package.limits.rows: must be a whole number. Got 'many' instead.")


def test_one_of_several_options_is_changed_alone(form: Form) -> None:
    form.put("prepare.checks", form.shown("prepare.checks") | {"shift": "fail"})
    assert form.save() == ["prepare.checks"]
    assert load_params(form.root)["prepare"].checks == Checks(shift="fail")
    before, after = TEXT.splitlines(), load_text(form.root).splitlines()
    assert [line for line in after if line not in before] == [
        "    shift: fail # train and test that can be told apart"
    ]


@pytest.mark.parametrize(
    ("key", "raw", "message"),
    [
        ("train.learning_rate", "2", "must be at most 1.0. Got 2 instead."),
        ("train.learning_rate", "fast", "must be a number. Got 'fast'"),
        ("train.learning_rate", "", "must be a number. Got ''"),
        ("train.num_leaves", "1.5", "must be a whole number"),
        ("train.num_leaves", "[1", "must be a whole number"),
        ("collect.source", "/etc/passwd", "must be a path inside the project"),
        ("annotate.classes", "a, [", "quote one that has a comma"),
        ("runner.secrets", "A B", "runner.secrets.0"),
    ],
)
def test_a_wrong_value_is_told_in_the_words_of_the_command_line(
    form: Form, key: str, raw: str, message: str
) -> None:
    form.put(key, raw)
    assert message in " ".join(form.findings()[key])
    with pytest.raises(ParamsError) as caught:
        form.save()
    assert message in str(caught.value)
    assert load_text(form.root) == TEXT


def test_a_rule_over_several_keys_is_told_at_its_section(form: Form) -> None:
    form.put("prepare.valid_share", "0.6")
    form.put("prepare.test_share", "0.6")
    assert "at least a tenth" in form.findings()["prepare"][0]


def test_typing_the_saved_value_again_is_no_change(form: Form) -> None:
    form.put("train.seed", "2")
    form.put("train.seed", "1")
    assert form.changes == {}


def test_rows_of_the_sweep_keep_their_short_form(form: Form) -> None:
    space = {name: dict(row) for name, row in form.value("sweep.space").items()}
    space["num_leaves"] |= {"high": "128"}
    space["lambda_l1"] = {"type": "choice", "low": "", "high": "", "log": False, "values": "0, 1"}
    form.put(
        "sweep.space", {**space, "lambda_l2": {"type": "float", "low": "1", "high": "0.5", "log": False}}
    )
    assert "sweep.space.lambda_l2" in form.findings()["sweep.space"][0]
    form.put("sweep.space", space)
    form.save()
    new = load_text(form.root)
    assert "    num_leaves: {type: int, low: 4, high: 128, log: true}\n" in new
    assert "    lambda_l1: {type: choice, values: [0, 1]}\n" in new
    assert "    min_data_in_leaf: {type: int, low: 5, high: 40}\n" in new


def test_a_default_that_the_file_spells_out_stays(form: Form) -> None:
    text = TEXT.replace("{type: int, low: 5, high: 40}", "{type: int, low: 5, high: 40, log: false}")
    (form.root / "params.yaml").write_text(text)
    form.reload()
    form.put("sweep.space", form.shown("sweep.space"))
    assert form.changes == {}


def test_a_file_with_a_wrong_value_can_be_mended_here(form: Form) -> None:
    (form.root / "params.yaml").write_text(TEXT.replace("learning_rate: 0.05", "learning_rate: 5"))
    form.reload()
    assert "train.learning_rate" in form.findings()
    form.put("train.learning_rate", "0.5")
    assert form.save() == ["train.learning_rate"]
    assert load_params(form.root)["train"].learning_rate == 0.5


def test_a_file_changed_by_somebody_else_is_not_overwritten(form: Form) -> None:
    (form.root / "params.yaml").write_text(TEXT.replace("patience: 30", "patience: 31"))
    form.put("train.seed", "2")
    with pytest.raises(ParamsError, match="changed it since"):
        form.save()
    assert form.changes == {"train.seed": 2}
