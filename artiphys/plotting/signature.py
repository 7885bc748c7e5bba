"""The scatter of units' invariance against their dynamic range, with r_s in the legend."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.style import COLOURS, MARKERS, few_labels, paper_style, true_minus

__all__ = [
    "Z_LABEL",
    "draw_frame",
    "draw_units",
    "dynamic_range_label",
    "label_decades",
    "label_once",
    "make_room_for_legend",
    "plot_signature",
    "position_name",
    "scatter_units",
]

MAX_COLUMNS = 5
Z_LABEL = "invariance: Fisher z of the correlation"


def plot_signature(dynamic_range: xr.DataArray, z: xr.DataArray, result: xr.Dataset) -> Figure:
    """Draw a panel for each group: each unit's Fisher z against its dynamic range, by position.

    Parameters
    ----------
    dynamic_range : xarray.DataArray, (unit)
        With the coordinate that `result` is grouped by.
    z : xarray.DataArray, (unit, position)
        Fisher z of the invariance.
    result : xarray.Dataset
        From :func:`artiphys.signature`, of these units.

    Returns
    -------
    matplotlib.figure.Figure
    """
    (by,) = (dim for dim in result["spearman"].dims if dim != "position")
    groups = result[by].values
    n_columns = min(MAX_COLUMNS, len(groups))
    n_rows = -(-len(groups) // n_columns)
    with paper_style():
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(0.6 + 2.3 * n_columns, 0.5 + 2.2 * n_rows),
            squeeze=False,
            sharey=True,
            layout="constrained",
        )
        for ax, group in zip(axes.flat, groups, strict=False):
            members = dynamic_range[by].values == group
            at = {by: group}
            for number, position in enumerate(result["position"].values):
                cell = result.sel(at | {"position": position})
                values = z.sel(position=position).values[members]
                legend = _legend(position_name(position), cell)
                draw_units(ax, dynamic_range.values[members], values, number, legend)
            ax.set_title(str(group))
            draw_frame(ax)
        for ax in axes.flat[len(groups) :]:
            ax.remove()
        for ax in axes.flat[: len(groups)]:
            label_decades(ax)
        figure.supxlabel(dynamic_range_label(dynamic_range))
        figure.supylabel(Z_LABEL)
        make_room_for_legend(axes[0, 0])
    plt.close(figure)  # the caller has it; pyplot need not keep it
    return figure


def scatter_units(
    dynamic_range: xr.DataArray, z: xr.DataArray, result: xr.Dataset, ax: Axes | None = None
) -> Axes:
    """Draw units at one position; `result` is the signature there. Returns the axes."""
    ax = plt.gca() if ax is None else ax
    (by,) = result["spearman"].dims
    for number, group in enumerate(result[by].values):
        members = dynamic_range[by].values == group
        label = _legend(str(group), result.sel({by: group}))
        draw_units(ax, dynamic_range.values[members], z.values[members], number, label)
    draw_frame(ax)
    ax.set_xlabel(dynamic_range_label(dynamic_range))
    ax.set_ylabel(Z_LABEL)
    return ax


def label_once(axes: Sequence[Axes]) -> None:
    """Label only the first of axes that share their y, with room for legends above the points."""
    make_room_for_legend(axes[0])
    for ax in axes[1:]:
        ax.set_ylabel("")


def draw_units(ax: Axes, x: np.ndarray, y: np.ndarray, number: int, label: str) -> None:
    """Add units to a panel; those at an infinite z are left out, and counted in the legend."""
    shown = np.isfinite(x) & np.isfinite(y) & (x > 0)  # a log scale has no 0
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


def draw_frame(ax: Axes) -> None:
    """Draw the log scale, the line at 0 and the legend of a panel of units."""
    if any(np.size(points.get_offsets()) for points in ax.collections):
        ax.set_xscale("log")
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    ax.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.2, markerscale=1.4)


def label_decades(ax: Axes) -> None:
    """Label the axis of dynamic ranges so that labels do not overlap."""
    if ax.get_xscale() != "log":  # no unit to show
        ax.xaxis.set_major_locator(ticker.NullLocator())
        return
    few_labels(ax.xaxis)


def make_room_for_legend(ax: Axes) -> None:
    """Leave room above the points for the legend."""
    low, high = ax.get_ylim()
    legend = ax.get_legend()
    n_lines = len(legend.get_texts()) if legend else 0
    ax.set_ylim(low, high + 0.08 * (1 + n_lines) * (high - low))


def dynamic_range_label(dynamic_range: xr.DataArray) -> str:
    """Return the label of the axis of dynamic ranges."""
    return f"dynamic range: variance, {dynamic_range.attrs.get('units', '(a.u.)²')}"


def position_name(position: float | str) -> str:
    """Return a position's label as text."""
    return f"{position:g}" if isinstance(position, float) else str(position)


def _legend(name: str, cell: xr.Dataset) -> str:
    r, (lower, upper) = float(cell["spearman"]), cell["interval"].values
    if np.isnan(r):
        return f"{name}: $r_s$ undefined"
    return true_minus(f"{name}: $r_s$ = {r:.2f} [{lower:.2f}, {upper:.2f}]")
