"""Training: what is learnt, that it is the same twice, and what cannot be learnt from."""

import json
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.artifacts import measure_sha256
from toolkit.errors import ModelError
from toolkit.params import Train
from toolkit.training.dataset import Prepared, load_prepared
from toolkit.training.explain import measure_fit, measure_importance
from toolkit.training.parameters import SWEEPABLE, build_booster_params, resolve_parameters
from toolkit.training.signature import build_signature
from toolkit.training.train import build_dataset, clean_names, find_constant, train_model, write_model

FIVE = Train(max_rounds=5, learning_rate=0.3)


def test_five_trees_tell_the_classes_apart(seeded: Prepared) -> None:
    trained = train_model(seeded, FIVE)
    assert trained.booster.num_trees() == trained.best_iteration == 5
    assert trained.curves["valid"][-1] < trained.curves["valid"][0] < trained.baseline
    right = (np.asarray(trained.booster.predict(seeded["test"].matrix)) > 0.5) == seeded["test"].target
    assert right.mean() > 0.8


def test_same_input_gives_the_same_bytes(seeded: Prepared) -> None:
    params = FIVE.model_copy(update={"bagging_fraction": 0.7, "feature_fraction": 0.5})
    assert train_model(seeded, params).text == train_model(seeded, params).text


def test_seed_matters_where_rows_are_sampled(seeded: Prepared) -> None:
    params = FIVE.model_copy(update={"bagging_fraction": 0.7})
    assert train_model(seeded, params).text != train_model(seeded, params.model_copy(update={"seed": 2})).text


def test_training_stops_by_the_valid_split_and_keeps_the_best_round(seeded: Prepared) -> None:
    trained = train_model(seeded, Train(learning_rate=0.5, max_rounds=400, patience=5))
    assert len(trained.curves["valid"]) == trained.best_iteration + 5 < 400
    assert trained.booster.num_trees() == trained.best_iteration
    assert trained.curves["valid"].argmin() + 1 == trained.best_iteration


def test_curve_is_the_loss_of_the_written_model(seeded: Prepared) -> None:
    trained = train_model(seeded, FIVE)
    p, y = np.asarray(trained.booster.predict(seeded["valid"].matrix)), seeded["valid"].target
    loss = -np.mean(np.log(np.where(y == 1, p, 1 - p)))
    assert trained.curves["valid"][trained.best_iteration - 1] == pytest.approx(loss, rel=1e-9)


def test_many_classes(digits: Prepared) -> None:
    trained = train_model(digits, Train(max_rounds=20, learning_rate=0.2))
    prediction = np.asarray(trained.booster.predict(digits["test"].matrix))
    assert prediction.shape == (len(digits["test"]), 4)
    assert (prediction.argmax(axis=1) == digits["test"].target).mean() > 0.9


def test_regression(diabetes: Prepared) -> None:
    trained = train_model(diabetes, Train(max_rounds=100))
    assert trained.metric == "rmse"
    assert min(trained.curves["valid"]) < 0.85 * trained.baseline


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_lightgbm_knows_every_parameter_that_it_is_given(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    values = {
        "learning_rate": 0.1,
        **{name: getattr(Train(), name) for name in SWEEPABLE},
        "bagging_fraction": 0.5,
    }
    settings = build_booster_params(kind, 3, values, seed=1) | {"verbosity": 1}
    data = np.random.default_rng(0).normal(size=(90, 2))
    lgb.train(
        settings, lgb.Dataset(data, label=np.arange(90) % (2 if kind == "binary" else 3)), num_boost_round=1
    )
    captured = capfd.readouterr()
    assert "[LightGBM]" in captured.out + captured.err  # it does speak, so it would have warned
    assert "nknown parameter" not in captured.out + captured.err
    with pytest.raises(ModelError, match="learning_rat"):
        build_booster_params(kind, 3, {"learning_rat": 0.1}, seed=1)


def test_signature_holds_what_serving_needs_to_trust_the_file(seeded: Prepared, tmp_path: Path) -> None:
    trained = train_model(seeded, FIVE)
    write_model(tmp_path / "model.txt", trained)
    signature = json.loads(json.dumps(build_signature(tmp_path / "model.txt", trained, seeded, FIVE)))
    assert signature["sha256"] == measure_sha256(tmp_path / "model.txt")
    assert signature["features"] == list(seeded.features.names) and signature["classes"] == ["no", "yes"]
    booster, test = lgb.Booster(model_file=str(tmp_path / "model.txt")), signature["self_test"]
    rows = np.stack([seeded.features.row(row) for row in test["rows"]])
    assert np.asarray(booster.predict(rows)).tolist() == test["outputs"]


def test_swept_values_win_and_say_so() -> None:
    best = {"num_leaves": 5, "lambda_l2": 0.25}
    params, origins = resolve_parameters(Train(learning_rate=0.2), best)
    assert (params.num_leaves, params.lambda_l2, params.learning_rate) == (5, 0.25, 0.2)
    assert origins["num_leaves"] == "sweep" and origins["learning_rate"] == "params.yaml"
    params, origins = resolve_parameters(Train(use_sweep=False), best)
    assert params.num_leaves == Train().num_leaves and set(origins.values()) == {"params.yaml"}


def test_every_reason_not_to_learn_is_told_at_once(prepared_folder) -> None:
    columns = {"flat": np.ones(60), "empty": np.full(60, np.nan)}
    folder = prepared_folder(columns, np.array(["no", "yes"])[np.arange(60) % 2], "binary")
    data = load_prepared(folder, "train", "valid")
    one_class = replace(data["train"], target=np.zeros(len(data["train"])))
    with pytest.raises(ModelError) as caught:
        train_model(replace(data, splits={"train": one_class, "valid": data["valid"]}), FIVE)
    for reason in ("'yes' has no row in train", "every feature is constant"):
        assert reason in str(caught.value)


def test_binning_in_blocks_equals_binning_the_whole_matrix(seeded: Prepared, monkeypatch) -> None:
    monkeypatch.setattr("toolkit.training.dataset.BLOCK_ROWS", 7)
    monkeypatch.setattr("toolkit.training.train.Blocks.batch_size", 11)
    train = seeded["train"]
    assert len(list(train.blocks())) > 10
    settings = {"objective": "binary", "verbose": -1, "deterministic": True, "num_threads": 1, "seed": 1}
    names = clean_names(seeded.features.names)
    ours = build_dataset(train, settings, names, seeded.features.categorical)
    whole = lgb.Dataset(
        train.matrix,
        train.target,
        feature_name=names,
        categorical_feature=list(seeded.features.categorical),
        params=settings,
    )
    texts = [lgb.train(settings, dataset, num_boost_round=5).model_to_string() for dataset in (ours, whole)]
    assert texts[0] == texts[1]


def test_constant_columns_are_found() -> None:
    nan = np.nan
    matrix = np.array([[1, 1, nan, nan, 0], [1, 2, nan, 5, nan]], dtype=float)
    assert (
        find_constant([matrix]) == find_constant([matrix[:1], matrix[1:]]) == [0, 2]
    )  # missing against present is a difference that a tree can use


@given(st.lists(st.text(max_size=6), max_size=8))
def test_clean_names_are_distinct_and_safe(names: list[str]) -> None:
    clean = clean_names(names)
    assert len(set(clean)) == len(names)
    assert not set("".join(clean)) & set('[]{}":, \t\n')


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        (Train(max_rounds=2, learning_rate=0.001), "underfitting"),
        (Train(max_rounds=8, learning_rate=0.2, min_data_in_leaf=10), "stopped early"),
    ],
)
def test_fit_is_told_from_the_curves(seeded: Prepared, params: Train, kind: str) -> None:
    fit = measure_fit(train_model(seeded, params), params.max_rounds)
    assert fit.kind == kind and fit.message


def test_labels_of_noise_are_overfitted(seeded: Prepared) -> None:
    trained = train_model(seeded, Train(max_rounds=60, patience=60, learning_rate=0.3))
    spoilt = replace(
        trained,
        curves={
            **trained.curves,
            "train": trained.curves["train"] * 0.01,
            "valid": trained.curves["valid"] * 0 + 0.4,
        },
    )
    assert measure_fit(spoilt, 60).kind == "overfitting"


def test_importance_finds_the_column_that_decides(seeded: Prepared) -> None:
    trained = train_model(seeded, Train(max_rounds=30))
    importance = measure_importance(trained.booster, seeded["valid"].matrix, seeded.features.names)
    assert importance.names[0] == "size of it" and importance.gain.sum() == pytest.approx(1)
    assert importance.contribution[0] == importance.contribution.max()


def test_unknown_label_is_named(seeded: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "prepared" / "task.json"
    path.write_text(path.read_text().replace('"yes"', '"maybe"'))
    with pytest.raises(
        ModelError, match=r"train.parquet: labels must be among 'no', 'maybe'. Got also 'yes'"
    ):
        load_prepared(tmp_path / "prepared", "train")
