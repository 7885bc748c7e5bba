"""Designs and controls: power against the true relation, and estimates where there is none."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.style import COLOURS, paper_style, true_minus

__all__ = ["control_figure", "plot_control", "plot_designs", "plot_power", "power_figure"]

MAX_COLUMNS = 4
N_BINS = 48
BELOW_LEGEND = 0.7  # of a panel's height
ONE, OTHER = COLOURS[0], COLOURS[1]


def power_figure(result: xr.Dataset) -> Figure:
    """Draw the power of the planned design, and beside it what other designs would find.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.power`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = 1 if result.sizes["design"] == 1 else 2
    with paper_style():
        figure, axes = plt.subplots(
            1, n, figsize=(0.6 + 2.7 * n, 2.5), squeeze=False, layout="constrained"
        )
        plot_power(result, axes[0, 0])
        if n > 1:
            plot_designs(result, axes[0, 1])
    plt.close(figure)  # the caller has it; pyplot need not keep it
    return figure


def plot_power(result: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the power of the planned design against the true relation.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.power`.
    ax : matplotlib.axes.Axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
        The share of experiments with a small p-value, with its 95 % interval; dashed, the relation
        found in the share of experiments that is the target.
    """
    ax = plt.gca() if ax is None else ax
    cell = result.isel(design=0)
    relation, power = cell["relation"].values, cell["power"].values
    _error_bars(ax, relation, power, cell["interval"].values, vertical=True)
    ax.plot(relation, power, color=ONE, linewidth=1)
    target, alpha = result.attrs["target"], result.attrs["alpha"]
    for level in (target, alpha):
        ax.axhline(level, color="0.6", linewidth=0.6, linestyle=":", zorder=0)
    found = float(cell["detectable"])
    if np.isfinite(found):
        ax.plot([found, found], [0, target], color=OTHER, linewidth=0.8, linestyle="--")
        ax.annotate(
            f"{found:.2f}", (found, alpha), xytext=(3, 4), textcoords="offset points", color=OTHER,
            fontsize=7, va="bottom",
        )  # fmt: skip
    ax.set_ylim(0, 1.02)
    ax.set_xlim(-0.02, max(relation.max(), 0.1) + 0.02)
    ax.set_xlabel("true $r_s$ of invariance and dynamic range")
    ax.set_ylabel(f"share of experiments with p < {alpha:g}")
    ax.set_title(_sizes(cell))
    return ax


def plot_designs(result: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the relation that each design finds, with its interval.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.power`.
    ax : matplotlib.axes.Axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each design; an arrow where its interval lies beyond what was tried.
    """
    ax = plt.gca() if ax is None else ax
    place = np.arange(result.sizes["design"])[::-1]
    found, interval = result["detectable"].values, result["detectable_interval"].values
    most = float(result["relation"].max())
    known = np.isfinite(found)
    shown = np.where(np.isfinite(interval), interval, most)
    _error_bars(ax, found[known], place[known], shown[known], vertical=False)
    beyond = known & np.isinf(interval[:, 1])
    ax.plot(np.full(beyond.sum(), most), place[beyond], ">", color=ONE, markersize=3)
    ax.plot(np.full((~known).sum(), most), place[~known], ">", color=ONE, markersize=3)
    for at, value in zip(place[~known], found[~known], strict=True):
        if value == np.inf:
            ax.annotate(
                f"> {most:g}", (most, at), xytext=(-4, 0), textcoords="offset points", ha="right",
                va="center", fontsize=6.5,
            )  # fmt: skip
    if known[0]:
        ax.axvline(found[0], color="0.6", linewidth=0.6, linestyle=":", zorder=0)
    ax.set_yticks(place, [str(each) for each in result["changed"].values])
    ax.set_xlim(0, most * 1.05 + 0.02)
    ax.set_ylim(-0.6, place[0] + 0.6)
    ax.set_xlabel(
        f"$r_s$ found in {100 * result.attrs['target']:g} % of experiments, 95 % interval"
    )
    return ax


def control_figure(result: xr.Dataset) -> Figure:
    """Draw a panel for each group and position: the estimates that a control gave.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.control`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    by = result["rejection_rate"].dims[0]
    cells = [
        (f"{group}, {position}", result.sel({by: group, "position": position}))
        for group in result[by].values.tolist()
        for position in result["position"].values.tolist()
    ]
    n_columns = min(MAX_COLUMNS, max(1, len(cells)))
    n_rows = max(1, -(-len(cells) // n_columns))
    with paper_style():
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(0.6 + 2.4 * n_columns, 0.4 + 2.1 * n_rows),
            squeeze=False,
            sharex=True,
            layout="constrained",
        )
        for ax, (name, cell) in zip(axes.flat, cells, strict=False):
            plot_control(cell, ax)
            ax.set_title(name)
        for ax in axes.flat[len(cells) :]:
            ax.remove()
        relation = result.attrs["relation"]
        kind = f"with a true $r_s$ of {relation:g}" if relation else "without a relation"
        figure.supxlabel(f"$r_s$ found in recordings like this one, {true_minus(kind)}")
        figure.supylabel("simulated recordings")
    plt.close(figure)  # the caller has it; pyplot need not keep it
    return figure


def plot_control(cell: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the estimates that a control gave, and that of the recording.

    Parameters
    ----------
    cell : xarray.Dataset
        From :func:`artiphys.control`, one group at one position.
    ax : matplotlib.axes.Axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
        Numbers of recordings; beyond ±1 in the last bins.
    """
    ax = plt.gca() if ax is None else ax
    found, p_value = cell["spearman"].values, cell["p_value"].values
    alpha = cell.attrs["alpha"]
    yes = p_value < alpha
    bins = np.linspace(-1.0, 1.0, N_BINS + 1).tolist()
    kept = [np.clip(each[np.isfinite(each)], -1, 1) for each in (found[~yes], found[yes])]
    labels = (f"p ≥ {alpha:g}", f"p < {alpha:g}: {_share(cell)}")
    ax.hist(kept, bins=bins, stacked=True, color=["0.75", OTHER], label=labels)
    own = float(cell["spearman_recorded"])
    if np.isfinite(own):
        label = true_minus(f"this recording: {own:.2f}")
        ax.axvline(np.clip(own, -1, 1), ymax=BELOW_LEGEND, color=ONE, linewidth=1.2, label=label)
    ax.axvline(cell.attrs["relation"], ymax=BELOW_LEGEND, color="0.3", linewidth=0.6, linestyle=":")
    ax.set_xlim(-1.02, 1.02)
    ax.set_ylim(0, max(1.0, ax.get_ylim()[1]) / BELOW_LEGEND)
    ax.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=True))
    ax.legend(loc="upper left", borderaxespad=0.2, handlelength=1.2)
    return ax


def _share(cell: xr.Dataset) -> str:
    if int(cell["n_answered"]) == 0:
        return "no answers"
    lower, upper = cell["interval"].values
    return f"{float(cell['rejection_rate']):.2f} [{lower:.2f}, {upper:.2f}]"


def _sizes(cell: xr.Dataset) -> str:
    n_units, n_images, n_repeats = (
        int(cell[name]) for name in ("n_units", "n_images", "n_repeats")
    )
    return f"{n_units} units, {n_images} images, {n_repeats} repeats"


def _error_bars(
    ax: Axes, x: np.ndarray, y: np.ndarray, interval: np.ndarray, *, vertical: bool
) -> None:
    centre = y if vertical else x
    bars = np.maximum(np.abs(interval - centre[:, None]).T, 0.0)
    errors = {"yerr": bars} if vertical else {"xerr": bars}
    ax.errorbar(
        x, y, **errors, fmt="o", color=ONE, markersize=3.5, elinewidth=0.8, capsize=0,
        clip_on=False, zorder=3,
    )  # fmt: skip
