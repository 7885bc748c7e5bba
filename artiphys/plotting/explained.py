"""Figure 4: each unit's invariance as predicted from inputs and weights, against measurement."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.style import COLOURS, MARKERS, few_labels, paper_style, true_minus

__all__ = ["plot_explained", "plot_predictions"]

SHOWN = ("gaussian", "linear", "diagonal")
LABELS = (
    "Gaussian, rectified",
    "not rectified (control)",
    "rectified inputs, as if uncorrelated",
)


def plot_explained(predictions: xr.Dataset, measured: xr.Dataset, agreement: xr.Dataset) -> Figure:
    """Draw a row for each distance and one for the variance, a column for each area.

    Parameters
    ----------
    predictions : xarray.Dataset
        ``variance`` (prediction, unit) and ``invariance`` (prediction, unit, distance), with the
        coordinate ``area`` along unit.
    measured : xarray.Dataset
        The same as measured, ``variance`` (unit) and ``invariance`` (unit, distance).
    agreement : xarray.Dataset, (area, prediction, distance)
        From :func:`artiphys.integration.explained.agreement`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    areas = agreement["area"].values
    distances = agreement["distance"].values
    with paper_style():
        figure, axes = plt.subplots(
            len(distances) + 1,
            len(areas),
            figsize=(0.4 + 1.9 * len(areas), 0.5 + 1.9 * (len(distances) + 1)),
            squeeze=False,
            layout="constrained",
        )
        for column, area in enumerate(areas):
            members = measured["area"].values == area
            for ax, distance in zip(axes[:, column], distances, strict=False):
                at = {"distance": distance}
                plot_predictions(
                    predictions["invariance"].sel(at).isel(unit=members),
                    measured["invariance"].sel(at).values[members],
                    agreement["spearman_invariance"].sel(at | {"area": area}),
                    ax,
                )
            plot_predictions(
                predictions["variance"].isel(unit=members),
                measured["variance"].values[members],
                agreement["spearman_variance"].sel(area=area).isel(distance=0),
                axes[-1, column],
                logarithmic=True,
            )
            axes[0, column].set_title(str(area), pad=15)  # above the figures of r_s
        names = [
            *(f"invariance, {str(distance).capitalize()}" for distance in distances),
            "variance, (a.u.)²",
        ]
        for row, name in zip(axes, names, strict=True):
            row[0].set_ylabel(f"predicted {name}")
            for ax in row:
                ax.set_xlabel(ax.get_xlabel() or "measured")
        handles = [_points([], [], number, axes[0, 0]) for number in range(len(SHOWN))]
        figure.legend(handles, LABELS, loc="outside upper center", ncols=len(SHOWN), markerscale=2)
    plt.close(figure)
    return figure


def plot_predictions(
    predicted: xr.DataArray,
    measured: np.ndarray,
    spearman: xr.DataArray,
    ax: Axes | None = None,
    *,
    logarithmic: bool = False,
) -> Axes:
    """Draw predicted values, (prediction, unit), against measured ones, with each one's r_s."""
    ax = plt.gca() if ax is None else ax
    drawn: list[Any] = []
    # The best last, on top of the others.
    for number in reversed(range(len(SHOWN))):
        values = predicted.sel(prediction=SHOWN[number]).values
        shown = np.isfinite(values) & np.isfinite(measured)
        if logarithmic:
            shown &= (values > 0) & (measured > 0)
        _points(measured[shown], values[shown], number, ax)
        drawn += [measured[shown], values[shown]]
        r = float(spearman.sel(prediction=SHOWN[number]))
        ax.text(
            number / len(SHOWN),
            1.02,
            true_minus(f"$r_s$ = {r:.2f}"),
            color=COLOURS[number],
            transform=ax.transAxes,
            fontsize=6,
            va="bottom",
        )
    pooled = np.concatenate(drawn)
    if pooled.size:
        _frame(ax, float(pooled.min()), float(pooled.max()), logarithmic=logarithmic)
    return ax


def _frame(ax: Axes, low: float, high: float, *, logarithmic: bool) -> None:
    """Give both axes one range and few ticks, and draw the line of perfect predictions."""
    ax.plot([low, high], [low, high], color="0.6", linewidth=0.7, zorder=0)
    if logarithmic:
        limits = (low / 1.2, high * 1.2)
        ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
        power = 3 * int(np.floor(np.log10(high) / 3))
        for axis in (ax.xaxis, ax.yaxis):
            few_labels(axis, factor=10.0**power)
        if power:
            ax.set_xlabel(f"measured; both axes × $10^{{{power}}}$")
        return
    margin = 0.03 * (high - low) or 0.03
    # No correlation goes beyond 1, unless one of them does.
    limits = (low - margin, high + margin if high > 1 else min(high + margin, 1.0))
    ax.set(xlim=limits, ylim=limits)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(ticker.MaxNLocator(4))


def _points(x: Any, y: Any, number: int, ax: Axes) -> Any:
    colour, marker = COLOURS[number], MARKERS[number]
    return ax.scatter(x, y, s=5, marker=marker, color=colour, alpha=0.5, linewidths=0)
