"""One definition of a feature for training, batch and service: a fitted transform over NumPy arrays."""

from toolkit.features.declare import (
    category,
    count_before,
    count_by,
    dates,
    last_before,
    max_by,
    mean_before,
    mean_by,
    min_by,
    number,
    since_last,
    std_by,
    text_hash,
    text_stats,
    tfidf,
)
from toolkit.features.definition import Definition, Input
from toolkit.features.definition_check import check_definitions
from toolkit.features.definitions import load_definitions
from toolkit.features.mark import feature
from toolkit.features.transform import Feature, Features, load_features

__all__ = [
    "Definition",
    "Feature",
    "Features",
    "Input",
    "category",
    "check_definitions",
    "count_before",
    "count_by",
    "dates",
    "feature",
    "last_before",
    "load_definitions",
    "load_features",
    "max_by",
    "mean_before",
    "mean_by",
    "min_by",
    "number",
    "since_last",
    "std_by",
    "text_hash",
    "text_stats",
    "tfidf",
]
