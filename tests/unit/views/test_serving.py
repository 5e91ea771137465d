"""The predict notebook's tables, whatever the features are called."""

import pyarrow as pa

from toolkit.views import serving as views


def test_a_feature_called_value_does_not_make_a_regression() -> None:
    predictions = pa.table(
        {
            "id": ["r1", "r2"],
            "value": [5.0, 6.0],
            "label": ["no", "yes"],
            "p_no": [0.9, 0.2],
            "p_yes": [0.1, 0.8],
            "version": ["m:1", "m:1"],
            "true_label": ["no", "no"],
        }
    )
    assert views.summarize_predictions(predictions) == {
        "rows": 2,
        "by_label": {"no": 1, "yes": 1},
        "accuracy": 0.5,
    }
    assert views.table_counts(predictions).loc["no"].to_dict() == {"predicted": 1, "true": 2}
    assert list(views.table_head(predictions)) == ["id", "label", "p_no", "p_yes", "version", "true_label"]


def test_a_regression_is_described_by_its_values() -> None:
    predictions = pa.table({"id": ["r1", "r2"], "n": [1, 2], "value": [1.0, 3.0], "true_label": [1.0, 2.0]})
    assert views.summarize_predictions(predictions) == {"rows": 2, "mean": 2.0, "standard_deviation": 1.0}
    assert list(views.table_head(predictions)) == ["id", "value", "true_label"]
