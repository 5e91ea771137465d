"""The form's widgets: what they take, what they mark, what they save."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.params_edit import load_text
from toolkit.widgets.form import FIELDS, Form
from toolkit.widgets.form_view import FormView

ROOT = Path(__file__).resolve().parents[3]
TEXT = load_text(ROOT)


@pytest.fixture
def view(tmp_path: Path) -> FormView:
    (tmp_path / "params.yaml").write_bytes(TEXT.encode())
    return FormView(Form(tmp_path))


def control(view: FormView, key: str):
    return view._rows[key]._control


def test_every_control_shows_its_value_and_names_itself(view: FormView) -> None:
    for fields in FIELDS.values():
        for field in fields:
            if field.kind == "options":
                names = [menu.children[0].description for menu in control(view, field.key).children]
                assert names == [column.name for column in field.columns]
            elif field.kind != "table":
                assert control(view, field.key).description == field.name
                assert control(view, field.key).tooltip == field.description
                assert control(view, field.key).value == view.form.shown(field.key)
    assert view._save.disabled


def test_a_change_is_marked_saved_and_unmarked(view: FormView) -> None:
    heard = []
    view.on_change(lambda: heard.append(dict(view.form.changes)))
    control(view, "train.use_sweep").value = False
    row = view._rows["train.use_sweep"]
    assert "tk-changed" in row._dom_classes and "was True" in row._help.value
    assert view._tabs.titles[4] == "train •" and not view._save.disabled
    view._save.click()
    assert load_text(view.form.root) == TEXT.replace("use_sweep: true", "use_sweep: false")
    assert "tk-changed" not in row._dom_classes and view._save.disabled
    assert "Saved to params.yaml: train.use_sweep" in view.report.value
    assert heard == [{"train.use_sweep": False}, {}]


def test_a_wrong_value_is_told_at_its_row_and_bars_saving(view: FormView) -> None:
    control(view, "train.num_leaves").value = "<b>"
    row = view._rows["train.num_leaves"]
    assert (
        "train.num_leaves: must be a whole number. Got &#x27;&lt;b&gt;&#x27; instead." in row._message.value
    )
    assert "tk-wrong" in row._dom_classes and view._tabs.titles[4] == "train ⚠"
    assert view._save.disabled
    control(view, "train.num_leaves").value = "15"
    assert row._message.value == "" and view._tabs.titles[4] == "train"


def test_reset_shows_what_the_file_holds_now(view: FormView) -> None:
    control(view, "train.seed").value = "5"
    (view.form.root / "params.yaml").write_text(TEXT.replace("patience: 30", "patience: 31"))
    view._save.click()
    assert "changed it since" in view.report.value
    view._reset.click()
    assert control(view, "train.seed").value == "1" and control(view, "train.patience").value == "31"
    assert view.form.changes == {}


def test_rows_of_the_search_space_are_added_changed_and_removed(view: FormView) -> None:
    table = control(view, "sweep.space")
    table._choice.value = "lambda_l1"
    table._add.click()
    assert "sweep.space.lambda_l1" in view._rows["sweep.space"]._message.value
    added = table._rows["lambda_l1"]._controls
    added["type"].value = "choice"
    assert added["low"].layout.display == "none" and added["values"].layout.display is None
    added["values"].value = "0, 0.5"
    table._rows["num_leaves"].children[-1].click()
    assert view.form.findings() == {}
    view._save.click()
    text = load_text(view.form.root)
    assert "    lambda_l1: {type: choice, values: [0, 0.5]}\n\n# Train" in text
    assert "    num_leaves: {type" not in text
    assert list(table._rows) == ["min_data_in_leaf", "feature_fraction", "lambda_l2", "lambda_l1"]


def test_an_error_in_a_callback_is_shown(view: FormView) -> None:
    (view.form.root / "params.yaml").unlink()
    view._reset.click()
    assert "must exist and does not" in view.report.value
