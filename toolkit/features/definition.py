"""What a feature is before it is fitted: its name, what makes it of which raw columns, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit.errors import FeatureError

FUNCTION = "function"  # the maker of features that a person wrote as a Python function
KINDS = ("number", "integer", "boolean", "category", "text", "time")  # of raw columns
RETURNED = ("number", "integer", "boolean", "category")  # of what a function gives


@dataclass(frozen=True)
class Input:
    """A raw column that features are made of.

    Attributes
    ----------
    name, kind : str
        The column, and one of number, integer, boolean, category, text, time.
    zoned : bool
        A time: whether its values have an offset.
    zone : str
        Its clocks' IANA name, if that is known: what hour it is, they say.
    missing : bool
        Whether a training row lacked it. Only then has a model learnt what a missing value means.
    """

    name: str
    kind: str
    zoned: bool = False
    missing: bool = False
    zone: str = ""


@dataclass(frozen=True)
class Definition:
    """A feature to be fitted.

    Attributes
    ----------
    name : str
        What the feature is called; a declared built-in gets it from the name it is assigned to.
    maker : str
        The built-in that makes it (``category``, ``dates``, ...), or ``function``.
    inputs : tuple of str
        The raw columns it is made of, in the order that the maker takes them.
    params : mapping
        The maker's options, values that JSON can hold.
    meaning, unit, owner : str
        For people: what it says, in what unit, and who answers for it.
    claims : tuple of str
        Raw columns that it stands for: they get no feature of their own beside it.
    function : callable, optional
        Takes one typed value a raw column (None where it is missing): float, int, bool, str, or datetime, which has
        an offset if the column has a zone.
    returns : str
        Kind of what the function gives: number, integer, boolean or category. None is missing, whatever the kind.
    code : str
        SHA-256 of the file that the definition was read from; empty for one that no file holds.
    file, line : str and int
        What people call that file, and where it stands there.
    instants : tuple of str
        Times that its function must be able to place in the world, because it reads them by the machine's clock if they
        have no offset.
    source : str
        SHA-256 of a function and of what it refers to in that file; comments and blanks do not count.
    """

    name: str
    maker: str
    inputs: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    meaning: str = ""
    unit: str = ""
    owner: str = ""
    claims: tuple[str, ...] = ()
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    returns: str = "number"
    code: str = ""
    line: int = 0
    source: str = field(default="", compare=False)
    file: str = field(default="", compare=False)
    instants: tuple[str, ...] = field(default=(), compare=False)

    def tell(self, text: str) -> FeatureError:
        """Make the error that says what is wrong with this feature, with the file and line of its definition."""
        return FeatureError(f"{self.file}:{self.line}: {text}" if self.file else text)
