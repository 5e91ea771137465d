"""The benchmark of damaged models in small: all of its damages against the hashes, some against reading the files."""

import importlib.util
import sys
from pathlib import Path

import pytest

from toolkit.errors import ModelError, ToolkitError
from toolkit.serving.manifest import check_manifest, check_tag
from toolkit.serving.model_text import check_model_text

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "damaged_models.py"
spec = importlib.util.spec_from_file_location("damaged_models", SCRIPT)
bench = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = bench  # dataclasses look their module up
spec.loader.exec_module(bench)
KINDS = {*bench.BYTES, *bench.LINES, "number", "value"}


@pytest.fixture(scope="module")
def whole(make_packaged):
    return make_packaged("regression").folder  # it has every kind of column


def test_each_of_two_thousand_damages_is_refused_by_a_hash(whole, tmp_path):
    tried = bench.Bench(whole, tmp_path, first_loads=False)
    damages = list(bench.make_damages(whole, 2000, seed=2))
    assert {damage.kind for damage in damages} == KINDS
    assert {damage.name for damage in damages} == set(bench.SHARES)
    for damage in damages:
        (tried.folder / damage.name).write_bytes(damage.data)
        with pytest.raises(ToolkitError):
            check_tag(tried.folder, check_manifest(tried.folder))
        (tried.folder / damage.name).write_bytes((whole / damage.name).read_bytes())


def test_damage_older_than_all_hashes_is_found_by_reading_or_changes_nothing_that_is_read(whole, tmp_path):
    tried = bench.Bench(whole, tmp_path, first_loads=False)
    for damage in bench.make_damages(whole, 80, seed=3):
        results = tried.try_damage(damage)
        assert results["as damaged"] == "refused by a hash"
        if damage.name in bench.SIGNED:
            assert results["version agrees"] == "refused by signature.json's hash"
    assert tried.unclear == []
    read = {
        at: tried.counts["model.txt", "all hashes agree", at]
        for at in ("refused by reading", "passed reading")
    }
    assert read["refused by reading"] > 3 * read["passed reading"] > 0
    assert tried.slowest_s < 5


def test_what_passes_reading_neither_kills_nor_hangs_the_first_load(whole, tmp_path):
    tried, passed = bench.Bench(whole, tmp_path, first_loads=True), 0
    for damage in bench.make_damages(whole, 300, seed=4):
        if damage.name == "model.txt" and passes(damage.data) and passed < 4:
            passed += 1
            last = tried.try_damage(damage)["all hashes agree"]
            assert last.startswith(("refused", "served"))
    assert passed == 4


def passes(data):
    try:
        return bool(check_model_text(data))
    except ModelError:
        return False
