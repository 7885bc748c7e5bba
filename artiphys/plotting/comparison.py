"""Scatters of a recording's areas and of a network's layers, side by side."""

from collections.abc import Mapping
from typing import Any, Protocol

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from artiphys.plotting.signature import (
    Z_LABEL,
    draw_frame,
    draw_units,
    dynamic_range_label,
    label_decades,
    make_room_for_legend,
    position_name,
)
from artiphys.plotting.style import paper_style, true_minus

__all__ = ["UnitQuantities", "plot_comparison"]


class UnitQuantities(Protocol):
    """The units of one panel: dynamic range (unit), and Fisher z of invariance (unit, position)."""

    @property
    def dynamic_range(self) -> xr.DataArray:
        """Variance across images, (unit)."""

    @property
    def fisher_z(self) -> xr.DataArray:
        """Fisher z of the invariance, (unit, position)."""


def plot_comparison(
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
