"""Figure 3: summing inputs favours those that range widely, which are the invariant ones."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from artiphys.plotting.style import COLOURS, paper_style

__all__ = ["plot_directions", "plot_figure3", "plot_geometry", "plot_integration"]


def plot_figure3(geometry: xr.Dataset, simulation: xr.Dataset) -> Figure:
    """Draw the geometry of two inputs (A) and the simulation of many (B), a panel a mean.

    Parameters
    ----------
    geometry : xarray.Dataset
        From :func:`artiphys.integration.integration_geometry`.
    simulation : xarray.Dataset
        From :func:`artiphys.integration.simulate_integration`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    means = simulation["mean"].values
    with paper_style():
        figure = plt.figure(figsize=(6.8, 5.6), layout="constrained")
        rows: Any = figure.subfigures(2, 1)
        above, below = rows[0], rows[1]
        left, right = above.subplots(1, 2)
        plot_geometry(geometry, left)
        plot_directions(geometry, right)
        left.set_title("A", loc="left", fontweight="bold", fontsize=11)
        axes = below.subplots(1, means.size, sharex=True, sharey=True, squeeze=False)[0]
        for ax, mean in zip(axes, means, strict=True):
            plot_integration(simulation.sel(mean=mean), ax)
            ax.label_outer()
        axes[0].legend(loc="upper left")
        axes[0].set_title("B", loc="left", fontweight="bold", fontsize=11)
    plt.close(figure)
    return figure


def plot_geometry(geometry: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the inputs' standard ellipses, of all they do and of what the shift leaves of it."""
    ax = plt.gca() if ax is None else ax
    deviation = np.sqrt(geometry["variance"].values)
    shared = deviation * np.sqrt(np.clip(geometry["invariance"].values, 0, None))
    ax.add_patch(_ellipse(deviation, facecolor="none", edgecolor=COLOURS[0], linewidth=1.5))
    ax.add_patch(_ellipse(shared, facecolor=COLOURS[0], alpha=0.25, linewidth=0))
    reach = 1.35 * deviation.max()
    for degrees in (15, 45, 75):
        direction = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
        output = float(geometry["output_invariance"].sel(angle=degrees, method="nearest"))
        arrow = {"arrowstyle": "-|>", "color": COLOURS[1], "linewidth": 1.1, "shrinkA": 0}
        ax.annotate("", tuple(0.85 * reach * direction), (0, 0), arrowprops=arrow)
        ax.annotate(
            f"{output:.2f}",
            tuple(0.88 * reach * direction),
            color=COLOURS[1],
            fontsize=7,
            ha="left",
            va="bottom",
        )
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    ax.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    handles = [
        _ellipse(deviation, facecolor="none", edgecolor=COLOURS[0], linewidth=1.5),
        _ellipse(deviation, facecolor=COLOURS[0], alpha=0.25, linewidth=0),
        plt.Line2D([], [], color=COLOURS[1]),
    ]
    labels = ["answers, 1 s.d.", "shared with the shifted image", "weights → output invariance"]
    ax.legend(handles, labels, loc="lower right", borderaxespad=0.1)
    first, second = geometry["invariance"].values
    ax.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        xlabel=f"input 1, in units of σ (invariance {first:.2f})",
        ylabel=f"input 2, in units of σ (invariance {second:.2f})",
    )
    return ax


def plot_directions(geometry: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the output's invariance against the direction of its weights."""
    ax = plt.gca() if ax is None else ax
    angle = geometry["angle"].values
    ax.plot(angle, geometry["output_invariance"].values, color=COLOURS[1], linewidth=1.6)
    for values, style, label in (
        (geometry["mean_output_invariance"], "-", "mean of outputs, all directions"),
        (geometry["mean_input_invariance"], "--", "mean of the inputs"),
    ):
        ax.axhline(float(values), color="0.35", linestyle=style, linewidth=0.9, label=label)
    ax.set_xticks([0, 45, 90], ["0°\ninput 1 alone", "45°", "90°\ninput 2 alone"])
    ax.set_xlabel("direction of the weights")
    ax.set_ylabel("invariance of the output")
    ax.legend(loc="lower left")
    return ax


def plot_integration(simulation: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw output against input correlation for each spread, at one mean of mu/sigma."""
    ax = plt.gca() if ax is None else ax
    rho = simulation["rho"].values
    ax.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
    for number, spread in enumerate(simulation["spread"].values):
        curve, colour = simulation.sel(spread=spread), COLOURS[number % len(COLOURS)]
        middle, deviation = curve["output_invariance"].values, curve["output_spread"].values
        ax.fill_between(rho, middle - deviation, middle + deviation, color=colour, alpha=0.2, lw=0)
        ax.plot(rho, middle, color=colour, linewidth=1.4, label=f"spread {spread:g}")
        ax.plot(rho, curve["input_invariance"].values, color=colour, linewidth=0.9, dashes=(3, 2))
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
        title=f"mean μ/σ = {float(simulation['mean']):g}",
        xlabel="input correlation ρ",
        ylabel="correlation of outputs (–) and\nof rectified inputs (- -)",
    )
    return ax


def _ellipse(deviation: np.ndarray, **style: object) -> Ellipse:
    return Ellipse((0, 0), *(2 * deviation), **style)  # type: ignore[arg-type]
