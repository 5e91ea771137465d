"""Kept values are the computed ones to the last bit, are found by content alone, and never when anything differs."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit import feature_values
from toolkit.columns import ParquetColumns
from toolkit.data.fit import fit_features
from toolkit.data.schema import Column, Schema
from toolkit.errors import FeatureError
from toolkit.feature_values import ValueCache, iterate_matrix, load_values, measure_column, read_sample
from toolkit.features import Features
from toolkit.features.definitions import parse_definitions

KINDS = {"price": "number", "area": "number", "note": "text", "city": "category"}
SCHEMA = Schema("id", 0, (), tuple(Column(name, kind, "feature") for name, kind in KINDS.items()))
SOURCE = '''import sys

from toolkit.features import category, feature, text_stats

SCALE = 2
OTHER = 3


def halve(value):
    if sys.modules["os"].environ.get("NO_CALLS"):
        raise RuntimeError("it was called")
    return value / SCALE


@feature(meaning="half the price of a square metre")
def ratio(price: float, area: float | None) -> float | None:
    """Half."""
    return halve(price) / area if area else None  # missing without an area


@feature(meaning="size")
def size(area: float | None) -> str:
    if sys.modules["os"].environ.get("NO_CALLS"):
        raise RuntimeError("it was called")
    return "large" if (area or 0) > 50 else "small"


words = text_stats("note")
city = category("city")
'''


def make_tables(folder: Path, seed: int = 1, rows: int = 300) -> dict[str, Path]:
    random = np.random.default_rng(seed)
    paths = {}
    for split, count in (("train", rows), ("valid", 90), ("test", 70)):
        area = random.uniform(20, 90, count)
        area[::11] = np.nan
        table = {
            "id": [f"{split}{i}" for i in range(count)],
            "price": random.uniform(1, 9, count),
            "area": pa.array(area, from_pandas=True),
            "note": random.choice(["a b", "Ä c", "d"], count),
            "city": random.choice(["x", "y"], count),
            "label": random.choice(["no", "yes"], count),
        }
        paths[split] = folder / f"{split}.parquet"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), paths[split], row_group_size=40)
    return paths


def prepare(folder: Path, source: str = SOURCE, imported: Path | None = None, seed: int = 1) -> Features:
    """Do what the stage prepare does with features and their values."""
    paths = make_tables(folder, seed)
    (folder / "own.py").write_text(source)
    cache = ValueCache(paths, KINDS, {}, [imported] if imported else [])
    train = ParquetColumns([paths["train"]], list(KINDS))
    features = fit_features(train, SCHEMA, KINDS, definitions=folder / "own.py", name="own.py", cache=cache)
    cache.write(folder / "values", features)
    return features


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "values").glob("*.parquet"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Features]:
    folder = tmp_path_factory.mktemp("first")
    return folder, prepare(folder)


def test_costly_features_that_a_file_defines_are_kept_a_file_a_split(first: tuple[Path, Features]) -> None:
    folder, _ = first
    assert [name.partition("-")[0] for name in names(folder)] == ["ratio"] * 3 + ["size"] * 3 + ["words"] * 3
    assert set(load_values(folder, "train")) == {"ratio", "size", "words"}
    assert load_values(folder / "nothing", "train") == {}


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize("rows", [1, 37, 40, 100_000])
def test_they_are_the_computed_values_to_the_last_bit(
    first: tuple[Path, Features], split: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, features = first
    path = folder / f"{split}.parquet"
    computed = features.matrix(ParquetColumns([path]))
    monkeypatch.setenv("NO_CALLS", "1")
    values = load_values(folder, split)
    kept = np.concatenate(list(iterate_matrix(features, path, values, rows)))
    assert kept.tobytes() == computed.tobytes()
    assert read_sample(features, path, values, 7).tobytes() == np.ascontiguousarray(computed[::7]).tobytes()


def test_another_project_with_the_same_rows_calls_no_function(
    first: tuple[Path, Features], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, features = first
    monkeypatch.setenv("NO_CALLS", "1")
    with pytest.raises(Exception, match="it was called"):
        prepare(tmp_path / "without")
    again = prepare(tmp_path / "with", imported=folder)
    assert again.to_dict() == features.to_dict()
    assert names(tmp_path / "with") == names(folder)
    for name in names(folder):
        assert (tmp_path / "with/values" / name).read_bytes() == (folder / "values" / name).read_bytes()


SAME = {
    "a comment": ("# missing without an area", "# none"),
    "a docstring": ('"""Half."""', '"""Half of it."""'),
    "what it means": ('meaning="half the price', 'owner="me", meaning="half of the price'),
    "another feature": ('city = category("city")', 'town = category("city", rare=3)'),
    "another constant": ("OTHER = 3", "OTHER = 4"),
}
OTHER = {
    "its code": ("halve(price) / area", "halve(price) / (area + 1)"),
    "a helper": ("return value / SCALE", "return value * SCALE"),
    "a constant of a helper": ("SCALE = 2", "SCALE = 2.5"),
    "a type": ("ratio(price: float, area: float | None)", "ratio(price: float, area: float)"),
    "a statement of the module": ("OTHER = 3", "OTHER = {}\nOTHER['x'] = 1"),
}


def find_key(tmp_path: Path, source: str, **change: object) -> str:
    paths = make_tables(tmp_path)
    cache = ValueCache(paths, {**KINDS, **change}, {})
    return cache.measure_key(
        next(each for each in parse_definitions(source) if each.name == "ratio"), "train"
    )


@pytest.mark.parametrize("case", [*SAME, *OTHER])
def test_the_key_changes_with_what_changes_values_and_with_nothing_else(tmp_path: Path, case: str) -> None:
    old, new = (SAME | OTHER)[case]
    assert old in SOURCE
    same = find_key(tmp_path, SOURCE) == find_key(tmp_path, SOURCE.replace(old, new))
    assert same == (case in SAME)


def test_the_key_changes_with_kinds_code_and_reflection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = find_key(tmp_path, SOURCE)
    assert find_key(tmp_path, SOURCE, area="integer") != key
    hidden = SOURCE.replace("halve(price)", "globals()['halve'](price)")
    assert find_key(tmp_path, hidden) != find_key(tmp_path, hidden.replace("OTHER = 3", "OTHER = 4"))
    monkeypatch.setattr(feature_values, "measure_code", lambda: "other")
    assert find_key(tmp_path, SOURCE) != key


def test_other_rows_have_other_values(first: tuple[Path, Features], tmp_path: Path) -> None:
    prepare(tmp_path, imported=first[0], seed=2)
    assert not set(names(tmp_path)) & set(names(first[0]))


def test_a_column_s_hash_is_of_its_values_alone(tmp_path: Path) -> None:
    table = pa.table({"x": pa.array([1.5, None, -0.0, 7.0]), "t": ["a", None, "b", "c"]})
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(table, tmp_path / "b.parquet", row_group_size=2, compression="none")
    pq.write_table(table.take([1, 0, 2, 3]), tmp_path / "c.parquet")
    for name in ("x", "t"):
        one, two, three = (measure_column(tmp_path / f"{file}.parquet", name) for file in "abc")
        assert one == two != three


def test_values_of_fewer_rows_than_the_table_are_refused(
    first: tuple[Path, Features], tmp_path: Path
) -> None:
    folder, features = first
    short = tmp_path / "short.parquet"
    pq.write_table(pq.read_table(load_values(folder, "train")["ratio"]).slice(0, 250), short)
    with pytest.raises(FeatureError, match="must be of every row"):
        list(iterate_matrix(features, folder / "train.parquet", {"ratio": short}))


def test_a_damaged_file_is_computed_anew(first: tuple[Path, Features], tmp_path: Path) -> None:
    source = first[0] / "values"
    imported = tmp_path / "imported"
    imported.mkdir()
    for path in source.iterdir():
        (imported / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    prepare(tmp_path / "own", imported=imported)
    for name in names(first[0]):
        assert (tmp_path / "own/values" / name).read_bytes() == (source / name).read_bytes()


def test_an_imported_file_that_holds_something_else_is_computed_anew(
    first: tuple[Path, Features], tmp_path: Path
) -> None:
    source, imported = first[0] / "values", tmp_path / "imported"
    imported.mkdir()
    for path in source.glob("*.parquet"):
        table = pq.read_table(path)
        if path.name.startswith("ratio"):
            table = table.replace_schema_metadata({b"state": b"{"})
        else:
            table = table.append_column("more", table[0].cast(pa.string()))
        pq.write_table(table, imported / path.name)
    prepare(tmp_path / "own", imported=imported)
    for name in names(first[0]):
        assert (tmp_path / "own/values" / name).read_bytes() == (source / name).read_bytes()


def test_a_row_that_a_function_fails_for_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "valid.parquet"
    pq.write_table(pa.table({"price": [4.0, 3.0, 2.0, 1.0]}), path)
    source = (
        "from toolkit.features import feature\n"
        "@feature(meaning='m')\ndef f(price: float) -> float:\n    return 1 / (1 - price)"
    )
    features = Features.fit({"price": [2.0]}, {"price": "number"}, parse_definitions(source, "x.py"))
    with pytest.raises(
        FeatureError, match=r"^x.py:3: valid\.parquet, row 4: feature 'f' must give a value.*price=1.0"
    ):
        list(iterate_matrix(features, path, {}, rows=3))
