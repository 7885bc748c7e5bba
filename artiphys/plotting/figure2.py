"""Figure 2: what rectification does to a pair of inputs, and the relation that comes of it."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.style import COLOURS, paper_style

__all__ = ["plot_figure2", "plot_quadrants", "plot_relation"]

QUADRANT_COLOURS = {
    "both": COLOURS[0],
    "reference": COLOURS[1],
    "shifted": COLOURS[1],
    "neither": "0.45",
}


def plot_figure2(quadrants: xr.Dataset, relation: xr.Dataset) -> Figure:
    """Draw the inputs' quadrants (A) and variance against invariance (B).

    Parameters
    ----------
    quadrants : xarray.Dataset
        From :func:`artiphys.single_input.rectified_quadrants`.
    relation : xarray.Dataset
        From :func:`artiphys.single_input.single_input_relation`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with paper_style():
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.8, 3.1), layout="constrained", width_ratios=(1, 1.15)
        )
        plot_quadrants(quadrants, left)
        plot_relation(relation, right)
        for ax, letter in ((left, "A"), (right, "B")):
            ax.set_title(letter, loc="left", fontweight="bold", fontsize=11)
    plt.close(figure)
    return figure


def plot_quadrants(quadrants: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw contours of the inputs' density, and where rectification takes each quadrant."""
    ax = plt.gca() if ax is None else ax
    x, y = quadrants["reference"].values, quadrants["shifted"].values
    density = quadrants["density"].values
    levels = density.max() * np.exp(-(np.array([2.5, 2.0, 1.5, 1.0, 0.5]) ** 2) / 2)
    ax.contour(x, y, density, levels=levels, colors="0.55", linewidths=0.7)
    ax.axhline(0, color="black", linewidth=0.8, zorder=1)
    ax.axvline(0, color="black", linewidth=0.8, zorder=1)
    _draw_arrows(ax, x, quadrants["probability"])
    mu = quadrants.attrs["mu_over_sigma"]
    ax.plot([mu], [mu], "+", color="black", markersize=6)
    ax.set(
        xlim=(x[0], x[-1]),
        ylim=(y[0], y[-1]),
        aspect="equal",
        xlabel="input to image, in units of σ",
        ylabel="input to shifted image, in units of σ",
        title=f"μ/σ = {mu:g}, ρ = {quadrants.attrs['rho']:g}; "
        f"after: ρ̃ = {quadrants.attrs['correlation']:.2f}",
    )
    return ax


def plot_relation(relation: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw Fisher's z against variance along the curve of each rho, and the power law, dashed."""
    ax = plt.gca() if ax is None else ax
    scale = relation.attrs["sigma"] ** 2
    for number, rho in enumerate(relation["rho"].values):
        curve, colour = relation.sel(rho=rho), COLOURS[number % len(COLOURS)]
        variance = curve["variance"].values / scale
        ax.plot(variance, curve["fisher_z"].values, color=colour, linewidth=1.6)
        ax.plot(variance, curve["power_law"].values, color="black", linewidth=0.8, dashes=(3, 2))
        ax.annotate(
            f"ρ = {rho:g}",
            (variance[-1], curve["fisher_z"].values[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=7,
        )
    ax.plot([], [], color="0.4", linewidth=1.6, label="rectified normal")
    ax.plot([], [], color="black", linewidth=0.8, dashes=(3, 2), label="power law z = a v$^b$")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("variance after rectification, in units of σ²")
    ax.set_ylabel("Fisher z of the correlation after rectification")
    ax.legend(loc="lower right")
    return ax


def _draw_arrows(ax: Axes, axis: np.ndarray, probability: xr.DataArray) -> None:
    """Name the four quadrants' shares, and point to where three of them fall."""
    far, near = axis[-1], axis[0]
    places = {
        "both": (0.62 * far, 0.9 * far),
        "reference": (0.62 * far, 0.8 * near),
        "shifted": (0.62 * near, 0.9 * far),
        "neither": (0.62 * near, 0.8 * near),
    }
    targets = {
        "reference": (0.62 * far, 0.0),
        "shifted": (0.0, 0.9 * far),
        "neither": (0.0, 0.0),
    }
    names = {
        "both": "as they are",
        "reference": "to the axis",
        "shifted": "to the axis",
        "neither": "to 0",
    }
    for quadrant, (x, y) in places.items():
        share = float(probability.sel(quadrant=quadrant))
        colour = QUADRANT_COLOURS[quadrant]
        if quadrant in targets:
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.0, "shrinkA": 24}
            ax.annotate("", targets[quadrant], (x, y), arrowprops=arrow)
        ax.text(
            x,
            y,
            f"{share:.0%}\n{names[quadrant]}",
            color=colour,
            ha="center",
            va="center",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
        )
