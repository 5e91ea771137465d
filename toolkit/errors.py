"""Every error that a user can cause, as one small tree.

ToolkitError            what must hold, what came instead, what to do
├── ParamsError         params.yaml, or a value given for one of its keys
├── StageError          a stage's inputs, outputs or ownership
├── NotebookFailed      a notebook did not run to its end
├── DataError           a table or its schema
├── AnnotationError     labels and where they come from
├── FeatureError        feature definitions, or a row they cannot be computed for
├── ModelError          a model file, its signature, training
├── GateFailed          a model that must not be released
├── DriftError          drift that cannot be measured
├── PackageError        building or finding a Bento
├── NotifyError         where notifications go, or sending one
└── RequestError        a request that the service refuses (has an HTTP status)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence, Set
from typing import Any


class ToolkitError(Exception):
    """An error with a message for a person: shown alone, without a stack trace."""

    def _render_traceback_(self) -> list[str]:
        """Show only the message in a notebook (IPython calls this in place of its traceback)."""
        return [f"{type(self).__name__}: {self}"]


class ParamsError(ToolkitError):
    """A key or value in params.yaml is wrong; ``findings`` has each mistake apart (``params_file.Finding``)."""

    def __init__(self, message: str, findings: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class StageError(ToolkitError):
    """A stage lacks an input, did not write an output, or is owned by another run."""


class NotebookFailed(ToolkitError):
    """A notebook did not run to its end."""


class DataError(ToolkitError):
    """A table cannot be read, or breaks its schema."""


class AnnotationError(ToolkitError):
    """Labels cannot be read, joined or resolved."""


class FeatureError(ToolkitError):
    """A feature cannot be computed."""


class ModelError(ToolkitError):
    """A model cannot be trained, loaded or trusted."""


class GateFailed(ToolkitError):
    """The model does not reach what params.yaml asks of it."""


class DriftError(ToolkitError):
    """Drift cannot be measured on these rows."""


class PackageError(ToolkitError):
    """A Bento cannot be built, found or read."""


class NotifyError(ToolkitError):
    """An address that notifications cannot be sent to, or a notification that was not taken.

    Parameters
    ----------
    again : bool
        Whether trying again may help.
    wait_s : float
        How long the receiver asked to wait before that, in seconds.
    """

    def __init__(self, message: str, *, again: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.again, self.wait_s = again, wait_s


class RequestError(ToolkitError):
    """A request that the service refuses.

    Parameters
    ----------
    status : int
        The HTTP status it answers with.
    kind : str
        A short word for the metrics: what was wrong.
    findings : sequence of dict
        Each single fault as ``{"message", "row", "feature"}``; row and feature may be None. Of many, some.
    features : set of str
        Those that have a fault, told or not.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        kind: str = "invalid",
        findings: Sequence[dict[str, Any]] = (),
        features: Set[str] = frozenset(),
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.findings, self.features = status, kind, tuple(findings), features


def quote(names: Iterable[Any], most: int = 20) -> str:
    """List names in quotes, so that one sees where each ends; of more than ``most`` the first.

    >>> quote(["green, light", " red "])
    "'green, light', ' red '"
    >>> quote("abc", most=2)
    "'a', 'b' and 1 more"
    """
    listed = [f"'{name}'" for name in names]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def count_of(count: int, noun: str) -> str:
    """Say how many of something there are.

    >>> count_of(1, "row"), count_of(1200, "row"), count_of(2, "class"), count_of(0, "category"), count_of(2, "day")
    ('1 row', '1,200 rows', '2 classes', '0 categories', '2 days')
    """
    if count != 1:
        noun = (
            f"{noun[:-1]}ies"
            if noun.endswith("y") and noun[-2] not in "aeou"
            else f"{noun}{'es' if noun.endswith('s') else 's'}"
        )
    return f"{count:,} {noun}"


def suggest(name: str, valid: Iterable[str]) -> str:
    """Name the nearest valid name as a sentence with a leading blank, or nothing if none is near.

    >>> suggest("learning_rat", ["learning_rate", "seed"])
    " Did you mean 'learning_rate'?"
    >>> suggest("ID", ["id", "age"])
    " Did you mean 'id'?"
    >>> suggest("xyz", ["learning_rate"])
    ''
    """
    names = {known.lower(): known for known in map(str, valid)}
    near = difflib.get_close_matches(str(name).lower(), list(names), n=1, cutoff=0.7)
    return f" Did you mean '{names[near[0]]}'?" if near else ""
