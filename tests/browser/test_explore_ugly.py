"""The exploration of ugly data in a real JupyterLab: long names, 1,000 categories, emoji, far tails, gaps in time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import write_json

pytestmark = [pytest.mark.browser, pytest.mark.integration]
PICTURES = os.environ.get("TOOLKIT_SCREENSHOTS")
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
ROWS = 1500
LONG = "a very long name of a column that somebody exported from a spreadsheet, in $ and <b>euros</b>"
KINDS = {
    "größe 🎉": "number",
    "far tail": "number",
    "constant": "number",
    "empty": "number",
    LONG: "category",
    "ort": "category",
    "flag": "boolean",
    "when": "time",
    "remark": "text",
}


def write_ugly(root: Path) -> None:
    """Write a raw table, labels of eight classes, and nothing of the annotators."""
    random = np.random.default_rng(3)
    kind = random.integers(0, 8, ROWS)
    when = pd.Series(
        pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.random(ROWS)) * 300, unit="D")
    )
    table = {
        "id": [f"r{row}" for row in range(ROWS)],
        "größe 🎉": random.normal(kind, 1.0),
        "far tail": np.where(random.random(ROWS) < 0.05, np.nan, np.exp(random.normal(0, 8, ROWS))),
        "constant": np.ones(ROWS),
        "empty": pa.nulls(ROWS, pa.float64()),
        LONG: [f"a category with quite a long name, number {row % 1000}" for row in range(ROWS)],
        "ort": random.choice(["München", "配送センター", "🎉 party", "a <b> c", "$x_1$"], ROWS),
        "flag": pa.array([None if row % 10 == 0 else bool(row % 3) for row in range(ROWS)]),
        "when": when.mask(when.between("2024-04-01", "2024-05-15")),
        "remark": [f"word{value} 配送 naïve, “quoted” 🎉" * (value + 1) for value in kind],
        "customer": [f"customer {row // 5}" for row in range(ROWS)],
    }
    for folder in ("data/raw", "data/labels"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir(parents=True)
    pq.write_table(
        pa.table({name: pa.array(values, from_pandas=True) for name, values in table.items()}),
        root / "data/raw/table.parquet",
    )
    columns = [{"name": "id", "type": "text", "role": "key"}]
    columns += [{"name": name, "type": type_, "role": "feature"} for name, type_ in KINDS.items()]
    columns += [{"name": "customer", "type": "text", "role": "excluded"}]
    schema = {"schema": 1, "key": "id", "rows": ROWS, "exclude": ["customer"], "columns": columns}
    write_json(root / "data/raw/schema.json", schema)
    classes = np.array([f"class {value} with a rather long name 🎉" for value in range(8)])
    labels = pa.table({"id": table["id"], "label": classes[kind], "status": ["agreed"] * ROWS})
    pq.write_table(labels, root / "data/labels/labels.parquet")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_ugly_data_is_shown_and_chosen_from(fresh: Path, open_notebook: Callable, theme: str) -> None:
    write_ugly(fresh)
    notebook = open_notebook("notebooks/explore.ipynb", theme, height=12000)
    notebook.run_all()
    page = notebook.page
    page.get_by_label("feature", exact=True).first.select_option("remark")
    page.get_by_role("img", name="distribution of remark by class").wait_for()
    page.get_by_label("period", exact=True).select_option("month")
    page.get_by_role("img", name="rows, label by month of when").wait_for()
    page.get_by_label("feature", exact=True).last.select_option("ort")
    page.get_by_role("img", name="rows, label, ort by month of when").wait_for()
    page.get_by_label("group", exact=True).select_option("customer")
    page.get_by_role("img", name="sizes of the groups of customer").wait_for()
    notebook.settle()
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/explore-ugly-{theme.rsplit(maxsplit=1)[-1].lower()}.png")
    assert page.locator("b", has_text="euros").count() == 0  # a name is text, not HTML
    assert page.locator("td", has_text="$x_1$").count() >= 1  # nor a formula
    assert notebook.measure_contrast() == []
    assert notebook.find_nameless() == []
    assert notebook.errors() == []
    assert notebook.console == []
    assert notebook.outside == []
