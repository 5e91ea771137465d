"""%%feature tries a cell on training rows, says how it stands to the file, and saves it only when all is well."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from IPython.core.interactiveshell import InteractiveShell

from toolkit.errors import FeatureError
from toolkit.widgets.feature_cell import load_ipython_extension, parse_line, run_cell
from toolkit.widgets.features_view import open_features, warn_of_cells

ROOT = Path(__file__).resolve().parents[3]
IMPORT = "from toolkit.features import category, feature\n\n\n"
RATIO = (
    IMPORT
    + """@feature(meaning="price of a square metre", unit="EUR")
def ratio(price: float, area: float | None) -> float | None:
    return price / area if area else None
"""
)
NAME = "features/breast_cancer.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    random = np.random.default_rng(1)
    count = 200
    area = random.uniform(20, 90, count)
    area[::7] = np.nan
    table = {
        "id": [f"k{i}" for i in range(count)],
        "price": random.uniform(1, 9, count),
        "area": pa.array(area, from_pandas=True),
        "city": random.choice(["Bonn", "Köln <b>"], count),
        "label": random.choice(["no", "yes"], count),
    }
    (tmp_path / "data/prepared").mkdir(parents=True)
    (tmp_path / "data/raw").mkdir()
    pq.write_table(pa.table(table), tmp_path / "data/prepared/train.parquet")
    task = {"task": "binary", "classes": ["no", "yes"], "key": "id", "label": "label"}
    (tmp_path / "data/prepared/task.json").write_text(json.dumps(task))
    kinds = {"id": "text", "price": "number", "area": "number", "city": "category", "sold": "boolean"}
    roles = {"id": "key", "sold": "excluded"}
    columns = [{"name": n, "type": k, "role": roles.get(n, "feature")} for n, k in kinds.items()]
    schema = {"schema": 1, "key": "id", "rows": count, "exclude": ["sold"], "columns": columns}
    (tmp_path / "data/raw/schema.json").write_text(json.dumps(schema))
    return tmp_path


def set_definitions(project: Path, name: str = NAME) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace('definitions: ""', f"definitions: {name}"))


def test_a_new_feature_is_shown_and_not_saved(project: Path) -> None:
    page = run_cell(project, "", RATIO)
    text = str(page)
    assert f"ratio: not in {NAME} yet. Run with --save to put it there." in text
    assert "price of a square metre (EUR) · of price, area" in text
    assert "All 200 rows of the train split." in text
    assert "14.5%" in text  # 29 of 200 are missing
    assert 'aria-label="distribution of ratio on the train split"' in page.markup
    assert not (project / NAME).exists()
    assert run_cell(project, "", RATIO).markup == page.markup


def test_save_puts_the_very_text_and_says_what_is_left_to_do(project: Path) -> None:
    assert f"Saved in {NAME}. Set prepare.definitions: {NAME} in params.yaml" in str(
        run_cell(project, "--save", RATIO)
    )
    assert (project / NAME).read_text() == RATIO
    set_definitions(project)
    assert f"{NAME} has this very text. './run' fits the features with it." in str(
        run_cell(project, "", RATIO)
    )
    assert "already" in str(run_cell(project, "--save", RATIO))


def test_a_cell_that_differs_is_shown_with_its_diff(project: Path) -> None:
    run_cell(project, "--save", RATIO)
    page = run_cell(project, "", RATIO.replace("price / area", "area / price"))
    assert f"ratio: this cell and {NAME} differ, and the pipeline runs the file." in str(page)
    assert "-    return price / area if area else None\n+    return area / price if area else None" in str(
        page
    )
    assert 'role="alert"' in page.markup
    assert (project / NAME).read_text() == RATIO


def test_a_cell_may_use_what_the_file_has_and_the_rest_of_the_file_stays(project: Path) -> None:
    run_cell(project, "--save", RATIO)
    town = '@feature(meaning="its beginning")\ndef town(city: str) -> str:\n    return city[:SCALE]'
    cell = f"SCALE = 100\n\n{town}"
    assert "town" in str(run_cell(project, "", cell))
    run_cell(project, "--save", cell)
    assert (project / NAME).read_text().startswith(RATIO)
    page = str(run_cell(project, "", 'city_code = category("city", rare=3)'))
    assert "most frequent" in page and "Köln <b> (" in page
    assert "Köln <b>" not in run_cell(project, "", 'city_code = category("city")').markup


WRONG = {
    "raises": (RATIO.replace("price / area", "price / 0"), "it raised ZeroDivisionError"),
    "the label": (
        IMPORT + '@feature(meaning="m")\ndef f(label: str) -> str:\n    return label',
        "is the label: no request",
    ),
    "excluded": (
        IMPORT + '@feature(meaning="m")\ndef f(sold: bool) -> bool:\n    return sold',
        "is excluded (collect.exclude)",
    ),
    "another type": (
        IMPORT + '@feature(meaning="m")\ndef f(price: float) -> int:\n    return price',
        "says that it returns integer",
    ),
    "no feature": ("import math", "The cell must define a feature"),
    "an import": (
        "import pandas\nfrom toolkit.features import number\n\nx = number('price')",
        "cell:1: a feature may import",
    ),
    "a column's name": (
        IMPORT + '@feature(meaning="m")\ndef area(price: float) -> float:\n    return price',
        "Rename it",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_fails_is_not_saved(project: Path, case: str) -> None:
    run_cell(project, "--save", RATIO)
    cell, message = WRONG[case]
    with pytest.raises(FeatureError) as caught:
        run_cell(project, "--save", cell)
    assert message in str(caught.value)
    assert (project / NAME).read_text() == RATIO


def test_a_second_feature_of_a_column_s_name_or_a_broken_file_is_not_saved_over(project: Path) -> None:
    (project / "features").mkdir()
    (project / NAME).write_text("def broken(:\n")
    with pytest.raises(FeatureError, match=f"{NAME}:1: the file must be Python"):
        run_cell(project, "--save", RATIO)
    assert (project / NAME).read_text() == "def broken(:\n"


def test_without_a_train_split_it_says_how_to_get_one(project: Path) -> None:
    shutil.rmtree(project / "data/prepared")
    with pytest.raises(FeatureError, match=r"not there yet. Run './run dvc repro prepare' once"):
        run_cell(project, "", RATIO)


@pytest.mark.parametrize(
    "line",
    ["--sav", "--file", "--file ../x.py", "--file /x.py", "--file features/x.txt", "x", "--file models/x.py"],
)
def test_another_line_is_refused(line: str) -> None:
    with pytest.raises(FeatureError):
        parse_line(line)


def test_a_file_may_be_named() -> None:
    assert parse_line("--save --file features/new.py") == (True, "features/new.py")


def test_the_magic_runs_in_ipython(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(project))
    shell = InteractiveShell()
    load_ipython_extension(shell)
    assert "not in" in str(shell.run_cell_magic("feature", "", RATIO))
    shell.run_cell_magic("feature", "--save --file features/mine.py", RATIO)
    assert (project / "features/mine.py").read_text() == RATIO


def write_notebook(path: Path, *cells: str) -> Path:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    return path


def test_opening_lists_the_file_and_warns_of_cells_that_differ(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(project))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert f"No feature is defined yet: {NAME} is not there" in str(open_features())
    run_cell(project, "--save", RATIO)
    page = str(open_features())
    assert (
        f"{NAME} defines 1 feature. The pipeline does not read it: set prepare.definitions: {NAME}." in page
    )
    assert "price of a square metre" in page
    changed = "%%feature\n" + RATIO.replace("price / area", "area / price")
    notebook = write_notebook(
        project / "try.ipynb", "1 + 1", "%%feature\n" + RATIO, changed, "%%feature\nx = 1", "%%feature\ndef ("
    )
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    page = str(open_features())
    assert page.count("differ.") == 1 and "+    return area / price" in page
    assert f"x: not in {NAME} yet." in page and "cell:1: it must be Python" in page
    assert warn_of_cells(project, write_notebook(project / "same.ipynb", "%%feature\n" + RATIO)) == []
    (project / NAME).write_text("x = (\n")
    assert f"{NAME}:1: the file must be Python" in str(open_features())


@pytest.mark.parametrize(
    "source",
    [
        "import numpy\n\nRAND = vars(numpy)['random'].rand\n\n\n"
        "{mark}\ndef odd(price: float) -> float:\n    return price + float(RAND())\n",
        "class Box:\n    seen = []\n\n\n"
        "{mark}\ndef odd(price: float) -> int:\n    Box.seen.append(price)\n    return len(Box.seen)\n",
    ],
)
def test_a_function_of_more_than_the_row_is_refused_though_its_text_does_not_show_it(
    project: Path, source: str
) -> None:
    with pytest.raises(FeatureError, match=r"'odd' must give a row the same value every time.* For price="):
        run_cell(project, "--save", IMPORT + source.format(mark='@feature(meaning="m")'))
    assert not (project / NAME).exists()


def test_a_quote_that_is_not_closed_is_told() -> None:
    with pytest.raises(
        FeatureError, match=r"--save puts it into the file too.* Got '--save 'x': No closing quotation"
    ):
        parse_line(" --save 'x")


def test_a_file_of_another_encoding_is_told(project: Path) -> None:
    path = project / NAME
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(FeatureError, match=rf"{NAME} must be UTF-8 text.* at byte 5"):
        run_cell(project, "--save", RATIO)
    assert path.read_bytes() == b"# caf\xe9\n"


def test_a_constant_that_other_features_are_made_of_is_not_changed_unseen(project: Path) -> None:
    mark = '@feature(meaning="m")\n'
    scaled = f"{IMPORT}K = 3\n\n\n{mark}def scaled(price: float) -> float:\n    return price * K\n"
    other = f"\n\n{mark}def other(price: float) -> float:\n    return price + 1\n"
    run_cell(project, "--save", scaled + other)
    shifted = f"{IMPORT}K = 7\n\n\n{mark}def shifted(price: float) -> float:\n    return price - K\n"
    page = str(run_cell(project, "--save", shifted))
    assert f"scaled: made of what this cell changes in {NAME}, so the values change too." in page
    text = (project / NAME).read_text()
    with pytest.raises(
        FeatureError, match=rf"{NAME}:8: row 1: feature 'scaled' must give a value.* TypeError"
    ):
        run_cell(project, "--save", shifted.replace("K = 7", "K = None").replace("price - K", "price"))
    assert (project / NAME).read_text() == text


def test_a_feature_that_no_model_can_learn_from_says_so(project: Path) -> None:
    source = IMPORT + '@feature(meaning="m")\ndef idle(price: float) -> float | None:\n    return {}\n'
    for value, told in {"2.0": "the same", "None": "missing"}.items():
        page = str(run_cell(project, "", source.format(value)))
        assert f"idle: {told} in every row. A model can learn nothing of that." in page
    assert "in every row" not in str(run_cell(project, "", source.format("price if price > 2 else None")))
