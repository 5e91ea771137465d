"""A report as one HTML file: no script, nothing loaded from elsewhere, readable in light and dark."""

from __future__ import annotations

import hashlib
import re
from html import escape

from toolkit.views.style import Plot

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --page: #fff; --alarm: #b3400a;
  --calm: #1a6e3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #9da7b3; --line: #3a424b; --page: #111;
  --alarm: #ff9a62; --calm: #6fcf97; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
.quiet, .tk-quiet { color: var(--quiet); font-size: .9rem; }
.alarm { color: var(--alarm); } .calm { color: var(--calm); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th { text-align: left; font-weight: 600; } thead th { color: var(--quiet); vertical-align: bottom; }
th, td { padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line);
  max-width: 28rem; overflow-wrap: break-word; }
.tk-number { white-space: nowrap; } .tk-table th, .tk-table td { padding-right: .75rem; }
figure { margin: .5rem 0; } svg { max-width: 100%; height: auto; } td svg { display: block; min-width: 6rem; }
"""


def render_page(title: str, body: str) -> str:
    """Put a body of HTML into a page."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head><body><main>\n<h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def inline_svg(plot: Plot, place: str) -> str:
    """Give a plot as inline SVG whose ids are its own: two plots in one page must not share them."""
    prefix = "p" + hashlib.sha256(place.encode()).hexdigest()[:6]
    svg = plot.svg[plot.svg.index("<svg ") :]
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{prefix}", svg)
    return f"<figure>{svg}</figure>"
