"""Figure 1: the stimulus conditions, and invariance against dynamic range in each network."""

import string
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from artiphys.plotting.signature import label_once, scatter_units
from artiphys.plotting.style import letter_panel, paper_style

__all__ = ["Panels", "plot_stimuli"]


class Panels(NamedTuple):
    """What a network's row of panels shows."""

    dynamic_range: xr.DataArray
    """(unit)"""
    z: xr.DataArray
    """Fisher z of the invariance, (unit, distance)"""
    table: xr.Dataset
    """The signature, over (area, distance)"""


def plot_stimuli(
    stimuli: np.ndarray, conditions: Sequence[str], networks: Mapping[str, Panels]
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    distances = next(iter(networks.values())).table["distance"].values
    letters = iter(string.ascii_uppercase)
    with paper_style():
        figure = plt.figure(figsize=(6.8, 2.0 + 3.1 * len(networks)), layout="constrained")
        rows: Any = figure.subfigures(
            1 + len(networks), 1, height_ratios=[1.9] + [3.1] * len(networks)
        )
        top, below = rows[0], rows[1:]
        axes = top.subplots(1, len(stimuli))
        for ax, picture, condition in zip(axes, stimuli, conditions, strict=True):
            ax.imshow(picture)
            ax.set_title(condition)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set(visible=True, linestyle=(0, (4, 3)), color="0.3")
        axes[0].set_ylabel("receptive field")
        letter_panel(axes[0], next(letters), x=0)
        for row, (name, panels) in zip(below, networks.items(), strict=True):
            row.suptitle(name, fontsize=9, fontweight="bold")
            axes = row.subplots(1, len(distances), sharey=True)
            for ax, distance in zip(axes, distances, strict=True):
                at = {"distance": distance}
                scatter_units(panels.dynamic_range, panels.z.sel(at), panels.table.sel(at), ax)
                ax.set_title(str(distance).capitalize())
                letter_panel(ax, next(letters), x=0)
            label_once(axes)
    plt.close(figure)
    return figure
