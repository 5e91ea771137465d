import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from toolkit.columns import get_columns
from toolkit.data.batch_input import load_batch_input
from toolkit.errors import DataError
from toolkit.packaging.batch import find_reading, predict_table
from toolkit.serving.model import load_model


@pytest.fixture(scope="module")
def parts(make_packaged):
    packaged = make_packaged("regression")
    path = packaged.sources.prepared / "test.parquet"
    return load_model(packaged.folder), pyarrow.parquet.read_table(path), packaged


def test_the_table_has_key_features_output_version_and_true_label(parts):
    model, table, packaged = parts
    result = predict_table(model, table, get_columns, "row_id")
    assert result.column_names == ["row_id", *model.inputs, "value", "version", "true_label"]
    np.testing.assert_array_equal(result["value"].to_numpy(), model.predict(packaged.columns).values)
    assert set(result["version"].to_pylist()) == {model.version}
    assert result["true_label"].equals(table["label"])


def test_csv_and_parquet_of_the_same_rows_give_the_same_bits(parts, tmp_path):
    import pyarrow.csv

    model, table, _ = parts
    pyarrow.csv.write_csv(table, tmp_path / "rows.csv")
    read = load_batch_input(tmp_path / "rows.csv", find_reading(model))
    ours = predict_table(model, read, get_columns)
    assert ours["value"].equals(predict_table(model, table, get_columns)["value"])
    assert "row_id" not in ours.column_names


def test_probabilities_are_named_by_class(make_packaged):
    packaged = make_packaged("multiclass")
    table = pa.table(packaged.columns)
    result = predict_table(load_model(packaged.folder), table, get_columns)
    assert result.column_names[4:] == ["label", "p_setosa", "p_versicolor", "p_virginica", "version"]


def test_values_that_the_service_would_refuse_are_named_with_their_row(parts):
    model, table, _ = parts
    count = table.column_names.index("count")
    wrong = table.set_column(count, "count", pa.array([2.5, None] + [3.0] * (table.num_rows - 2)))
    with pytest.raises(DataError) as caught:
        predict_table(model, wrong, get_columns)
    assert "row 1: feature 'count' must be a whole number. Got 2.5." in str(caught.value)
    assert "row 2: feature 'count' must be a whole number. Got null." in str(caught.value)


def test_a_missing_feature_is_named_with_the_nearest_column(parts):
    model, table, _ = parts
    with pytest.raises(DataError, match=r"lacks radius\. Did you mean 'radios'\?"):
        predict_table(model, table.rename_columns({"radius": "radios"}), get_columns)
