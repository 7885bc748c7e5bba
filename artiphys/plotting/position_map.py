"""Invariance over the visual field: a tile at each position, the reference marked."""

from collections.abc import Hashable
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from artiphys.plotting.measured import invariance_shown
from artiphys.plotting.style import luminance, panel, true_minus

__all__ = ["plot_position_map"]

MAX_WRITTEN = 49  # tiles with a number in them
# Blue to red, with the same lightness either way; white is 0.
COLOURS = "RdBu_r"
CORRELATIONS = {"invariance": "invariance: correlation with the reference", "spearman": "$r_s$"}


def plot_position_map(
    values: xr.DataArray,
    ax: Axes | None = None,
    *,
    unit: Hashable | None = None,
    limit: float = 1.0,
) -> Axes:
    """Draw the invariance at each position as the colour of a tile at its x and y.

    Parameters
    ----------
    values : xarray.DataArray, (unit, position) or (position)
        From :func:`artiphys.invariance`, say, or a mean of it over units; the ``spearman`` of one
        area from :func:`artiphys.signature`; or responses, whose invariance is then measured. With
        the coordinates ``x`` and ``y`` along position, displacements from the reference.
    ax : matplotlib.axes.Axes, optional
        The current ones by default.
    unit : str or number, optional
        Label of the unit that is drawn, of several.
    limit : float
        Colours go from minus to plus this. What is beyond has the last colour, and its number; a
        correlation that the correction for noise carried beyond 1 is written ``> 1``.

    Returns
    -------
    matplotlib.axes.Axes
        x and y in the units of these coordinates, both on one scale; the colours have a bar.

    Raises
    ------
    InputError
        If positions have no x and y, or there is no such unit.
    """
    shown = invariance_shown(values, unit)
    x, y, value = (each.values.astype(float) for each in (shown["x"], shown["y"], shown))
    placed = np.isfinite(x) & np.isfinite(y)
    side = _side(np.append(x[placed], 0.0), np.append(y[placed], 0.0))
    with panel(ax) as ax:
        tiles = [
            Rectangle((a - side / 2, b - side / 2), side, side)
            for a, b in zip(x[placed], y[placed], strict=True)
        ]
        colours = PatchCollection(tiles, cmap=COLOURS, norm=Normalize(-limit, limit))
        colours.set_array(np.ma.masked_invalid(value[placed]))
        colours.set_edgecolor("white")
        ax.add_collection(colours)
        if placed.sum() <= MAX_WRITTEN:
            for a, b, number in zip(x[placed], y[placed], value[placed], strict=True):
                _write(ax, a, b, number, _text(number, shown), limit)
        ax.plot([0], [0], marker="+", color="black", markersize=7, markeredgewidth=1.2)
        for set_limits, at in ((ax.set_xlim, x[placed]), (ax.set_ylim, y[placed])):
            set_limits(min(0.0, at.min()) - 0.7 * side, max(0.0, at.max()) + 0.7 * side)
        ax.set_aspect("equal")
        units = shown["x"].attrs.get("units", "")
        ax.set_xlabel(f"x{', ' if units else ''}{units} from the reference (+)")
        ax.set_ylabel(f"y{', ' if units else ''}{units}")
        if unit is not None:
            ax.set_title(f"unit {unit}")
        bar = ax.figure.colorbar(colours, ax=ax, shrink=0.8, extend=_beyond(value, limit))
        bar.set_label(_named(shown))
    return ax


def _side(x: np.ndarray, y: np.ndarray) -> float:
    """Return the side of tiles that just do not overlap on a grid: the least distance along it."""
    steps = [np.diff(np.unique(along.round(9))) for along in (x, y)]
    positive = np.concatenate(steps)
    return float(positive.min()) if positive.size else 1.0


def _text(value: float, values: xr.DataArray) -> str:
    if np.isnan(value):
        return "–"
    if abs(value) > 1 and values.name in CORRELATIONS:
        return "> 1" if value > 0 else "< −1"
    return true_minus(f"{value:.2f}")


def _write(ax: Axes, x: float, y: float, value: float, text: str, limit: float) -> None:
    colour = mpl.colormaps[COLOURS](0.5 + np.clip(value, -limit, limit) / (2 * limit))
    dark = not np.isnan(value) and luminance(colour) < 0.18
    ax.text(x, y, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")


def _beyond(values: np.ndarray, limit: float) -> Any:
    known = values[np.isfinite(values)]
    above, below = bool((known > limit).any()), bool((known < -limit).any())
    return {(False, False): "neither", (True, False): "max", (False, True): "min"}.get(
        (above, below), "both"
    )


def _named(values: xr.DataArray) -> str:
    return CORRELATIONS.get(str(values.name), str(values.name or "value"))
