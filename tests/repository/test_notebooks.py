"""Notebooks, typed parameters, params.yaml and dvc.yaml hold together."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from toolkit.params import SECTIONS, STAGES
from toolkit.pipeline import load_stage_files, load_yaml

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARAMS_TEXT = (ROOT / "params.yaml").read_text()


def load(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def tagged(notebook: nbformat.NotebookNode) -> list:
    return [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]


def test_each_stage_has_a_notebook_and_a_place_in_the_pipeline() -> None:
    assert set(STAGES) <= {path.stem for path in NOTEBOOKS}
    assert tuple(load_yaml(ROOT / "dvc.yaml")["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_cell_equals_the_typed_class(stage: str) -> None:
    cells = tagged(load(stage))
    assert len(cells) == 1
    assignments = {
        node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cells[0].source).body
    }
    defaults = SECTIONS[stage]().model_dump(exclude_none=True)
    assert list(assignments) == list(SECTIONS[stage].model_fields)
    for name, value in assignments.items():
        assert (
            SECTIONS[stage].model_validate({name: value}).model_dump(exclude_none=True)[name]
            == defaults[name]
        )


@pytest.mark.parametrize("stage", STAGES)
def test_each_parameter_has_its_comment_in_the_cell_and_in_the_file(stage: str) -> None:
    source = tagged(load(stage))[0].source
    section = PARAMS_TEXT.split(f"\n{stage}:\n", 1)[1].split("\n\n", 1)[0]
    for name, field in SECTIONS[stage].model_fields.items():
        assert re.search(rf"^{name} = .*#.*{re.escape(field.description)}", source, re.M | re.S), name
        assert re.search(rf"^  {name}:.*# {re.escape(field.description)}$", section, re.M), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_clean_and_thin(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs == [] and cell.execution_count is None
        head, _, body = cell.source.partition("\n")
        if head == "%%feature" and path.stem not in STAGES:  # a definition's text, in an interactive notebook
            ast.parse(body)
            continue
        tree = ast.parse(cell.source)  # also refuses other %magics, and !shell
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert not [node for node in ast.walk(tree) if isinstance(node, kinds)], cell.source
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("stage", STAGES)
def test_stage_is_finished_in_its_last_cell(stage: str) -> None:
    code = [cell.source for cell in load(stage).cells if cell.cell_type == "code"]
    assert "stage.finish()" in code[-1]
    assert f'start("{stage}", globals())' in code[1]


def imported_files(stage: str) -> set[str]:
    """Modules of the package that a notebook needs, transitively, as paths; layer 1 (the frame) left out."""
    import grimp

    graph = grimp.build_graph("toolkit")
    frame = {
        f"toolkit.{name}"
        for name in (
            "download",
            "errors",
            "fetch",
            "known_hashes",
            "mirror",
            "paths",
            "params",
            "params_file",
            "params_edit",
            "artifacts",
            "leash",
            "pipeline",
            "stage",
        )
    } | {"toolkit"}
    found: set[str] = set()
    for cell in load(stage).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("toolkit"):
                for alias in node.names:
                    child = f"{node.module}.{alias.name}"
                    found.add(child if child in graph.modules else node.module)
    for module in list(found):
        if module in graph.modules:
            found |= graph.find_upstream_modules(module)
    paths = set()
    for module in found - frame:
        base = ROOT / module.replace(".", "/")
        paths.add(
            (base / "__init__.py" if base.is_dir() else base.with_suffix(".py")).relative_to(ROOT).as_posix()
        )
    return paths


@pytest.mark.parametrize("stage", STAGES)
def test_pipeline_declares_the_code_that_a_notebook_runs_and_no_other(stage: str) -> None:
    files = load_stage_files(ROOT, stage)
    code = [dep for dep in files.deps if dep.startswith("toolkit/")]
    needed = imported_files(stage)
    undeclared = {path for path in needed if not files.depends_on(path)}
    assert undeclared == set(), f"dvc.yaml: stage '{stage}' must name these under deps"
    in_bento = (
        {"toolkit/artifacts.py", "toolkit/errors.py", "toolkit/leash.py"} if stage == "package" else set()
    )  # packed, not run
    needed |= in_bento
    unused = [dep for dep in code if not any(path == dep or path.startswith(dep + "/") for path in needed)]
    assert unused == [], f"dvc.yaml: stage '{stage}' names code that its notebook does not run"
