"""Progress by cell: one line that updates on a terminal, a plain line for each finished cell elsewhere."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Sequence
from typing import Any, TextIO


def name_cells(cells: Sequence[Any]) -> list[str]:
    """Name each cell by the heading right before it, or by its first line of code that imports nothing.

    >>> name_cells([{"cell_type": "markdown", "source": "## Fit"}, {"cell_type": "code", "source": "fit()"}])
    ['Fit', 'Fit']
    """
    names, heading = [], ""
    for cell in cells:
        lines = [line.strip() for line in cell["source"].splitlines() if line.strip()]
        if cell["cell_type"] == "markdown":
            headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
            heading = headings[-1] if headings else heading
            names.append(heading)
            continue
        written = [line for line in lines if not line.startswith("#")]
        calls = [line for line in written if not line.startswith(("import ", "from "))]
        code = next(iter(calls or written), "")
        names.append(heading or code)
        heading = ""
    return names


LOG_NOTE_S = 10.0  # a log is told no more often than this what a long cell prints


class Progress:
    """Tells a person how far a run is: ``begin``, ``note`` and ``end`` a cell, then ``close``."""

    def __init__(self, stage: str, total: int, stream: TextIO) -> None:
        self._stage, self._total, self._stream = stage, total, stream
        self._terminal = stream.isatty()
        self._number, self._name, self._started = 0, "", 0.0
        self._note, self._told = "", 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        if self._terminal:
            threading.Thread(target=self._tick, daemon=True).start()

    def begin(self, number: int, name: str) -> None:
        """Note that the code cell ``number`` (from 1) has begun."""
        with self._lock:
            self._number, self._name, self._started = number, name, time.monotonic()
            self._note, self._told = "", self._started
        self._draw()

    def note(self, text: str) -> None:
        """Show what the running cell says of how far it is: the last line that it printed."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        lines = [line.strip() for line in plain.splitlines() if line.strip()]
        if not lines:
            return
        with self._lock:
            self._note = "".join(letter for letter in lines[-1] if letter.isprintable())[:80]
        if self._terminal:
            self._draw()
        elif time.monotonic() - self._told >= LOG_NOTE_S:
            self._told = time.monotonic()
            self._write(f"{self._line()}\n")

    def end(self) -> None:
        """Note that the cell has ended well."""
        with self._lock:
            self._note = ""
        if not self._terminal:
            self._write(f"{self._line()}\n")

    def close(self, summary: str = "") -> None:
        """End the display; on a terminal, the updating line gives way to the summary."""
        self._over.set()
        with self._lock:
            if self._terminal:
                self._write("\r\x1b[K")
            if summary:
                self._write(f"{summary}\n")

    def _tick(self) -> None:
        while not self._over.wait(1.0):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if self._terminal and self._number and not self._over.is_set():
                width = shutil.get_terminal_size().columns - 1
                self._write(f"\r\x1b[K{self._line()[:width]}")

    def _line(self) -> str:
        seconds = time.monotonic() - self._started
        note = f" ({self._note})" if self._note else ""
        return f"{self._stage} {self._number}/{self._total} {self._name[:60]}{note} {seconds:.1f} s"

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more; the run goes on
            pass
