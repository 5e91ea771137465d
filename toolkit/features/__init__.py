"""One definition of a feature for training, batch and service: a fitted transform over NumPy arrays."""

from toolkit.features.transform import Feature, Features, load_features

__all__ = ["Feature", "Features", "load_features"]
