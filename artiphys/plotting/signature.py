"""The scatter of units' invariance against their dynamic range, with r_s in the legend."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.panels import (
    Z_LABEL,
    few_ticks,
    frame_points,
    make_room,
    points_of_units,
    range_label,
)
from artiphys.plotting.style import paper_style

__all__ = ["label_once", "plot_signature", "scatter_units"]

MAX_COLUMNS = 5


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
                points_of_units(
                    ax, dynamic_range.values[members], values, number, _legend(name, cell)
                )
            ax.set_title(str(group))
            frame_points(ax)
        for ax in axes.flat[len(groups) :]:
            ax.remove()
        for ax in axes.flat[: len(groups)]:
            few_ticks(ax)
        figure.supxlabel(range_label(dynamic_range))
        figure.supylabel(Z_LABEL)
        make_room(axes[0, 0])
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
        points_of_units(ax, dynamic_range.values[members], z.values[members], number, label)
    frame_points(ax)
    ax.set_xlabel(range_label(dynamic_range))
    ax.set_ylabel(Z_LABEL)
    return ax


def label_once(axes: Sequence[Axes]) -> None:
    """Leave one label to axes that share their y, and room for the legends above the points."""
    make_room(axes[0])
    for ax in axes[1:]:
        ax.set_ylabel("")


def _legend(name: str, cell: xr.Dataset) -> str:
    r, (lower, upper) = float(cell["spearman"]), cell["interval"].values
    if np.isnan(r):
        return f"{name}: $r_s$ undefined"
    return f"{name}: $r_s$ = {r:.2f} [{lower:.2f}, {upper:.2f}]"
