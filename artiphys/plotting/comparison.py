"""A network beside a recording: how their relations differ, and the units behind both."""

from collections.abc import Hashable, Mapping
from typing import Any, Protocol

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from artiphys.plotting.measured import labels_shown
from artiphys.plotting.signature import (
    Z_LABEL,
    draw_frame,
    draw_units,
    dynamic_range_label,
    label_decades,
)
from artiphys.plotting.style import (
    COLOURS,
    MARKERS,
    correlation_text,
    make_room_for_legend,
    panel,
    paper_style,
    position_name,
    true_minus,
)

__all__ = ["UnitQuantities", "comparison_figure", "plot_comparison"]

BELOW = 26.0  # points from the axes to the legend: the labels of the ticks and of the axis


class UnitQuantities(Protocol):
    """The units of one panel: dynamic range (unit), and Fisher z of invariance (unit, position)."""

    @property
    def dynamic_range(self) -> xr.DataArray:
        """Variance across images, (unit)."""

    @property
    def fisher_z(self) -> xr.DataArray:
        """Fisher z of the invariance, (unit, position)."""


def plot_comparison(
    result: xr.Dataset,
    ax: Axes | None = None,
    *,
    area: Hashable | None = None,
    position: Hashable | None = None,
) -> Axes:
    """Draw how much each layer's r_s differs from an area's, with the interval of the difference.

    Parameters
    ----------
    result : xarray.Dataset, (layer, area, position)
        From :func:`artiphys.compare`.
    ax : matplotlib.axes.Axes, optional
        The current ones by default.
    area, position : str or number, optional
        Draw this area, this position of the recording alone; by default the first area, and all
        positions, a colour each.

    Returns
    -------
    matplotlib.axes.Axes
        Difference of r_s, layer minus area, a row for each layer, without units. The legend gives
        the area's own r_s. A layer without a difference has a row without a point.

    Raises
    ------
    InputError
        If there is no such area or position in `result`.
    """
    area = labels_shown(result, "area", area)[0]
    positions = labels_shown(result, "position", position)
    layers = result["layer"].values.tolist()
    rows = np.arange(len(layers), dtype=float)
    with panel(ax) as ax:
        for number, at in enumerate(positions):
            cells = result.sel(area=area, position=at)
            beside = 0.5 * ((number + 0.5) / len(positions) - 0.5)
            label = f"position {position_name(at)}: {_area_text(cells)}"
            _draw_differences(ax, cells, rows + beside, number, label)
        ax.axvline(0, color="0.6", linewidth=0.6, zorder=0)
        ax.set_yticks(rows, [str(layer) for layer in layers])
        ax.set_ylim(len(layers) - 0.5, -0.5)
        ax.set_xlabel(f"difference of $r_s$, layer minus {area}, with its interval")
        ax.set_title(f"layers beside {area}")
        below = ScaledTranslation(0, -BELOW / 72, ax.figure.dpi_scale_trans)
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=ax.transAxes + below,
            alignment="left",
        )  # fmt: skip
    return ax


def comparison_figure(
    areas: Mapping[Any, UnitQuantities],
    layers: Mapping[tuple[Any, Any], UnitQuantities],
    result: xr.Dataset,
) -> Figure:
    """Draw a row for each area: the area, then every layer as that recording would measure it.

    Legends give r_s, and for a layer its difference from the area's, with interval.

    Parameters
    ----------
    areas : mapping from area to UnitQuantities
        From :func:`artiphys.comparison.units.compared_units`, at the recording's positions.
    layers : mapping from (layer, area) to UnitQuantities
        At the positions of the recording or of the model.
    result : xarray.Dataset
        From :func:`artiphys.compare`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = (*areas.values(), *layers.values())
    scales = {units.dynamic_range.attrs.get("units") for units in panels}
    names, rows = result["layer"].values.tolist(), result["area"].values.tolist()
    with paper_style():
        figure, axes = plt.subplots(
            len(rows),
            1 + len(names),
            figsize=(0.6 + 2.2 * (1 + len(names)), 0.6 + 2.3 * len(rows)),
            squeeze=False,
            sharex="row" if len(scales) == 1 else "none",
            sharey="row",
            layout="constrained",
        )
        for line, area in zip(axes, rows, strict=True):
            _panel(line[0], areas[area], result.sel(area=area).isel(layer=0), "brain")
            line[0].set_title(f"{area}, recorded")
            for ax, layer in zip(line[1:], names, strict=True):
                cells = result.sel(area=area, layer=layer)
                _panel(ax, layers[layer, area], cells, "model")
                ax.set_title(f"{layer}" if len(rows) == 1 else f"{layer}, as {area}")
            make_room_for_legend(line[0])
        area, layer = (next(iter(side.values())).dynamic_range for side in (areas, layers))
        also = "" if len(scales) == 1 else f"; of layers, {layer.attrs.get('units', '(a.u.)²')}"
        figure.supxlabel(dynamic_range_label(area) + also)
        figure.supylabel(Z_LABEL)
    plt.close(figure)  # the caller has it; pyplot need not keep it
    return figure


def _draw_differences(
    ax: Axes, cells: xr.Dataset, rows: np.ndarray, number: int, label: str
) -> None:
    found, interval = cells["difference"].values, cells["interval"].values
    known = np.isfinite(found)
    bars = np.nan_to_num(np.abs(interval - found[:, None])[known].T)
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    ax.errorbar(
        found[known], rows[known], xerr=bars, fmt=marker, color=colour, markersize=3.5,
        elinewidth=0.9, label=label,
    )  # fmt: skip


def _area_text(cells: xr.Dataset) -> str:
    r = float(cells["spearman_brain"].isel(layer=0))
    if np.isnan(r):
        return "no estimate recorded"
    return f"{correlation_text(r)} recorded"


def _panel(ax: Any, units: UnitQuantities, cells: xr.Dataset, side: str) -> None:
    positions = cells["position"].values.tolist()
    for number, position in enumerate(positions):
        cell = cells.sel(position=position)
        label = f"{position_name(position)}: {_result(cell, side)}"
        z = units.fisher_z.sel(position=position)
        draw_units(ax, units.dynamic_range.values, z.values, number, label)
    draw_frame(ax)
    label_decades(ax)


def _result(cell: xr.Dataset, side: str) -> str:
    if cell[f"spearman_{side}"].isnull():
        return "no estimate"
    text = true_minus(f"$r_s$ = {float(cell[f'spearman_{side}']):.2f}")
    if side == "brain" or cell["difference"].isnull():
        return text
    lower, upper = cell["interval"].values
    difference = f"{float(cell['difference']):.2f} [{lower:.2f}, {upper:.2f}]"
    return f"{text}, Δ = {true_minus(difference)}"
