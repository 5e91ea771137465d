"""A feature that is not what the model was trained on stops the build: planted skews, each found and named."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import load_json, write_json
from toolkit.columns import ParquetColumns
from toolkit.data.fit import fit_features, write_features
from toolkit.data.schema import Column, Schema
from toolkit.errors import PackageError, ToolkitError
from toolkit.feature_values import ValueCache, load_values
from toolkit.features import Features, load_features
from toolkit.features.definitions import load_definitions
from toolkit.monitoring.performance_reference import fit_reference
from toolkit.monitoring.profile import fit_profile, fit_scores, scores_to_list
from toolkit.packaging.package import Sources, write_package
from toolkit.params import Package, Train
from toolkit.training.dataset import load_prepared
from toolkit.training.signature import build_signature
from toolkit.training.train import train_model, write_model

ROOT = Path(__file__).resolve().parents[3]
KINDS = {
    "amount": "number", "items": "integer", "member": "boolean", "plan": "category", "customer": "category",
    "note": "text", "at": "time", "local": "time",
}  # fmt: skip
ZONES = {"at": "Europe/Berlin"}
DEFINITIONS = '''"""Features of the test."""
from toolkit.features import dates, feature, last_before, mean_before, mean_by, category, text_hash, tfidf

LIMIT = 3

@feature(meaning="amount of an item")
def per_item(amount: float, items: int) -> float | None:
    return amount / items if items > LIMIT else None

plan = category("plan", rare=60)
spend = mean_by("amount", "customer")
recent = mean_before("amount", "customer", "at", window_s=40 * 86_400)
last = last_before("amount", "customer", "at")
hashed = text_hash("note", buckets=8)
words = tfidf("note", terms=12, ngrams=(1, 2))
clock = dates("at", ("month", "day", "hour"))
'''


def draw(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    words = np.array(["Refund", "broken", "thanks", "invoice", "late", "NOW"])
    at = np.datetime64("2024-01-01T00:00:00", "us") + rng.integers(0, 300 * 24 * 60, rows).astype(
        "timedelta64[m]"
    )
    lost = rng.random(rows) < 0.1
    amount = rng.lognormal(3, 1, rows)
    return pa.table(
        {
            "id": [f"{seed}-{row}" for row in range(rows)],
            "amount": pa.array(amount, mask=lost),
            "items": pa.array(rng.integers(1, 9, rows)),
            "member": pa.array(rng.random(rows) < 0.5),
            "plan": rng.choice(["basic", "plus", "pro", "trial"], rows, p=[0.6, 0.27, 0.1, 0.03]),
            "customer": [f"c{number}" for number in rng.integers(0, 25, rows)],
            "note": pa.array(
                [" ".join(rng.choice(words, 4)) for _ in range(rows)], mask=rng.random(rows) < 0.1
            ),
            "at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "local": pa.array(at - np.timedelta64(90, "m"), pa.timestamp("us")),
            "label": np.where(np.log(amount) + rng.normal(size=rows) > 3, "yes", "no"),
        }
    )


@dataclass(frozen=True)
class Built:
    """Folders from which a package can be built, as the stages leave them."""

    root: Path

    @property
    def sources(self) -> Sources:
        return Sources(*(self.root / name for name in ("prepared", "train", "validate", "schema.json")))

    def package(self) -> None:
        write_package(self.root / "package", ROOT, self.sources, Package(name="skews"), {})

    def change(self, change: Callable[[dict], None]) -> None:
        """Change what the fitted features hold."""
        path = self.root / "prepared" / "features.json"
        value = load_json(path)
        change(value)
        write_json(path, value)

    def refit(self, rows: str) -> None:
        """Fit the features on other rows."""
        folder = self.root / "prepared"
        definitions = load_definitions(folder / "definitions.py")
        names = ["train", "valid"] if rows == "all" else [rows]
        columns = ParquetColumns([folder / f"{name}.parquet" for name in names])
        write_json(folder / "features.json", Features.fit(columns, KINDS, definitions, ZONES).to_dict())

    def change_rows(self, name: str, change: Callable[[Any], Any]) -> None:
        """Change a column of the prepared training rows."""
        path = self.root / "prepared" / "train.parquet"
        table = pq.read_table(path)
        pq.write_table(table.set_column(table.column_names.index(name), name, change(table[name])), path)

    def edit(self, old: str, new: str, note_hash: bool = False) -> None:
        """Edit the definitions; ``note_hash``: and hide it by noting the new file's hash."""
        import hashlib

        path = self.root / "prepared" / "definitions.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        if note_hash:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.change(lambda value: value.update(code=digest))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A model trained on features of every maker, by the code of the stages."""
    root = tmp_path_factory.mktemp("skews")
    prepared, train, validate = (root / name for name in ("prepared", "train", "validate"))
    for folder in (prepared, train, validate):
        folder.mkdir()
    for seed, (name, rows) in enumerate({"train": 1500, "valid": 300, "test": 300}.items()):
        pq.write_table(draw(rows, seed), prepared / f"{name}.parquet")
    (root / "definitions.py").write_text(DEFINITIONS)
    columns = [
        Column("id", "text", "key"),
        *(Column(name, kind, "feature", zone=ZONES.get(name, "")) for name, kind in KINDS.items()),
        Column("outcome", "category", "feature"),  # the label's own column, which is not prepared
    ]
    schema = Schema("id", 2100, (), tuple(columns))
    write_json(root / "schema.json", schema.to_dict())
    rows = ParquetColumns([prepared / "train.parquet"])
    paths = {name: prepared / f"{name}.parquet" for name in ("train", "valid", "test")}
    cache = ValueCache(paths, KINDS, ZONES)
    features = fit_features(
        rows, schema, KINDS, definitions=root / "definitions.py", name="features/skews.py", cache=cache
    )
    cache.write(prepared / "values", features)
    write_features(prepared, features, root / "definitions.py")
    task = {"schema": 1, "task": "binary", "classes": ["no", "yes"], "key": "id", "label": "label"}
    write_json(prepared / "task.json", task)
    write_json(prepared / "profile.json", fit_profile(rows, KINDS, 10, rows["label"].tolist()).to_dict())
    data = load_prepared(prepared, "train", "valid")
    model = train_model(data, Train(max_rounds=20))
    write_model(train / "model.txt", model)
    write_json(
        train / "signature.json", build_signature(train / "model.txt", model, data, Train(max_rounds=20))
    )
    scores = fit_scores(model.booster.predict(data["valid"].matrix), data.task.classes)
    write_json(train / "scores.json", {"schema": 1, "predictions": scores_to_list(scores)})
    write_json(validate / "gates.json", {"schema": 1, "passed": True, "gates": []})
    held_out = np.asarray(model.booster.predict(data["valid"].matrix))
    held_out = np.column_stack([1 - held_out, held_out])
    reference = fit_reference(data["valid"].target, held_out, data.task.classes, scores, metric="accuracy")
    write_json(validate / "performance.json", reference.to_dict())
    return root


@pytest.fixture
def built(trained: Path, tmp_path: Path) -> Built:
    shutil.copytree(trained, tmp_path / "copy")
    return Built(tmp_path / "copy")


def test_without_a_skew_it_is_built(built: Built) -> None:
    built.package()
    assert (built.root / "package" / "tag.txt").read_text().startswith("skews:")


def find(value: dict, part: str, name: str) -> dict:
    return next(each for each in value[part] if each["name"] == name)


def in_input(name: str, **changes: Any) -> Callable[[dict], None]:
    return lambda value: find(value, "inputs", name).update(changes)


def in_state(name: str, change: Callable[[dict], None]) -> Callable[[dict], None]:
    return lambda value: change(find(value, "features", name)["state"])


def in_params(name: str, **changes: Any) -> Callable[[dict], None]:
    return lambda value: find(value, "features", name)["params"].update(changes)


def swap(value: dict) -> None:
    value["features"][0], value["features"][1] = value["features"][1], value["features"][0]


def shorten_idf(state: dict) -> None:
    state["idf"] = [round(weight, 3) for weight in state["idf"]]


def merge_rare(state: dict) -> None:
    state["categories"] = [*state["categories"], *state.pop("rare")]


# Each: what is planted in the fitted features, and what the message must name.
IN_STATE: dict[str, tuple[Callable[[dict], None], str]] = {
    "an integer read as a number": (in_input("items", kind="number"), "'items'"),
    "a boolean read as an integer": (in_input("member", kind="integer"), "'member'"),
    "a text read as a category": (in_input("note", kind="category"), "'note'"),
    "missing values allowed that training had not": (in_input("items", missing=True), "'items' has missing True"),
    "missing values refused that training had": (in_input("amount", missing=False), "'amount' has missing False"),
    "instants read as wall times": (in_input("at", zoned=False), "'at'"),
    "another time zone": (in_input("at", zone="UTC"), "'at' has zone 'UTC'"),
    "category order": (in_state("plan", lambda state: state["categories"].reverse()), "'plan' has state.categories"),
    "a category more": (in_state("plan", lambda state: state["categories"].append("zero")), "'plan'"),
    "a category less": (in_state("customer", lambda state: state["categories"].pop()), "'customer'"),
    "rare categories kept apart": (in_state("plan", merge_rare), "'plan'"),
    "another threshold of rare ones": (in_params("plan", rare=1000), "'plan' has params.rare"),
    "more hash buckets": (in_params("hashed", buckets=16), "'hashed'"),
    "rounded idf weights": (in_state("words", shorten_idf), "'words' has state.idf"),
    "longer n-grams": (in_params("words", ngrams=[1, 3]), "'words' has params.ngrams"),
    "vocabulary order": (in_state("words", lambda state: state["terms"].reverse()), "'words' has state.terms"),
    "a shorter window": (in_params("recent", window_s=86_400), "'recent' has params.window_s"),
    "history of one group forgotten": (in_state("last", lambda state: state["groups"].pop("c1")), "'last'"),
    "other parts of a time": (in_state("clock", lambda state: state["parts"].reverse()), "'clock'"),
    "feature order": (swap, "order"),
    "a feature left out": (lambda value: value["features"].pop(1), "feature"),
}  # fmt: skip


@pytest.mark.parametrize("skew", IN_STATE)
def test_a_skew_in_the_fitted_state_stops_the_build(built: Built, skew: str) -> None:
    change, named = IN_STATE[skew]
    built.change(change)
    check_refused(built, named)


def check_refused(built: Built, named: str) -> None:
    with pytest.raises(ToolkitError) as caught:
        built.package()
    assert named in str(caught.value)
    assert not (built.root / "package" / "tag.txt").exists()


@pytest.mark.parametrize("rows", ["all", "valid"])
def test_features_fitted_on_other_rows_stop_the_build(built: Built, rows: str) -> None:
    built.refit(rows)
    check_refused(built, "must be those that the train split gives, and are not: ")


def test_a_group_mean_of_all_rows_is_named(built: Built) -> None:
    own = load_json(built.root / "prepared" / "features.json")
    built.refit("all")
    other = find(load_json(built.root / "prepared" / "features.json"), "features", "spend")["state"]
    write_json(built.root / "prepared" / "features.json", own)
    built.change(in_state("spend", lambda state: state.update(other)))
    check_refused(built, "feature 'spend' has state.otherwise")


IN_ROWS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "a unit scaled by a thousand": ("amount", lambda column: pc.multiply(column, 1000.0), "'amount'"),
    "values clipped": ("amount", lambda column: pc.min_element_wise(column, 50.0, skip_nulls=False), "'amount'"),
    "values rounded to float32": ("amount", lambda column: column.cast("float32").cast("float64"), "'amount'"),
    "missing values filled with 0": ("amount", lambda column: pc.fill_null(column, 0.0), "'amount'"),
    "texts in capitals": ("plan", pc.utf8_upper, "is not the file that the model was trained with"),
    "times an hour later": ("at", lambda column: pc.add(column, pa.scalar(3_600_000_000, "duration[us]")), "(of at)"),
}  # fmt: skip


@pytest.mark.parametrize("skew", IN_ROWS)
def test_rows_that_changed_after_training_stop_the_build(built: Built, skew: str) -> None:
    name, change, named = IN_ROWS[skew]
    built.change_rows(name, change)
    try:
        built.refit("train")  # so that only what training recorded can tell
    except ToolkitError:
        pytest.fail("the changed rows must be fit for fitting")
    check_refused(built, named)


def test_a_function_edited_after_the_fit_stops_the_build(built: Built) -> None:
    built.edit("amount / items", "items / amount")
    check_refused(built, "definitions.py")


def test_a_function_edited_after_the_fit_is_found_even_if_its_hash_is_forged(built: Built) -> None:
    built.edit("amount / items", "amount / (items + 1e-9)", note_hash=True)
    check_refused(built, "feature 'per_item' (of amount, items)")


def test_a_constant_changed_in_the_definitions_is_found_even_if_its_hash_is_forged(built: Built) -> None:
    built.edit("LIMIT = 3", "LIMIT = 4", note_hash=True)
    check_refused(built, "per_item")


@pytest.mark.parametrize("split", ["train", "valid"])
def test_kept_values_that_are_not_the_feature_s_stop_the_build(built: Built, split: str) -> None:
    name, path = next(iter(load_values(built.root / "prepared", split).items()))
    table = pq.read_table(path)
    values = table[0].to_pylist()
    values[-1] = 0.5 if values[-1] != 0.5 else 1.5
    pq.write_table(table.set_column(0, table.column_names[0], pa.array(values, pa.float64())), path)
    with pytest.raises(PackageError, match=rf"kept of feature '{name}.*Row {len(values)} of {split}.parquet"):
        built.package()


def test_missing_definitions_stop_the_build(built: Built) -> None:
    (built.root / "prepared" / "definitions.py").unlink()
    check_refused(built, "definitions.py")


def shift_month(monkeypatch: pytest.MonkeyPatch) -> None:
    dates = sys.modules["toolkit.features.dates"]  # the package has a function of that name

    split = dates.split_time
    monkeypatch.setattr(
        dates, "split_time", lambda moment: (*split(moment)[:2], split(moment)[2] - 1, *split(moment)[3:])
    )


def swap_day_and_month(monkeypatch: pytest.MonkeyPatch) -> None:
    dates = sys.modules["toolkit.features.dates"]  # the package has a function of that name

    split = dates.split_time

    def swapped(moment: Any) -> tuple:
        parts = list(split(moment))
        parts[2], parts[3] = parts[3], parts[2]
        return tuple(parts)

    monkeypatch.setattr(dates, "split_time", swapped)


def keep_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    import toolkit.features.text as text

    monkeypatch.setattr(text, "find_terms", lambda words, low, high: text.WORD.findall(words))


def seed_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    import zlib

    import toolkit.features.text as text

    class Seeded:
        @staticmethod
        def crc32(raw: bytes) -> int:
            return zlib.crc32(raw, 7)

    monkeypatch.setattr(text, "zlib", Seeded)


def see_the_row_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from bisect import bisect_right

    import toolkit.features.history as history

    monkeypatch.setattr(history, "bisect_left", bisect_right)


def see_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    import toolkit.features.history as history

    monkeypatch.setattr(
        history, "bisect_left", lambda times, now, low=0, high=None: len(times) if low == 0 else low
    )


def fill_requests_with_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    import toolkit.features.encode as encode

    single = encode.encode_number
    monkeypatch.setattr(encode, "encode_number", lambda value: 0.0 if value is None else single(value))


def empty_text_for_missing_in_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    import toolkit.features.text as text

    plain = text.TextHash.row
    columns = text.TextHash.columns

    def in_batch(self: Any, given: Any) -> Any:
        monkeypatch.setattr(text.TextHash, "row", plain)
        try:
            return columns(self, given)
        finally:
            monkeypatch.setattr(text.TextHash, "row", in_request)

    def in_request(self: Any, value: Any) -> Any:
        return plain(self, value or "")

    monkeypatch.setattr(text.TextHash, "columns", in_batch)
    monkeypatch.setattr(text.TextHash, "row", in_request)


IN_CODE: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    shift_month: "'clock: month' (of at)",
    swap_day_and_month: "'clock: month' (of at)",
    keep_capitals: "'words'",
    seed_the_hash: "'hashed: bucket",
    see_the_row_itself: "'recent'",
    see_the_future: "'recent'",
    fill_requests_with_zero: "in a request",
    empty_text_for_missing_in_requests: "'hashed: bucket 0' (of note) is nan in the table and 0 in a request",
}


@pytest.mark.parametrize("plant", IN_CODE, ids=lambda plant: plant.__name__)
def test_code_that_changed_after_training_stops_the_build(built: Built, plant, monkeypatch) -> None:
    plant(monkeypatch)
    check_refused(built, IN_CODE[plant])


def test_there_are_more_than_twenty() -> None:
    assert len(IN_STATE) + len(IN_ROWS) + len(IN_CODE) >= 30


def test_what_is_recorded_is_of_the_first_training_rows(built: Built) -> None:
    signature = json.loads((built.root / "train" / "signature.json").read_text())
    features = load_features(built.root / "prepared" / "features.json")
    assert list(signature["replay"]) == sorted(features.names)
