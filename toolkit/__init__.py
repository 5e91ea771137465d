"""From raw tables and labels to a monitored container; each notebook is a stage of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.stage import Stage, start

__all__ = ["Stage", "start"]


def __getattr__(name: str) -> Any:
    """Load the two names of the stage API on first use, so that ``import toolkit`` stays cheap."""
    if name in __all__:
        from toolkit import stage

        return getattr(stage, name)
    raise AttributeError(f"module 'toolkit' has no attribute '{name}'")
