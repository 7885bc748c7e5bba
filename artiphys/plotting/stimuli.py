"""Figure 1: the stimulus conditions, and invariance against dynamic range in each network.

In two arrangements: a panel a distance with a colour a layer, for all layers; and the paper's own,
a panel a network with a colour a distance, for one layer.
"""

import string
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.signature import (
    Z_LABEL,
    draw_frame,
    draw_units,
    dynamic_range_label,
    label_decades,
    label_once,
    scatter_units,
)
from artiphys.plotting.style import (
    align_letters,
    letter_panel,
    note_below,
    paper_style,
    typeset_legends,
)

__all__ = ["Panels", "plot_stimuli", "plot_stimuli_and_layer"]

# The paper's colours of Close and Far, as numbers of ours: orange and blue.
ORANGE, BLUE = 1, 0
MAX_COLUMNS = 2
TITLE = 46  # characters of a title on one line above a panel


class Panels(NamedTuple):
    """What a network's panels show."""

    dynamic_range: xr.DataArray
    """(unit)"""
    z: xr.DataArray
    """Fisher z of the invariance, (unit, distance)"""
    table: xr.Dataset
    """The signature, over (area, distance)"""
    n_images: int | None = None
    """Images that it is measured on, for the title."""


def plot_stimuli(
    stimuli: np.ndarray,
    conditions: Sequence[str],
    networks: Mapping[str, Panels],
    *,
    note: str = "",
) -> Figure:
    """Draw the stimuli (A), and a row of scatter plots a network (B, C ...), a panel a distance.

    Parameters
    ----------
    stimuli : numpy.ndarray, (condition, row, column, channel)
        One photograph on its canvas under each condition, pixels from 0 to 1.
    conditions : sequence of str
        Their names.
    networks : mapping of str to Panels
        By the name that is to stand over the row.
    note : str
        What is to be said below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    distances = next(iter(networks.values())).table["distance"].values
    letters = iter(string.ascii_uppercase)
    with paper_style():
        figure = plt.figure(figsize=(6.8, 2.0 + 2.9 * len(networks)), layout="constrained")
        rows: Any = figure.subfigures(
            1 + len(networks), 1, height_ratios=[1.9] + [2.9] * len(networks)
        )
        lettered = [_draw_stimuli(rows[0], stimuli, conditions, next(letters))]
        for row, (name, panels) in zip(rows[1:], networks.items(), strict=True):
            row.suptitle(_titled(name, panels, ""), fontweight="bold")
            axes = row.subplots(1, len(distances), sharey=True)
            for ax, distance in zip(axes, distances, strict=True):
                at = {"distance": distance}
                scatter_units(panels.dynamic_range, panels.z.sel(at), panels.table.sel(at), ax)
                _give_contrast(ax)
                ax.set_title(str(distance).capitalize())
                letter_panel(ax, next(letters), x=0)
            label_once(axes)
            lettered.append(list(axes))
        _finish(figure, lettered, note)
    plt.close(figure)
    return figure


def plot_stimuli_and_layer(
    stimuli: np.ndarray,
    conditions: Sequence[str],
    networks: Mapping[str, Panels],
    area: str,
    *,
    distances: Mapping[str, str],
    note: str = "",
) -> Figure:
    """Draw figure 1 as the paper has it: one layer, a panel a network, a colour a distance.

    Parameters
    ----------
    stimuli, conditions, networks, note
        As for :func:`plot_stimuli`; the networks in the order of their panels, B, C ...
    area : str
        The layer that is shown.
    distances : mapping of str to str
        What each distance of the tables is called in the legend; the first is drawn in orange, the
        second in blue.

    Returns
    -------
    matplotlib.figure.Figure
    """
    letters = iter(string.ascii_uppercase)
    n_columns = min(MAX_COLUMNS, len(networks))
    n_rows = -(-len(networks) // n_columns)
    with paper_style():
        figure = plt.figure(figsize=(6.8, 2.0 + 2.9 * n_rows), layout="constrained")
        rows: Any = figure.subfigures(2, 1, height_ratios=[1.9, 2.9 * n_rows])
        lettered = [_draw_stimuli(rows[0], stimuli, conditions, next(letters))]
        grid = rows[1].subplots(n_rows, n_columns, sharey=True, squeeze=False)
        for ax, (name, panels) in zip(grid.flat, networks.items(), strict=False):
            _draw_layer(ax, panels, area, distances)
            ax.set_title(_titled(name, panels, area))
            letter_panel(ax, next(letters), x=0)
        for ax in grid.flat[len(networks) :]:
            ax.remove()
        label_once(grid.flat[: len(networks)])
        for row in grid[1:]:
            row[0].set_ylabel(Z_LABEL)
        lettered += [[ax for ax in row if ax.figure is not None] for row in grid]
        _finish(figure, lettered, note)
    plt.close(figure)
    return figure


def _draw_stimuli(
    figure: Any, stimuli: np.ndarray, conditions: Sequence[str], letter: str
) -> list[Axes]:
    axes = figure.subplots(1, len(stimuli))
    for ax, picture, condition in zip(axes, stimuli, conditions, strict=True):
        ax.imshow(picture)
        ax.set_title(condition)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set(visible=True, linestyle=(0, (4, 3)), color="0.3")
    axes[0].set_ylabel("receptive field")
    letter_panel(axes[0], letter, x=0)
    return [axes[0]]


def _draw_layer(ax: Axes, panels: Panels, area: str, distances: Mapping[str, str]) -> None:
    members = panels.dynamic_range["area"].values == area
    x = panels.dynamic_range.values[members]
    for number, (distance, name) in zip((ORANGE, BLUE), distances.items(), strict=True):
        cell = panels.table.sel(area=area, distance=distance)
        z = panels.z.sel(distance=distance).values[members]
        draw_units(ax, x, z, number, _legend(name, cell))
    _give_contrast(ax)
    draw_frame(ax)
    label_decades(ax)
    if ax.get_xscale() == "log":  # ticks that show that it is
        ax.xaxis.set_minor_locator(ticker.LogLocator(subs=range(2, 10)))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
    level = panels.table.attrs.get("level", 0.95)
    ax.legend(
        title=f"{np.sum(members)} units; [{100 * level:g} % interval]",
        loc="upper left",
        alignment="left",
        handletextpad=0.2,
        borderaxespad=0.2,
        markerscale=1.4,
    )
    ax.set_xlabel(dynamic_range_label(panels.dynamic_range))
    ax.set_ylabel(Z_LABEL)


def _give_contrast(ax: Axes) -> None:
    """Draw points in their full colour, told apart by a white edge rather than by transparency."""
    for points in ax.collections:
        points.set(alpha=1, edgecolors="white", linewidths=0.3)


def _legend(name: str, cell: xr.Dataset) -> str:
    r, (lower, upper) = float(cell["spearman"]), cell["interval"].values
    if np.isnan(r):
        return f"{name}: $r_s$ undefined"
    return f"{name}: $r_s$ = {r:.2f} [{lower:.2f}, {upper:.2f}]"


def _titled(name: str, panels: Panels, area: str) -> str:
    images = "" if panels.n_images is None else f"{panels.n_images} images"
    rest = ", ".join(part for part in (area, images) if part)
    title = ", ".join(part for part in (name, rest) if part)
    return title if len(title) <= TITLE or not rest else f"{name},\n{rest}"


def _finish(figure: Figure, lettered: Sequence[Sequence[Axes]], note: str) -> None:
    typeset_legends(figure)
    note_below(figure, note)
    align_letters(figure, lettered)
