"""The papermill engine ``toolkit``, registered by entry point: ``papermill NOTEBOOK OUT --engine toolkit``.

It has papermill's engine interface without inheriting from it: papermill imports this module while it is itself
being imported.
"""

from __future__ import annotations

from typing import Any


class ToolkitEngine:
    """Executes a notebook in a guarded kernel of this interpreter; ``toolkit run`` and plain papermill both use it."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Execute a notebook that papermill has parameterised; papermill's options apply."""
        from toolkit.notebooks.execution import execute

        return execute(nb, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Give the kernel's name; whichever Python kernel a notebook names, it gets this interpreter."""
        return name or nb.metadata.get("kernelspec", {}).get("name") or "python3"

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Give the language in which papermill writes the injected cell."""
        return language or "python"
