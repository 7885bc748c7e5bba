"""Figures inside a page: SVG whose colours follow the page and whose words are shapes.

Words as shapes look alike on every machine, and no label of a file can be markup there.
"""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes

from artiphys.plotting.style import paper_style, typeset_legends
from artiphys_report.colours import variable

__all__ = ["Picture", "as_label", "picture"]

MAX_POINTS = 2000  # of a panel: beyond it they are an image in the SVG, not a shape each
SALT = "artiphys"  # the ids within a figure are the same each time it is drawn
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
OUTSIDE = re.compile(  # the page has its own, and a rule for the lines of all figures
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL
)
OPENING = re.compile(r"<svg\b[^>]*?viewBox=\"([^\"]+)\"[^>]*>")


class Picture(NamedTuple):
    """A figure, and what a reader who does not see it is told."""

    svg: Markup
    words: str
    colours: tuple[str, ...]


def picture(
    draw: Callable[[Axes], None],
    words: str,
    *,
    name: str,
    size: tuple[float, float] = (3.6, 3.1),
) -> Picture:
    """Return a figure for a page.

    Parameters
    ----------
    draw : callable
        Draws into axes.
    words : str
        What it shows.
    name : str
        Unique in the page, a word; what ids in the figure begin with.
    size : (float, float)
        Width and height, in inches.
    """
    settings: Any = {"svg.fonttype": "path", "svg.hashsalt": SALT, "figure.dpi": 150}
    with paper_style(), mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        try:
            draw(ax)
            typeset_legends(figure)
            _lighten(ax)
            file = io.StringIO()
            about: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(file, format="svg", metadata=about)
        finally:
            plt.close(figure)
    whole = OUTSIDE.sub("", file.getvalue())
    return Picture(_inline(whole, words, name), words, tuple(sorted(set(COLOUR.findall(whole)))))


def as_label(text: Any) -> str:
    """Return a label of a file so that a figure shows it as it is: $ opens no formula in it."""
    return str(text).replace("$", r"\$")


def _lighten(ax: Axes) -> None:
    n_points = sum(np.shape(points.get_offsets())[0] for points in ax.collections)
    for points in ax.collections if n_points > MAX_POINTS else ():
        points.set_rasterized(True)


def _inline(svg: str, words: str, name: str) -> Markup:
    """Return the SVG as a part of a page: named, sized by it, its ids its own."""
    opening = OPENING.search(svg)
    assert opening is not None  # every figure of matplotlib has one
    body = svg[opening.end() :]
    body = re.sub(r'\b(id=")', rf"\1{name}-", body)
    body = re.sub(r'(href="#|url\(#)', rf"\1{name}-", body)
    body = COLOUR.sub(lambda colour: f"var({variable(colour[0])})", body)
    label = escape(words)
    return Markup(
        f'<svg class="figure" role="img" aria-label="{label}" viewBox="{opening[1]}" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{" ".join(body.split())}'
    )
