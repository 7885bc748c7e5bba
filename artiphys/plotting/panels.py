"""A panel of units: invariance against dynamic range, on a log scale."""

import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from artiphys.plotting.style import COLOURS, MARKERS

__all__ = [
    "Z_LABEL",
    "few_labels",
    "few_ticks",
    "frame_points",
    "letter_panel",
    "make_room",
    "points_of_units",
    "range_label",
]

Z_LABEL = "invariance: Fisher z of the correlation"


def points_of_units(ax: Axes, x: np.ndarray, y: np.ndarray, number: int, label: str) -> None:
    """Add units to a panel; those that its scales have no place for are left out, and counted."""
    shown = np.isfinite(x) & np.isfinite(y) & (x > 0)  # all that a log scale has a place for
    n_perfect = int(np.sum(np.isinf(y) & np.isfinite(x)))
    label += f"; {n_perfect} at ±∞" if n_perfect else ""
    ax.scatter(
        x[shown],
        y[shown],
        s=9,
        marker=MARKERS[number % len(MARKERS)],
        color=COLOURS[number % len(COLOURS)],
        alpha=0.55,
        linewidths=0,
        label=label,
    )


def frame_points(ax: Axes) -> None:
    """Draw what every panel of units has around its points."""
    if any(np.size(points.get_offsets()) for points in ax.collections):
        ax.set_xscale("log")
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    ax.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.2, markerscale=1.4)


def few_ticks(ax: Axes) -> None:
    """Label a log scale of dynamic range so that labels do not overlap."""
    if ax.get_xscale() != "log":  # no unit to show
        ax.xaxis.set_major_locator(ticker.NullLocator())
        return
    few_labels(ax.xaxis)


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


def letter_panel(ax: Axes, letter: str) -> None:
    """Name a panel in its corner, left of where a title may reach."""
    ax.set_title(letter, loc="left", x=-0.16, fontweight="bold", fontsize=11)


def make_room(ax: Axes) -> None:
    """Leave room above the points for the legend."""
    low, high = ax.get_ylim()
    legend = ax.get_legend()
    n_lines = len(legend.get_texts()) if legend else 0
    ax.set_ylim(low, high + 0.08 * (1 + n_lines) * (high - low))


def range_label(dynamic_range: xr.DataArray) -> str:
    """Return the label of the axis of dynamic ranges."""
    return f"dynamic range: variance, {dynamic_range.attrs.get('units', '(a.u.)²')}"
