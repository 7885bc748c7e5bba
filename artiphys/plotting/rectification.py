"""Figure 2: what rectification does to a pair of inputs, and the relation that results."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from artiphys.plotting.style import (
    COLOURS,
    align_letters,
    few_labels,
    letter_panel,
    paper_style,
    true_minus,
)

__all__ = ["plot_quadrants", "plot_rectification", "plot_relation"]

QUADRANT_COLOURS = {
    "both": COLOURS[0],
    "reference": COLOURS[1],
    "shifted": COLOURS[1],
    "neither": "0.45",
}
# Contours of the inputs, in standard deviations.
DEVIATIONS = (2.5, 2.0, 1.5, 1.0, 0.5)
# How far the mean is from the panel's edges, in standard deviations.
REACH = 3.3
# Height of a ridge on an axis, of a density of 1; area of the dot in the origin, of all that is.
RIDGE = 3.0
DOT = 220.0
MEAN: Any = {
    "marker": "P",
    "markersize": 7,
    "color": "white",
    "markeredgecolor": "black",
    "linestyle": "none",
}


def plot_rectification(quadrants: xr.Dataset, relation: xr.Dataset) -> Figure:
    """Draw the inputs' quadrants (A) and variance against invariance (B).

    Parameters
    ----------
    quadrants : xarray.Dataset
        From :func:`artiphys.rectification.curve.rectified_quadrants`.
    relation : xarray.Dataset
        From :func:`artiphys.rectification.curve.single_input_relation`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with paper_style():
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.8, 3.7), layout="constrained", width_ratios=(1, 1.15)
        )
        plot_quadrants(quadrants, left)
        plot_relation(relation, right)
        letter_panel(left, "A")
        letter_panel(right, "B")
        align_letters(figure, [[left, right]])
    plt.close(figure)
    return figure


def plot_quadrants(quadrants: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw contours of the inputs' density, and what rectification makes of each quadrant."""
    ax = plt.gca() if ax is None else ax
    x, y = quadrants["reference"].values, quadrants["shifted"].values
    density = quadrants["density"].values
    levels = density.max() * np.exp(-(np.array(DEVIATIONS) ** 2) / 2)
    ax.contour(x, y, density, levels=levels, colors="0.6", linewidths=0.7)
    ax.axhline(0, color="black", linewidth=0.8, zorder=1)
    ax.axvline(0, color="black", linewidth=0.8, zorder=1)
    _draw_rectified(ax, quadrants, levels)
    _draw_arrows(ax, quadrants, levels[0])
    mu = quadrants.attrs["mu_over_sigma"]
    ax.plot([mu], [mu], zorder=6, **MEAN)
    reach = max(REACH, min(abs(mu) + 0.5, x[-1] - mu))  # to the origin, too
    ax.set(
        xlim=(mu - reach, mu + reach),
        ylim=(mu - reach, mu + reach),
        aspect="equal",
        anchor="N",
        xlabel="input to image, in units of σ",
        ylabel="input to shifted image, in units of σ",
        title=true_minus(
            f"μ/σ = {mu:.3g}, ρ = {quadrants.attrs['rho']:.3g};\n"
            f"rectified: ρ̃ = {quadrants.attrs['correlation']:.2f}"
        ),
    )
    _name_quadrants(ax, quadrants["probability"])
    handles: list[Any] = [
        Line2D([], [], color="0.6", linewidth=0.7),
        Line2D([], [], **MEAN),
        (
            Patch(facecolor=QUADRANT_COLOURS["both"], alpha=0.3),
            Patch(facecolor=QUADRANT_COLOURS["reference"], alpha=0.35),
            Line2D([], [], color=QUADRANT_COLOURS["neither"], marker="o", linestyle="none"),
        ),
    ]
    ax.legend(
        handles,
        ["inputs", "their mean", "rectified"],
        handler_map={tuple: HandlerTuple(ndivide=None)},
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17),
        ncols=3,
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
    ratio = relation["mu_over_sigma"].values
    along = true_minus(f"rectified normal, μ/σ from {ratio.min():g} to {ratio.max():g}")
    ax.plot([], [], color="0.4", linewidth=1.6, label=along)
    ax.plot([], [], color="black", linewidth=0.8, dashes=(3, 2), label="power law z = a v$^b$")
    ax.set_xscale("log")
    ax.set_yscale("log")
    few_labels(ax.xaxis)
    few_labels(ax.yaxis)
    ax.set_xlabel("variance after rectification, in units of σ²")
    ax.set_ylabel("Fisher z of the correlation after rectification")
    ax.legend(loc="lower right")
    return ax


def _draw_rectified(ax: Axes, quadrants: xr.Dataset, levels: np.ndarray) -> None:
    """Fill what stays; draw ridges along the axes and a dot at the origin for what falls there."""
    axis, density = quadrants["reference"].values, quadrants["density"].values
    above = (axis >= 0)[:, np.newaxis] & (axis >= 0)
    if above.any():
        fills = [to_rgba(QUADRANT_COLOURS["both"], 0.1 + 0.1 * n) for n in range(len(levels))]
        stays = np.ma.masked_where(~above, density)
        ax.contourf(axis, axis, stays, levels=[*levels, density.max()], colors=fills, zorder=0)
    ridge = -RIDGE * quadrants["axis_density"].values
    style: Any = {"color": QUADRANT_COLOURS["reference"], "alpha": 0.35, "linewidth": 0}
    ax.fill_between(axis, 0, ridge, where=axis > 0, **style)
    ax.fill_betweenx(axis, 0, ridge, where=axis > 0, **style)
    ax.scatter([0], [0], s=_dot_area(quadrants), color=QUADRANT_COLOURS["neither"], zorder=5)


def _dot_area(quadrants: xr.Dataset) -> float:
    return DOT * float(quadrants["probability"].sel(quadrant="neither"))


def _draw_arrows(ax: Axes, quadrants: xr.Dataset, lowest: float) -> None:
    """Draw an arrow from the middle of three quadrants, within the contours, to where they fall."""
    axis = quadrants["reference"].values
    drawn = quadrants["density"].values >= lowest
    x, y = np.meshgrid(axis, axis)
    below = {"reference": (x > 0) & (y < 0), "shifted": (x < 0) & (y > 0)}
    below["neither"] = (x < 0) & (y < 0)
    for quadrant, within in below.items():
        within = within & drawn
        if not within.any():
            continue
        start = np.array([x[within].mean(), y[within].mean()])
        end = {"reference": (start[0], 0), "shifted": (0, start[1]), "neither": (0, 0)}[quadrant]
        # To the edge of the dot, not under it.
        gap = np.sqrt(_dot_area(quadrants) / np.pi) if quadrant == "neither" else 0.0
        arrow = {"arrowstyle": "-|>", "linewidth": 1.2, "shrinkA": 0, "shrinkB": gap}
        arrow["color"] = QUADRANT_COLOURS[quadrant]
        ax.annotate("", end, tuple(start), arrowprops=arrow)


def _name_quadrants(ax: Axes, probability: xr.DataArray) -> None:
    """Write into each corner the share of the inputs there, and where rectification puts it."""
    names = {
        "both": (0.97, 0.97, "as they are"),
        "reference": (0.97, 0.03, "onto the axis"),
        "shifted": (0.03, 0.97, "onto the axis"),
        "neither": (0.03, 0.03, "onto 0"),
    }
    for quadrant, (x, y, name) in names.items():
        share = float(probability.sel(quadrant=quadrant))
        ax.text(
            x,
            y,
            f"{100 * share:.0f} %\n{name}",
            color=QUADRANT_COLOURS[quadrant],
            ha="right" if x > 0.5 else "left",
            va="top" if y > 0.5 else "bottom",
            fontsize=7,
            transform=ax.transAxes,
        )
