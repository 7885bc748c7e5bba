"""The scatter of units' invariance against their dynamic range, with r_s and its interval."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artiphys.plotting.measured import labels_shown, units_shown
from artiphys.plotting.style import (
    COLOURS,
    MARKERS,
    correlation_text,
    few_labels,
    make_room_for_legend,
    note_below,
    panel,
    paper_style,
    position_name,
    true_minus,
)

__all__ = [
    "Z_LABEL",
    "draw_frame",
    "draw_units",
    "dynamic_range_label",
    "label_decades",
    "label_once",
    "plot_signature",
    "scatter_units",
    "signature_figure",
]

MAX_COLUMNS, MAX_PANELS = 3, 12
NARROWEST = 3.4  # inches: a column of a journal
Z_LABEL = "invariance: Fisher z of the correlation"
# Units whose correlation noise gives a larger standard error are drawn faintly.
NOISY = 0.25
FAINT, FULL = 0.22, 0.75
NOTE = (
    "Bars: ± 1 standard error from trial noise. Faint: units whose correlation has an error of more"
    f" than {NOISY:g}. Dynamic range on a log scale; units of no positive signal variance, or of"
    " invariance beyond ±1, have no place on it."
)


class _Series(NamedTuple):
    """The units of one group at one position, and what the signature says of them."""

    group: Any
    position: Any
    units: Any  # pandas.DataFrame
    cell: xr.Dataset


def plot_signature(
    responses: Any,
    result: xr.Dataset,
    ax: Axes | None = None,
    *,
    group: Hashable | None = None,
    position: Hashable | None = None,
) -> Axes:
    """Draw the units that a signature is of: Fisher z of invariance against dynamic range.

    Each unit has the errors that the noise of its trials gives both quantities; noisy units, which
    count for little in the estimate, are faint. The title or the legend gives position, r_s, its
    interval and the number of units of the estimate.

    Parameters
    ----------
    responses : xarray.DataArray (unit, image, position[, trial]) or pandas.DataFrame
        What was measured; or a table from :func:`artiphys.unit_table`, drawn as it is.
    result : xarray.Dataset, (group, position)
        From :func:`artiphys.signature` of these responses.
    ax : matplotlib.axes.Axes, optional
        The current ones by default.
    group, position : str or number, optional
        Draw this group, this position alone; all by default, a colour each.

    Returns
    -------
    matplotlib.axes.Axes
        Dynamic range, in the square of the responses' units, on a log scale; Fisher z without
        units.

    Raises
    ------
    InputError
        If there is no such group or position in `result`, or `responses` are of other groups.

    Notes
    -----
    With trials, noise is taken off both quantities of each unit, from all of its trials. The
    estimate itself is not made from these points: it takes no two quantities from the same noise.
    Noise in one trial moves both, so that points scatter along a line even where there is no
    relation; trust r_s.
    """
    table = units_shown(responses, result)
    series = _series(table, result, group, position)
    with panel(ax) as ax:
        _draw_series(ax, series, result)
        ax.set_xlabel(dynamic_range_label(responses))
        ax.set_ylabel(Z_LABEL)
        if any(bool(_noisy(one.units).any()) for one in series):
            marks: Any = {"s": 9, "color": "0.3", "alpha": FAINT, "linewidths": 0}
            ax.scatter([], [], label=f"noisy: error of r > {NOISY:g}", **marks)
        draw_frame(ax, _interval_named(result) if len(series) > 1 else None)
        label_decades(ax)
        make_room_for_legend(ax)
    return ax


def signature_figure(responses: Any, result: xr.Dataset) -> Figure:
    """Draw a panel for each group and position, or for each group where those are too many.

    Parameters
    ----------
    responses, result
        As for :func:`plot_signature`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    (by,) = (dim for dim in result["spearman"].dims if dim != "position")
    table = units_shown(responses, result)
    groups, positions = result[by].values.tolist(), result["position"].values.tolist()
    panels: list[tuple[Any, Any]] = [(g, p) for g in groups for p in positions]
    if len(panels) > MAX_PANELS:
        panels = [(g, None) for g in groups]
    n_rows, n_columns = _grid(len(panels), len(positions) if len(panels) > len(groups) else 1)
    with paper_style():
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(max(NARROWEST, 0.5 + 2.1 * n_columns), 0.7 + 2.1 * n_rows),
            squeeze=False,
            sharey=True,
            layout="constrained",
        )
        for ax, (group, position) in zip(axes.flat, panels, strict=False):
            _draw_series(ax, _series(table, result, group, position), result)
            draw_frame(ax, None if position is not None else _interval_named(result))
            label_decades(ax)
        for ax in axes.flat[len(panels) :]:
            ax.remove()
        for column in range(n_columns):  # the last panel of each
            last = max(n for n in range(len(panels)) if n % n_columns == column)
            axes.flat[last].set_xlabel(dynamic_range_label(responses))
        for row in axes:
            row[0].set_ylabel(Z_LABEL)
        note_below(figure, NOTE if table["noise_error"].notna().any() else "")
        make_room_for_legend(axes[0, 0])
    plt.close(figure)  # the caller has it; pyplot need not keep it
    return figure


def _grid(n_panels: int, n_positions: int) -> tuple[int, int]:
    """Return rows and columns: a row for each group where its positions fit into one, or few."""
    if 1 < n_positions <= MAX_COLUMNS:
        return n_panels // n_positions, n_positions
    n_rows = max(1, -(-n_panels // MAX_COLUMNS))
    return n_rows, max(1, -(-n_panels // n_rows))


def _series(
    table: Any, result: xr.Dataset, group: Hashable | None, position: Hashable | None
) -> list[_Series]:
    """Return what is to be drawn, those of one group one after the other."""
    (by,) = (str(dim) for dim in result["spearman"].dims if dim != "position")
    groups, positions = labels_shown(result, by, group), labels_shown(result, "position", position)
    used = table[table["used"].astype(bool)]
    return [
        _Series(
            g,
            p,
            used[(used["group"] == g) & (used["position"] == p)],
            result.sel({by: g, "position": p}),
        )
        for g in groups
        for p in positions
    ]


def _draw_series(ax: Axes, series: Sequence[_Series], result: xr.Dataset) -> None:
    """Draw series, a colour each; one alone has its r_s in the title, several in the legend."""
    several_groups = len({str(one.group) for one in series}) > 1
    several_positions = len({str(one.position) for one in series}) > 1
    reference = result.attrs.get("reference")
    for number, one in enumerate(series):
        names = [str(one.group)] if several_groups else []
        names += [position_name(one.position)] if several_positions else []
        label = f"{', '.join(names)}: {_estimate(one.cell)}"
        _draw_measured(ax, one.units, number, label if names else "_nolegend_")
    title = [] if several_groups else [str(series[0].group)]
    if not several_positions:
        title.append(f"position {position_name(series[0].position)}")
    if reference is not None:
        title.append(f"reference {position_name(reference)}")
    whole = ", ".join(title)
    if len(series) == 1:
        whole += f"\n{_estimate(series[0].cell)}"
    ax.set_title(true_minus(whole), fontsize=6.5)


def _draw_measured(ax: Axes, units: Any, number: int, label: str) -> None:
    """Draw units with bars of one standard error either way, the noisy ones faintly."""
    x, y = (units[name].to_numpy(float) for name in ("dynamic_range", "fisher_z"))
    bars = [units[f"{name}_error"].to_numpy(float) for name in ("dynamic_range", "fisher_z")]
    shown = np.isfinite(x) & np.isfinite(y) & (x > 0)  # a log scale has no 0
    n_out = int(np.sum(~shown))
    if n_out and label != "_nolegend_":
        label += f"; {n_out} not on the scales"
    noisy = _noisy(units)
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    for among, alpha in ((shown & noisy, FAINT), (shown & ~noisy, FULL)):
        if not among.any():
            continue
        to_left = np.minimum(bars[0][among], 0.999 * x[among])  # a log scale has no 0
        of_points = ax.dataLim.frozen()  # bars may leave the panel: some say next to nothing
        ax.errorbar(
            x[among],
            y[among],
            xerr=np.nan_to_num([to_left, bars[0][among]]),
            yerr=np.nan_to_num(bars[1][among], posinf=0.0),
            fmt="none",
            ecolor=colour,
            elinewidth=0.5,
            alpha=0.6 * alpha,
        )
        ax.dataLim.set(of_points)
        ax.scatter(
            x[among],
            y[among],
            s=9,
            marker=marker,
            color=colour,
            alpha=alpha,
            linewidths=0,
            zorder=3,
        )
    if label != "_nolegend_":
        ax.scatter([], [], s=9, marker=marker, color=colour, linewidths=0, label=label)
    elif n_out:
        ax.scatter([], [], s=0, label=f"{n_out} not on the scales")


def _noisy(units: Any) -> np.ndarray:
    noisy: np.ndarray = units["noise_error"].to_numpy(float) > NOISY
    return noisy


def _estimate(cell: xr.Dataset) -> str:
    """Return r_s with its interval and the number of units; bounds for what is beyond them."""
    n = int(cell["n_units"]) if "n_units" in cell else None
    of = "" if n is None else f", {n} unit" if n == 1 else f", {n} units"
    r = float(cell["spearman"])
    lower, upper = np.clip(cell["interval"].values, -1, 1)
    if np.isnan(lower):
        return f"no estimate{of}"
    estimate = "open" if np.isnan(r) else correlation_text(r)
    return true_minus(f"{estimate} [{lower:.2f}, {upper:.2f}]{of}")


def scatter_units(
    dynamic_range: xr.DataArray, z: xr.DataArray, result: xr.Dataset, ax: Axes | None = None
) -> Axes:
    """Draw units at one position; `result` is the signature there. Returns the axes."""
    ax = plt.gca() if ax is None else ax
    (by,) = result["spearman"].dims
    for number, group in enumerate(result[by].values):
        members = dynamic_range[by].values == group
        label = _legend(str(group), result.sel({by: group}))
        draw_units(ax, dynamic_range.values[members], z.values[members], number, label)
    draw_frame(ax, _interval_named(result))
    ax.set_xlabel(dynamic_range_label(dynamic_range))
    ax.set_ylabel(Z_LABEL)
    return ax


def label_once(axes: Sequence[Axes]) -> None:
    """Label only the first of axes that share their y, with room for legends above the points."""
    make_room_for_legend(axes[0])
    for ax in axes[1:]:
        ax.set_ylabel("")


def draw_units(ax: Axes, x: np.ndarray, y: np.ndarray, number: int, label: str) -> None:
    """Add units to a panel; those at an infinite z are left out, and counted in the legend."""
    shown = np.isfinite(x) & np.isfinite(y) & (x > 0)  # a log scale has no 0
    n_perfect = int(np.sum(np.isinf(y) & np.isfinite(x)))
    label += f"; {n_perfect} at ±∞" if n_perfect else ""
    ax.scatter(
        x[shown],
        y[shown],
        s=9,
        marker=MARKERS[number % len(MARKERS)],
        color=COLOURS[number % len(COLOURS)],
        alpha=0.55,
        linewidths=0,
        label=label,
    )


def draw_frame(ax: Axes, title: str | None = None) -> None:
    """Draw the log scale, the line at 0 and the legend of a panel of units."""
    if any(np.size(points.get_offsets()) for points in ax.collections):
        ax.set_xscale("log")
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(
            handles,
            labels,
            title=title,
            alignment="left",
            loc="upper left",
            handletextpad=0.2,
            borderaxespad=0.2,
            markerscale=1.4,
            frameon=True,  # bars may run below it
            framealpha=0.85,
            edgecolor="none",
        )


def label_decades(ax: Axes) -> None:
    """Label the axis of dynamic ranges so that labels do not overlap."""
    if ax.get_xscale() != "log":  # no unit to show
        ax.xaxis.set_major_locator(ticker.NullLocator())
        return
    few_labels(ax.xaxis)


def dynamic_range_label(measured: Any) -> str:
    """Return the label of the axis of dynamic ranges, measured or of responses (with images)."""
    units = measured.attrs.get("units")
    if units is not None and "image" in getattr(measured, "dims", ()):
        units = f"({units})²"
    return f"dynamic range: variance, {units or '(a.u.)²'}"


def _interval_named(result: xr.Dataset) -> str | None:
    """Return what the numbers of a legend are; None where the result does not say its level."""
    level = result.attrs.get("level")
    return None if level is None else f"$r_s$ [{100 * level:g} % interval]"


def _legend(name: str, cell: xr.Dataset) -> str:
    r, (lower, upper) = float(cell["spearman"]), cell["interval"].values
    if np.isnan(r):
        return f"{name}: $r_s$ undefined"
    return true_minus(f"{name}: $r_s$ = {r:.2f} [{lower:.2f}, {upper:.2f}]")
