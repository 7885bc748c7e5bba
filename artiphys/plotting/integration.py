"""Figure 3: a sum is dominated by the inputs of large variance, which are the invariant ones."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch

from artiphys.plotting.style import COLOURS, letter_panel, paper_style, true_minus

__all__ = [
    "plot_change",
    "plot_directions",
    "plot_geometry",
    "plot_integration",
    "plot_output_invariance",
]

DASHES = (3, 2)


def plot_integration(geometry: xr.Dataset, simulation: xr.Dataset) -> Figure:
    """Draw the geometry of two inputs (A1, A2) and the simulation of many (B), a column a mean.

    Parameters
    ----------
    geometry : xarray.Dataset
        From :func:`artiphys.integration.geometry.integration_geometry`.
    simulation : xarray.Dataset
        From :func:`artiphys.integration.geometry.simulate_integration`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    means = simulation["mean"].values
    with paper_style():
        figure = plt.figure(figsize=(6.8, 7.6), layout="constrained")
        rows: Any = figure.subfigures(2, 1, height_ratios=[1, 1.75])
        left, right = rows[0].subplots(1, 2)
        plot_geometry(geometry, left)
        plot_directions(geometry, right)
        letter_panel(left, "A1")
        letter_panel(right, "A2")
        axes = rows[1].subplots(2, means.size, sharex=True, squeeze=False)
        for (above, below), mean in zip(axes.T, means, strict=True):
            plot_output_invariance(simulation.sel(mean=mean), above)
            plot_change(simulation.sel(mean=mean), below)
            above.set_xlabel("")
        for row in axes:
            for ax in row[1:]:
                ax.set_ylabel("")
        letter_panel(axes[0, 0], "B")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        handles += [Line2D([], [], color="0.3", linewidth=0.9, dashes=DASHES)]
        handles += [Patch(facecolor="0.3", alpha=0.2)]
        labels += ["rectified inputs, mean", "outputs, ± 1 s.d. over units"]
        rows[1].legend(handles, labels, loc="outside lower center", ncols=len(labels))
    plt.close(figure)
    return figure


def plot_geometry(geometry: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw standard ellipses of the inputs' variance, and of its invariant part."""
    ax = plt.gca() if ax is None else ax
    deviation = np.sqrt(geometry["variance"].values)
    invariant = deviation * np.sqrt(np.clip(geometry["invariance"].values, 0, None))
    ax.add_patch(_ellipse(deviation, facecolor="none", edgecolor=COLOURS[0], linewidth=1.5))
    ax.add_patch(_ellipse(invariant, facecolor=COLOURS[0], alpha=0.25, linewidth=0))
    reach = 1.35 * deviation.max()
    for degrees in (15, 45, 75):
        direction = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
        output = float(geometry["output_invariance"].sel(angle=degrees, method="nearest"))
        arrow = {"arrowstyle": "-|>", "color": COLOURS[1], "linewidth": 1.1, "shrinkA": 0}
        ax.annotate("", tuple(0.85 * reach * direction), (0, 0), arrowprops=arrow)
        ax.annotate(
            true_minus(f"{output:.2f}"),
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
    labels = ["responses, 1 s.d.", "shared with the shifted image", "weights → output invariance"]
    # On white, so that the line at zero does not cross the text.
    ax.legend(
        handles,
        labels,
        loc="lower right",
        borderaxespad=0.1,
        frameon=True,
        facecolor="white",
        edgecolor="none",
        framealpha=1,
    )
    first, second = geometry["invariance"].values
    ax.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        xlabel=f"input 1, in units of σ (invariance {true_minus(f'{first:.2f}')})",
        ylabel=f"input 2, in units of σ (invariance {true_minus(f'{second:.2f}')})",
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


def plot_output_invariance(simulation: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw output against input correlation for each spread, at one mean of mu/sigma."""
    ax = plt.gca() if ax is None else ax
    ax.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
    _draw_spreads(simulation, ax)
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
        title=f"mean μ/σ = {float(simulation['mean']):g}",
        xlabel="input correlation ρ",
        ylabel="correlation of outputs",
    )
    return ax


def plot_change(simulation: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the same less the input correlation, which separates curves that lie close."""
    ax = plt.gca() if ax is None else ax
    change = simulation.copy()
    for name in ("output_invariance", "input_invariance"):
        change[name] = simulation[name] - simulation["rho"]
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    _draw_spreads(change, ax)
    ax.set(xlim=(0, 1), xlabel="input correlation ρ", ylabel="the same, less ρ")
    return ax


def _draw_spreads(simulation: xr.Dataset, ax: Axes) -> None:
    """Draw outputs with their band and, dashed, rectified inputs, on top where both coincide."""
    rho = simulation["rho"].values
    for number, spread in enumerate(simulation["spread"].values):
        curve, colour = simulation.sel(spread=spread), COLOURS[number % len(COLOURS)]
        middle, deviation = curve["output_invariance"].values, curve["output_spread"].values
        ax.fill_between(rho, middle - deviation, middle + deviation, color=colour, alpha=0.2, lw=0)
        ax.plot(rho, middle, color=colour, linewidth=2.2, alpha=0.6, label=f"spread {spread:g}")
        inputs = curve["input_invariance"].values
        dark = tuple(0.6 * part for part in to_rgb(colour))
        ax.plot(rho, inputs, color=dark, linewidth=0.9, dashes=DASHES, zorder=3)


def _ellipse(deviation: np.ndarray, **style: object) -> Ellipse:
    return Ellipse((0, 0), *(2 * deviation), **style)  # type: ignore[arg-type]
