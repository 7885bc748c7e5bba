"""The scatter of units' invariance against their dynamic range, with r_s in the legend."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.style import COLOURS, MARKERS, paper_style

__all__ = ["label_once", "plot_signature", "scatter_units"]


def plot_signature(dynamic_range: xr.DataArray, z: xr.DataArray, result: xr.Dataset) -> Figure:
    """Draw a panel for each position: each unit's Fisher z against its dynamic range, by group.

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
    positions = result["position"].values
    with paper_style():
        figure, axes = plt.subplots(
            1,
            len(positions),
            figsize=(0.8 + 2.9 * len(positions), 3.0),
            squeeze=False,
            sharey=True,
            layout="constrained",
        )
        for ax, position in zip(axes[0], positions, strict=True):
            scatter_units(
                dynamic_range, z.sel(position=position), result.sel(position=position), ax
            )
            ax.set_title(
                f"position {position:g}" if np.isreal(position) else f"position {position}"
            )
        label_once(axes[0])
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
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        ax.scatter(
            dynamic_range.values[members],
            z.values[members],
            s=9,
            marker=marker,
            color=colour,
            alpha=0.55,
            linewidths=0,
            label=_legend(group, result.sel({by: group})),
        )
    ax.set_xscale("log")
    ax.set_xlabel(f"dynamic range: variance, {dynamic_range.attrs.get('units', '(a.u.)²')}")
    ax.set_ylabel("invariance: Fisher z of the correlation")
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    ax.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.2, markerscale=1.4)
    return ax


def label_once(axes: Sequence[Axes]) -> None:
    """Leave one label to axes that share their y, and room for the legends above the points."""
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.08 * (1 + len(axes[0].get_legend().get_texts())) * (high - low))
    for ax in axes[1:]:
        ax.set_ylabel("")


def _legend(group: Any, cell: xr.Dataset) -> str:
    lower, upper = cell["interval"].values
    return f"{group}: $r_s$ = {float(cell['spearman']):.2f} [{lower:.2f}, {upper:.2f}]"
