"""Figure 3: a weighted sum of rectified inputs keeps the relation of variance and invariance.

And a further one: how much of the input correlation comes through, by the spread of the inputs.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch

from artiphys.plotting.style import (
    COLOURS,
    align_letters,
    few_labels,
    letter_panel,
    paper_style,
    true_minus,
)

__all__ = [
    "plot_change",
    "plot_directions",
    "plot_geometry",
    "plot_integrated_relation",
    "plot_integration",
    "plot_transfer",
]

DASHES = (3, 2)
# Of widths of the neighbourhood, in ascending order.
PATTERNS: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1, 1.5)))
DIRECTION = 45.0  # of the weights that are drawn, in degrees


def plot_integration(geometry: xr.Dataset, relation: xr.Dataset, simulated: xr.Dataset) -> Figure:
    """Draw two inputs and weights on them (A), and the relation after integration (B).

    Parameters
    ----------
    geometry : xarray.Dataset
        From :func:`artiphys.integration.geometry.integration_geometry`.
    relation, simulated : xarray.Dataset
        From :func:`artiphys.integration.relation.integrated_relation`, and
        :func:`artiphys.integration.relation.simulate_integrated_relation` of the same settings.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with paper_style():
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.8, 3.7), layout="constrained", width_ratios=(1, 1.55)
        )
        plot_geometry(geometry, left)
        plot_integrated_relation(relation, simulated, right)
        letter_panel(left, "A")
        letter_panel(right, "B")
        align_letters(figure, [[left, right]])
    plt.close(figure)
    return figure


def plot_transfer(geometry: xr.Dataset, simulation: xr.Dataset) -> Figure:
    """Draw the output's invariance by the weights' direction (A) and what a sum loses of rho (B).

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
    n_columns = min(2, 1 + means.size)
    n_rows = -(-(1 + means.size) // n_columns)
    with paper_style():
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(0.2 + 3.3 * n_columns, 0.5 + 2.5 * n_rows),
            squeeze=False,
            layout="constrained",
        )
        panels = axes.ravel()
        plot_directions(geometry, panels[0])
        letter_panel(panels[0], "A")
        for ax, mean in zip(panels[1:], means, strict=False):
            plot_change(simulation.sel(mean=mean), ax)
        letter_panel(panels[1], "B")
        for ax in panels[1 + means.size :]:
            ax.remove()
        handles, labels = panels[1].get_legend_handles_labels()
        handles += [Line2D([], [], color="0.3", linewidth=0.9, dashes=DASHES)]
        handles += [Patch(facecolor="0.3", alpha=0.2)]
        labels += ["rectified inputs, mean", "outputs, ± 1 s.d. over units"]
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    plt.close(figure)
    return figure


def plot_geometry(geometry: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the inputs' ellipses, of all responses and of their invariant part, and weights w.

    The axis of the input of larger variance is vertical. How far each ellipse reaches along w is
    marked on w: the standard deviation of the output, and of what of it the shift leaves.

    Parameters
    ----------
    geometry : xarray.Dataset
        From :func:`artiphys.integration.geometry.integration_geometry`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        In units of the inputs' sigma before rectification.
    """
    ax = plt.gca() if ax is None else ax
    by_variance = geometry.sortby("variance")  # the larger last: vertical
    deviation = np.sqrt(by_variance["variance"].values)
    invariance = by_variance["invariance"].values
    shared = deviation * np.sqrt(np.clip(invariance, 0, None))
    whole: Any = {"facecolor": "none", "edgecolor": COLOURS[0], "linewidth": 1.5}
    part: Any = {"facecolor": COLOURS[0], "alpha": 0.25, "linewidth": 0}
    ax.add_patch(_ellipse(deviation, **whole))
    ax.add_patch(_ellipse(shared, **part))
    at = geometry.sel(angle=DIRECTION)
    total, output = np.sqrt(float(at["output_variance"])), float(at["output_invariance"])
    reached = [(deviation, total), (shared, total * np.sqrt(max(output, 0)))]
    _draw_weights(reached, 1.2 * deviation.max(), ax)
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    ax.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    handles: list[Any] = [
        _ellipse(deviation, **whole),
        _ellipse(deviation, **part),
        Line2D([], [], color=COLOURS[1], linewidth=1.1),
        Line2D([], [], color=COLOURS[1], linewidth=0.9, linestyle=PATTERNS[2]),
    ]
    labels = [
        "responses to images, 1 s.d.",
        "their part shared with the shifted image",
        true_minus(f"weights w: invariance {output:.2f}"),
        "1 s.d. of either along w",
    ]
    ax.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.45, -0.26), borderaxespad=0.1)
    ratios = by_variance["mu_over_sigma"].values
    named = [
        true_minus(f"μ/σ = {ratio:g}, invariance {r:.2f}")
        for ratio, r in zip(ratios, invariance, strict=True)
    ]
    reach = 1.3 * deviation.max()
    ax.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        anchor="N",
        xlabel=f"input of smaller variance, in σ\n({named[0]})",
        ylabel=f"input of larger variance, in σ\n({named[1]})",
    )
    return ax


def _draw_weights(reached: list[tuple[np.ndarray, float]], length: float, ax: Axes) -> None:
    """Draw w, and from each ellipse the tangent that meets w at a right angle, where it does."""
    direction = np.array([np.cos(np.deg2rad(DIRECTION)), np.sin(np.deg2rad(DIRECTION))])
    arrow = {"arrowstyle": "-|>", "color": COLOURS[1], "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", tuple(length * direction), (0, 0), arrowprops=arrow)
    ax.annotate(
        "w", tuple(length * direction), xytext=(2, -1), textcoords="offset points",
        color=COLOURS[1], fontweight="bold", va="top",
    )  # fmt: skip
    for deviation, along in reached:
        line = np.array([deviation**2 * direction / along, along * direction])
        ax.plot(*line.T, color=COLOURS[1], linewidth=0.9, linestyle=PATTERNS[2])
        ax.plot(*line[1], marker="o", markersize=2.5, color=COLOURS[1])


def plot_integrated_relation(
    relation: xr.Dataset, simulated: xr.Dataset | None = None, ax: Axes | None = None
) -> Axes:
    """Draw Fisher's z against variance of outputs, a trace for each sweep of the mean mu/sigma.

    Colours are the correlation between inputs, line patterns the width of the neighbourhood of
    mu/sigma; the black line is one input.

    Parameters
    ----------
    relation : xarray.Dataset
        From :func:`artiphys.integration.relation.integrated_relation`.
    simulated : xarray.Dataset, optional
        From :func:`artiphys.integration.relation.simulate_integrated_relation`: points on the
        traces, with bars of two standard errors either way.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Variance, in units of the inputs' sigma², on a log scale.
    """
    ax = plt.gca() if ax is None else ax
    # Wide, and below: it is seen also where a trace coincides with it.
    ax.plot(
        relation["input_variance"], relation["input_fisher_z"], color="black", linewidth=3.2,
        solid_capstyle="butt", zorder=1,
    )  # fmt: skip
    for number, c in enumerate(relation["input_correlation"].values):
        colour = COLOURS[number % len(COLOURS)]
        for pattern, width in zip(PATTERNS, relation["width"].values, strict=False):
            trace = relation.sel(input_correlation=c, width=width)
            ax.plot(
                trace["variance"], trace["fisher_z"], color=colour, linestyle=pattern,
                linewidth=1.4, zorder=2,
            )  # fmt: skip
            if simulated is not None:
                _draw_points(simulated.sel(input_correlation=c, width=width), colour, ax)
    ax.set_xscale("log")
    few_labels(ax.xaxis)
    ax.set_xlabel("variance of the output, in units of the inputs' σ²")
    ax.set_ylabel("invariance of the output: Fisher z")
    ax.grid(visible=False)
    _draw_keys(relation, simulated, ax)
    return ax


def _draw_points(points: xr.Dataset, colour: str, ax: Axes) -> None:
    ax.errorbar(
        points["variance"].values,
        points["fisher_z"].values,
        xerr=2 * points["variance_error"].values,
        yerr=2 * points["fisher_z_error"].values,
        fmt="o",
        markersize=2.6,
        markerfacecolor="white",
        markeredgewidth=0.8,
        color=colour,
        elinewidth=0.7,
        zorder=3,
    )


def _draw_keys(relation: xr.Dataset, simulated: xr.Dataset | None, ax: Axes) -> None:
    """Draw a legend of colours and one of patterns."""
    single = plt.Line2D([], [], color="black", linewidth=3.2)
    correlations = relation["input_correlation"].values
    colours = [
        plt.Line2D([], [], color=COLOURS[number % len(COLOURS)], linewidth=1.4)
        for number in range(correlations.size)
    ]
    first = ax.legend(
        [single, *colours],
        ["one input", *(f"{c:g}" for c in correlations)],
        title="correlation between inputs",
        loc="upper left",
        alignment="left",
        bbox_to_anchor=(0.0, 1.0),
    )
    ax.add_artist(first)
    widths = relation["width"].values
    patterns: list[Any] = [
        plt.Line2D([], [], color="0.3", linewidth=1.4, linestyle=pattern)
        for pattern, _ in zip(PATTERNS, widths, strict=False)
    ]
    labels = [f"{width:g}" for width in widths]
    if simulated is not None:
        empty: Any = {"markerfacecolor": "white", "markersize": 3, "linestyle": "none"}
        patterns.append(plt.Line2D([], [], marker="o", color="0.3", **empty))
        labels.append(
            f"simulated: {simulated.attrs['n_images']:,} images, ± 2 s.e.".replace(",", "\u2009", 1)
        )
    ax.legend(
        patterns,
        labels,
        title="width of the neighbourhood of μ/σ",
        loc="lower right",
        alignment="left",
        handlelength=2.8,
    )


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


def plot_change(simulation: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw output less input correlation for each spread, at one mean of mu/sigma."""
    ax = plt.gca() if ax is None else ax
    change = simulation.copy()
    for name in ("output_invariance", "input_invariance"):
        change[name] = simulation[name] - simulation["rho"]
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    _draw_spreads(change, ax)
    ax.set(
        xlim=(0, 1),
        title=true_minus(f"mean μ/σ = {float(simulation['mean']):g}"),
        xlabel="input correlation ρ",
        ylabel="correlation of outputs, minus ρ",
    )
    return ax


def _draw_spreads(simulation: xr.Dataset, ax: Axes) -> None:
    """Draw outputs with their band and, dashed, rectified inputs, on top where both coincide."""
    rho = simulation["rho"].values
    for number, spread in enumerate(simulation["spread"].values):
        curve, colour = simulation.sel(spread=spread), COLOURS[number % len(COLOURS)]
        middle, deviation = curve["output_invariance"].values, curve["output_spread"].values
        ax.fill_between(rho, middle - deviation, middle + deviation, color=colour, alpha=0.2, lw=0)
        label = f"outputs, mean; spread of μ/σ {spread:g}" if number == 0 else f"{spread:g}"
        ax.plot(rho, middle, color=colour, linewidth=2.2, alpha=0.6, label=label)
        inputs = curve["input_invariance"].values
        dark = tuple(0.6 * part for part in to_rgb(colour))
        ax.plot(rho, inputs, color=dark, linewidth=0.9, dashes=DASHES, zorder=3)


def _ellipse(deviation: np.ndarray, **style: object) -> Ellipse:
    return Ellipse((0, 0), *(2 * deviation), **style)  # type: ignore[arg-type]
