"""One look for every plot: transparent, readable on a light and on a dark page, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap

from toolkit.artifacts import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Text and axes: the grey with the best worst-case contrast on white (4.6:1) and on JupyterLab's dark page (4.1:1).
INK = "#757575"
GRID = "#75757540"
# Okabe and Ito's palette (2008), told apart by colour-blind readers; black and yellow are left out, since one of
# them vanishes on each background.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SEQUENTIAL = "viridis"  # of cells that bear a number, black or white by their shade
# Of cells without one: nothing is the page itself, light or dark, and the more the stronger the colour.
FADING = LinearSegmentedColormap.from_list("fading", [COLORS[0] + "00", COLORS[0]])
DIVERGING = LinearSegmentedColormap.from_list(
    "fading_both", [(0.0, COLORS[0]), (0.5, COLORS[0] + "00"), (0.5, COLORS[1] + "00"), (1.0, COLORS[1])]
)

_STYLE: Any = {
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLORS),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "svg.fonttype": "path",
    "svg.hashsalt": "toolkit",  # ids in the SVG are derived from this, not from the clock
}


def new_figure(
    width: float = 7.0, height: float = 3.2, rows: int = 1, columns: int = 1, **subplots: Any
) -> tuple:
    """Make a figure (inches) and its axes in the house style, outside pyplot: nothing is shown twice.

    The style is set for the whole kernel, since titles and legends take theirs when they are added, not here; a
    reader's own plots beside ours then have the same look.

    Returns
    -------
    tuple
        The figure, and one Axes or an array of ``rows`` x ``columns`` of them.
    """
    from matplotlib.figure import Figure

    mpl.rcParams.update(_STYLE)
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **subplots)


def draw_heat(axes: Any, values: Any, names: tuple[Sequence[str], Sequence[str]], **shown: Any) -> Any:
    """Draw cells without numbers in a frame, rows and columns named; gives the image, for its colour bar."""
    image = axes.imshow(values, **shown)
    axes.set_yticks(range(len(names[0])), names[0])
    axes.set_xticks(range(len(names[1])), names[1], rotation=90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.grid(visible=False)
    return image


def new_note(text: str) -> Figure:
    """Make a figure that says why there is nothing to plot."""
    figure, axes = new_figure(7.0, 0.6)
    axes.set_axis_off()
    axes.text(0, 0.5, text, va="center", transform=axes.transAxes)
    return figure


@dataclass(frozen=True)
class Plot:
    """A finished plot, as SVG for a browser and PNG for everything else; a notebook shows it as the last line."""

    svg: str
    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"image/svg+xml": self.svg, "image/png": self.png, "text/plain": self.alt}, {}


def show(figure: Figure, alt: str = "plot") -> Plot:
    """Render a figure for a notebook; ``alt`` says in words what it shows, for those who cannot see it."""
    return Plot(svg=_render_svg(figure, alt), png=_render(figure, "png"), alt=alt)


def write_figure(figure: Figure, path: Path, alt: str = "plot") -> None:
    """Write a figure as SVG (the same bytes for the same figure)."""
    write_text(path, _render_svg(figure, alt))


def _render(figure: Figure, kind: str) -> bytes:
    from matplotlib.text import Text

    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    # Names of columns and classes: a $ in one is a $; what the font lacks (Chinese, emoji) the browser draws in its.
    style: Any = {"text.parse_math": False, "svg.fonttype": "path" if _is_complete(figure) else "none"}
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        for text in figure.findobj(Text):
            text.set_parse_math(False)
        figure.savefig(buffer, format=kind, dpi=110, metadata=metadata)
    return buffer.getvalue()


def _is_complete(figure: Figure) -> bool:
    """Whether the font has a glyph for every character of the figure."""
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.text import Text

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    return all(
        ord(char) in known or char.isspace() for text in figure.findobj(Text) for char in text.get_text()
    )


def _render_svg(figure: Figure, alt: str) -> str:
    svg = _render(figure, "svg").decode().replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
    label = alt.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    # An accessible name, and a width that never overflows a narrow page.
    return re.sub(
        r"<svg ", f'<svg role="img" aria-label="{label}" style="max-width: 100%; height: auto" ', svg, count=1
    )
