"""How every figure looks: colours that colour-blind readers tell apart, small type, few ticks.

Type is of one family at the sizes of a journal's column, 5 to 8 points, and stands out from white
by 4.5 to 1 or more.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "MARKERS",
    "align_letters",
    "correlation_text",
    "few_labels",
    "letter_panel",
    "luminance",
    "make_room_for_legend",
    "note_below",
    "panel",
    "paper_style",
    "position_name",
    "true_minus",
    "typeset_legends",
]

# Okabe & Ito's palette, its yellow left out because it vanishes on white. The first four, which
# text is written in too, are as dark as text has to be: 4.5 to 1 against white.
COLOURS = ("#0072B2", "#C25400", "#007A59", "#A8518A", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw within this block in the style of a printed figure."""
    settings: Any = {
        "font.family": "DejaVu Sans",  # matplotlib brings it along: alike on every machine
        "mathtext.fontset": "dejavusans",
        "axes.unicode_minus": True,
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 7,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 6.5,
        "legend.title_fontsize": 6.5,
        "figure.titlesize": 8,
        "figure.labelsize": 7,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 300,  # which saving takes too, also once this block has ended
        "pdf.fonttype": 42,  # text stays text in the PDF
    }
    with mpl.rc_context(settings):
        yield


@contextmanager
def panel(ax: Axes | None) -> Iterator[Axes]:
    """Draw into axes in this style, whatever style they were made in.

    Without axes the current ones are taken, or those of a new figure as wide as a journal's column.
    """
    with paper_style():
        if ax is None and not plt.get_fignums():
            plt.subplots(figsize=(3.4, 3.0), layout="constrained")
        ax = plt.gca() if ax is None else ax
        family = mpl.rcParams["font.family"]
        ax.tick_params(labelsize=mpl.rcParams["xtick.labelsize"], labelfontfamily=family)
        for text in (ax.xaxis.label, ax.yaxis.label, ax.xaxis.offsetText, ax.yaxis.offsetText):
            text.set_fontsize(mpl.rcParams["axes.labelsize"])
        for texts in (ax.title, ax.xaxis.label, ax.yaxis.label):
            texts.set_fontfamily(family)
        ax.title.set_fontsize(mpl.rcParams["axes.titlesize"])
        ax.spines[["top", "right"]].set_visible(False)
        yield ax


def correlation_text(r: float) -> str:
    """Return ``r_s = 0.61`` as figures spell it; a bound for what noise correction puts beyond."""
    if abs(r) > 1:
        return "$r_s$ > 1" if r > 0 else "$r_s$ < −1"
    return true_minus(f"$r_s$ = {r:.2f}")


def few_labels(axis: Axis, *, factor: float = 1.0) -> None:
    """Label the decades of a log scale, or more of each where there are few, in units of a factor.

    With few digits labels do not run into each other: 0.0003 as 0.3, in units of 0.001.
    """
    low, high = axis.get_view_interval()
    if high < 5 * low:
        axis.set_major_locator(ticker.MaxNLocator(4))
    elif high < 100 * low:
        subs = (1.0, 2.0, 5.0) if high < 10 * low else (1.0, 3.0)
        axis.set_major_locator(ticker.LogLocator(subs=subs))
    else:
        axis.set_major_locator(ticker.LogLocator(numticks=5))
    axis.set_major_formatter(
        ticker.FuncFormatter(lambda value, _: true_minus(f"{value / factor:g}"))
    )
    axis.set_minor_locator(ticker.NullLocator())


def luminance(colour: Any) -> float:
    """Return how light a colour is, from 0 to 1, as contrast counts it (WCAG 2).

    Text of black or of white has a contrast of 4.5 or more on any colour: black above 0.18.
    """
    parts = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def letter_panel(ax: Axes, letter: str, *, x: float = -0.16) -> None:
    """Letter a panel in its corner, by default left of where a title may reach."""
    ax.set_title(letter, loc="left", x=x, fontweight="bold", fontsize=8)


def align_letters(figure: Figure, rows: Sequence[Sequence[Axes]]) -> None:
    """Lay a figure out for good, and move the letters of a column of panels to its left edge.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    rows : sequence of sequences of Axes
        The lettered panels, row by row.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for column in range(max(len(row) for row in rows)):
        axes = [row[column] for row in rows if column < len(row)]
        boxes: list[Any] = [ax.get_tightbbox() for ax in axes]
        edge = min(box.x0 for box in boxes)
        for ax in axes:
            box = ax.get_window_extent()
            letter_panel(ax, ax.get_title(loc="left"), x=(edge - box.x0) / box.width)


def make_room_for_legend(ax: Axes) -> None:
    """Leave room above the points for the legend, the longest of the axes that share their y."""
    legends = [one.get_legend() for one in ax.get_shared_y_axes().get_siblings(ax)]
    n_lines = max(
        (len(one.get_texts()) + bool(one.get_title().get_text()) for one in legends if one),
        default=0,
    )
    ax.autoscale(axis="y")  # forgets the room made by another of them
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.08 * (1 + n_lines) * (high - low))


def note_below(figure: Figure, note: str) -> None:
    """Write a note below a figure; nothing where there is none."""
    if note:
        lines = textwrap.fill(note, round(20.5 * figure.get_figwidth())).replace("r_s", "$r_s$")
        figure.supxlabel(lines, x=0.01, ha="left", fontsize=6, multialignment="left")


def position_name(position: float | str) -> str:
    """Return a position's label as text."""
    return f"{position:g}" if isinstance(position, float) else str(position)


def typeset_legends(figure: Figure) -> None:
    """Give the numbers in a figure's legends a true minus sign, which axes have by themselves."""
    for ax in figure.get_axes():
        legend = ax.get_legend()
        for text in legend.get_texts() if legend else ():
            text.set_text(true_minus(text.get_text()))


def true_minus(text: str) -> str:
    """Return text with the minus sign in place of hyphens before numbers; 1e-05 is a number too.

    A number that is rounded to 0 has no sign.

    Examples
    --------
    >>> true_minus("conv-2: -0.10 [-.3, 0.1], 1e-05, -0.00")
    'conv-2: −0.10 [−.3, 0.1], 1e−05, 0.00'
    """
    text = re.sub(r"(?<![\w-])-(?=0\.0+(?!\d))", "", text)
    return re.sub(r"(?:(?<![\w-])|(?<=\de))-(?=\.?\d)", "−", text)
