"""What an alarm of the drift detector says: which column, where, how much, since when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """Drift that was found in one column.

    Attributes
    ----------
    column, group : str
        The column, and ``feature`` or ``prediction``.
    where, side : str
        The share that changed, as in "≤ 13.4", and whether ``more`` or ``fewer`` rows are there.
    reference_share, share : float
        In the reference, and in the rows since it began.
    since_row, raised_row, cleared_row : int
        Rows counted by the detector when it began (the best estimate), was found, and was over (None: it is not).
    """

    column: str
    group: str
    where: str
    side: str
    reference_share: float
    share: float
    since_row: int
    raised_row: int
    cleared_row: int | None = None

    @property
    def active(self) -> bool:
        """Whether it is not over."""
        return self.cleared_row is None

    @property
    def message(self) -> str:
        """One sentence for a person."""
        return (
            f"{self.column} drifted: {self.share:.1%} of rows are {self.where} since row {self.since_row:,}, "
            f"{self.reference_share:.1%} in the reference."
        )
