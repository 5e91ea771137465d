"""The features are fitted anew on the train split by the raw table's columns, of which one may be the label."""

import pytest

from toolkit.errors import PackageError
from toolkit.features import load_features
from toolkit.packaging.replay import check_refit


@pytest.fixture
def parts(make_packaged):
    packaged = make_packaged("multiclass")
    features = load_features(packaged.sources.prepared / "features.json")
    columns = [{"name": name, "type": kind, "role": "feature"} for name, kind in features.inputs.items()]
    return features, packaged.sources.prepared / "train.parquet", columns


def test_a_raw_column_called_label_is_the_label_and_no_feature(parts) -> None:
    features, train, columns = parts
    for kind in ("integer", "category", "number"):
        check_refit(features, train, [*columns, {"name": "label", "type": kind, "role": "feature"}])


def test_a_feature_that_the_package_lacks_is_told(parts) -> None:
    features, train, columns = parts
    with pytest.raises(PackageError, match=r"raw column 'row_id' is not in the package"):
        check_refit(features, train, [*columns, {"name": "row_id", "type": "category", "role": "feature"}])
