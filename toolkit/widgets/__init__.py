"""The interactive notebooks' forms and views: ipywidgets over logic that lives in plain classes beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.widgets.board import open_board
    from toolkit.widgets.explorer import open_explorer

__all__ = ["open_board", "open_explorer"]


def __getattr__(name: str) -> Any:
    """Load a view on first use: the logic beside it is used, and tested, without ipywidgets."""
    if name == "open_board":
        from toolkit.widgets.board import open_board

        return open_board
    if name == "open_explorer":
        from toolkit.widgets.explorer import open_explorer

        return open_explorer
    raise AttributeError(f"module 'toolkit.widgets' has no attribute '{name}'")
