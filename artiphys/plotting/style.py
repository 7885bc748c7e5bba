"""How every figure looks: colours that colour-blind readers tell apart, small type, few ticks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis

__all__ = ["COLOURS", "MARKERS", "few_labels", "letter_panel", "paper_style"]

# Okabe & Ito's palette, its yellow left out because it vanishes on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw within this block as figures for print are drawn."""
    settings: Any = {
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.labelsize": 8,
        "legend.fontsize": 7,
        "figure.labelsize": 8,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 150,
        "savefig.dpi": 200,
        "pdf.fonttype": 42,  # text stays text in the PDF
    }
    with mpl.rc_context(settings):
        yield


def few_labels(axis: Axis) -> None:
    """Label the decades of a log scale, or more of each where there are few."""
    low, high = axis.get_view_interval()
    if high < 5 * low:
        axis.set_major_locator(ticker.MaxNLocator(4))
    elif high < 100 * low:
        subs = (1.0, 2.0, 5.0) if high < 10 * low else (1.0, 3.0)
        axis.set_major_locator(ticker.LogLocator(subs=subs))
    else:
        axis.set_major_locator(ticker.LogLocator(numticks=5))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(ticker.NullLocator())


def letter_panel(ax: Axes, letter: str, *, x: float = -0.16) -> None:
    """Letter a panel in its corner, by default left of where a title may reach."""
    ax.set_title(letter, loc="left", x=x, fontweight="bold", fontsize=11)
