"""One unit: what it answers to each image at each position, and its spikes around their onset."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes

from artiphys.plotting.measured import rates_shown, tuning_shown
from artiphys.plotting.style import COLOURS, make_room_for_legend, panel, position_name

__all__ = ["plot_psth", "plot_raster", "plot_unit"]

MAX_NAMED, MAX_BARS = 12, 40  # images whose names, whose error bars can be told apart
SHORTEST = 1.2  # points, of the tick of a spike: shorter ones are no longer seen


def plot_unit(
    responses: xr.DataArray | xr.Dataset,
    unit: Hashable,
    ax: Axes | None = None,
    *,
    spikes: Mapping[Any, Sequence[Any]] | None = None,
) -> Axes:
    """Draw a unit's tuning: its mean response to each image, a curve for each position.

    Images are ordered by the response at the reference position. The more invariant the unit, the
    more closely the other curves follow that one.

    Parameters
    ----------
    responses : xarray.DataArray (unit, image, position[, trial]), or xarray.Dataset
        Or what :func:`artiphys.tuning.tuning` made of them.
    unit : str or number
        Label of the unit.
    ax : matplotlib.axes.Axes, optional
        The current ones by default; with `spikes` axes made by ``subplots``, whose right half is
        given to two further panels.
    spikes : mapping of position to sequence of array_like, optional
        Of each presentation there the spikes, in seconds from the onset of the image: see
        :func:`artiphys.tuning.aligned_spikes`. Drawn as raster and as PSTH.

    Returns
    -------
    matplotlib.axes.Axes
        Of the tuning: rank of the image, and response in its units, ± 1 standard error of the mean
        over trials where there are trials.

    Raises
    ------
    InputError
        If there is no such unit.
    """
    tuned = tuning_shown(responses, unit)
    with panel(ax) as ax:
        _draw_tuning(tuned, ax)
        ax.set_title(f"unit {unit}")
        if spikes is not None:
            _draw_spikes(spikes, ax)
    return ax


def plot_raster(spikes: Mapping[Any, Sequence[Any]], ax: Axes | None = None) -> Axes:
    """Draw a row of ticks for each presentation, those of a position together and in one colour.

    Parameters
    ----------
    spikes : mapping of position to sequence of array_like
        Of each presentation there the spikes, in seconds from the onset of the image.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Time in seconds; presentations from the top down, as in the mapping.
    """
    row, middles = 0, []
    with panel(ax) as ax:
        height = 72 * ax.get_window_extent().height / ax.figure.dpi
        rows = sum(len(shown) for shown in spikes.values())
        length = max(0.8, SHORTEST * rows / height)  # of many presentations ticks overlap
        for number, shown in enumerate(spikes.values()):
            ax.eventplot(
                [np.asarray(each, float) for each in shown],
                lineoffsets=[float(row + each) for each in range(len(shown))],
                linelengths=length,
                linewidths=0.6,
                colors=COLOURS[number % len(COLOURS)],
            )
            middles.append(row + (len(shown) - 1) / 2)
            row += len(shown)
        ax.axvline(0, color="0.6", linewidth=0.6, zorder=0)
        ax.set_ylim(row - 0.5, -0.5)
        ax.set_yticks(middles, [position_name(position) for position in spikes])
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("time from the onset of the image, s")
        ax.set_ylabel("position")
    return ax


def plot_psth(rates: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the firing rate around the onset at each position, ± 1 standard error.

    Parameters
    ----------
    rates : xarray.Dataset, (position, time)
        From :func:`artiphys.tuning.peristimulus`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Time in seconds, rate in spikes/s.
    """
    half = rates.attrs["bin_width"] / 2
    with panel(ax) as ax:
        for number, position in enumerate(rates["position"].values.tolist()):
            colour = COLOURS[number % len(COLOURS)]
            one = rates.isel(position=number)
            time, rate = one["time"].values, one["rate"].values
            error = one["standard_error"].values
            edges = np.append(time - half, time[-1] + half)
            ax.stairs(rate, edges, color=colour, linewidth=1.1, label=position_name(position))
            ax.fill_between(
                edges,
                np.append(rate - error, rate[-1] - error[-1]),
                np.append(rate + error, rate[-1] + error[-1]),
                step="post",
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
        ax.axvline(0, color="0.6", linewidth=0.6, zorder=0)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("time from the onset of the image, s")
        ax.set_ylabel("spikes/s, ± 1 s.e.m.")
        ax.legend(title="position", alignment="left")
    return ax


def _draw_tuning(tuned: xr.Dataset, ax: Axes) -> None:
    rank = np.arange(1, tuned.sizes["image"] + 1)
    for number, position in enumerate(tuned["position"].values.tolist()):
        one = tuned.isel(position=number)
        mean, error = one["mean"].values, one["standard_error"].values
        colour = COLOURS[number % len(COLOURS)]
        name = position_name(position)
        label = f"{name} (reference)" if position == tuned.attrs["reference"] else name
        known = bool(np.isfinite(error).any())
        if known and rank.size <= MAX_BARS:
            bars: Any = np.nan_to_num(error)
            ax.errorbar(
                rank, mean, yerr=bars, color=colour, linewidth=1, elinewidth=0.7, marker="o",
                markersize=2.2, label=label,
            )  # fmt: skip
        else:
            ax.plot(rank, mean, color=colour, linewidth=1, label=label)
            if known:
                ax.fill_between(
                    rank, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0
                )
    ax.set_xlim(0.5, rank.size + 0.5)
    reference = position_name(tuned.attrs["reference"])
    if rank.size <= MAX_NAMED:
        ax.set_xticks(rank, tuned["image"].values.astype(str), rotation=45, ha="right")
        ax.set_xlabel(f"image, by the response at {reference}")
    else:
        ax.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
        ax.set_xlabel(f"rank of the image by the response at {reference}")
    error_named = ", ± 1 s.e.m." if tuned["standard_error"].notnull().any() else ""
    ax.set_ylabel(f"response, {tuned.attrs.get('units', 'a.u.')}{error_named}")
    ax.legend(title="position", alignment="left", loc="upper left")
    make_room_for_legend(ax)


def _draw_spikes(spikes: Mapping[Any, Sequence[Any]], ax: Axes) -> None:
    """Draw raster and PSTH in the right half of the axes' place."""
    place: Any = ax.get_subplotspec()
    halves = place.subgridspec(2, 2, height_ratios=(1.3, 1))
    ax.set_subplotspec(halves[:, 0])
    figure: Any = ax.figure
    raster = figure.add_subplot(halves[0, 1])
    below = figure.add_subplot(halves[1, 1], sharex=raster)
    plot_raster(spikes, raster)
    raster.set_xlabel("")
    raster.tick_params(labelbottom=False)
    plot_psth(rates_shown(spikes), below)
    below.get_legend().remove()  # colours are those of the raster, which is labelled
