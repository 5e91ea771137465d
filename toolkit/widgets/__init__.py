"""The interactive notebooks' forms and views: ipywidgets over logic that lives in plain classes beside them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.widgets.board import open_board
    from toolkit.widgets.explorer import open_explorer, open_groups, open_times
    from toolkit.widgets.features_view import open_features

__all__ = ["open_board", "open_explorer", "open_features", "open_groups", "open_times"]

_HOMES = {
    "open_board": "board",
    "open_explorer": "explorer",
    "open_features": "features_view",
    "open_groups": "explorer",
    "open_times": "explorer",
}


def __getattr__(name: str) -> Any:
    """Load a view on first use: the logic beside it is used, and tested, without ipywidgets."""
    if name in _HOMES:
        return getattr(import_module(f"toolkit.widgets.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'toolkit.widgets' has no attribute '{name}'")
