"""The scatter of units' invariance against their dynamic range, with r_s in the legend."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.style import COLOURS, MARKERS, paper_style

__all__ = ["label_once", "plot_signature", "scatter_units"]

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
        What :func:`artiphys.signature` found in them.

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
                name = f"{position:g}" if isinstance(position, float) else str(position)
                _points(ax, dynamic_range.values[members], values, number, _legend(name, cell))
            ax.set_title(str(group))
            _frame(ax)
        for ax in axes.flat[len(groups) :]:
            ax.remove()
        for ax in axes.flat[: len(groups)]:
            _few_ticks(ax)
        figure.supxlabel(_range_label(dynamic_range))
        figure.supylabel(Z_LABEL)
        _make_room(axes[0, 0])
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
        _points(ax, dynamic_range.values[members], z.values[members], number, label)
    _frame(ax)
    ax.set_xlabel(_range_label(dynamic_range))
    ax.set_ylabel(Z_LABEL)
    return ax


def label_once(axes: Sequence[Axes]) -> None:
    """Leave one label to axes that share their y, and room for the legends above the points."""
    _make_room(axes[0])
    for ax in axes[1:]:
        ax.set_ylabel("")


def _points(ax: Axes, x: np.ndarray, y: np.ndarray, number: int, label: str) -> None:
    shown = np.isfinite(x) & np.isfinite(y) & (x > 0)  # all that a log scale has a place for
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


def _frame(ax: Axes) -> None:
    if any(np.size(points.get_offsets()) for points in ax.collections):
        ax.set_xscale("log")
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    ax.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.2, markerscale=1.4)


def _few_ticks(ax: Axes) -> None:
    """Label decades, or 1 and 3 of each where there are few, so that labels do not overlap."""
    if ax.get_xscale() != "log":  # no unit to show
        return
    low, high = ax.get_xlim()
    subs = (1.0, 3.0) if high < 100 * low else (1.0,)
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(ticker.NullLocator())


def _make_room(ax: Axes) -> None:
    low, high = ax.get_ylim()
    legend = ax.get_legend()
    n_lines = len(legend.get_texts()) if legend else 0
    ax.set_ylim(low, high + 0.08 * (1 + n_lines) * (high - low))


def _range_label(dynamic_range: xr.DataArray) -> str:
    return f"dynamic range: variance, {dynamic_range.attrs.get('units', '(a.u.)²')}"


def _legend(name: str, cell: xr.Dataset) -> str:
    lower, upper = cell["interval"].values
    return f"{name}: $r_s$ = {float(cell['spearman']):.2f} [{lower:.2f}, {upper:.2f}]"
