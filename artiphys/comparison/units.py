"""The units behind a comparison, one by one: what a figure of it shows of either side."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import xarray as xr

from artiphys.comparison.experiment import matched_responses
from artiphys.correlations.spearman import fisher_z
from artiphys.estimators.dynamic_range import dynamic_range_of
from artiphys.estimators.invariance import invariance_of
from artiphys.estimators.measurement import measurement
from artiphys.signatures.groups import groups_of

__all__ = ["UnitQuantities", "compared_units"]


class UnitQuantities(NamedTuple):
    """The two quantities of the units of one layer or area."""

    dynamic_range: xr.DataArray  # (unit)
    fisher_z: xr.DataArray  # (unit, position), of invariance; NaN for units that do not count


def compared_units(
    model: xr.DataArray,
    brain: xr.DataArray,
    result: xr.Dataset,
    *,
    by_model: str = "area",
    by_brain: str = "area",
    positions: Mapping[Any, Any] | None = None,
    rng: Any = None,
) -> tuple[dict[Any, UnitQuantities], dict[tuple[Any, Any], UnitQuantities]]:
    """Return the quantities of each area, and of each (layer, area): the layer seen through it.

    With trials noise is taken off, as from all of them, and units that are too noisy for the
    comparison to count are NaN. A layer is shown as one pass through the recording of each area.

    Parameters
    ----------
    model, brain, by_model, by_brain, positions, rng
        As in :func:`artiphys.compare`.
    result : xarray.Dataset
        What that function returned of them.

    Returns
    -------
    areas : dict from area to UnitQuantities
        Dynamic range (unit), in the square of the recording's units, and Fisher z (unit, position).
    layers : dict from (layer, area) to UnitQuantities
        Likewise, at the recording's labels of positions.

    Raises
    ------
    InputError
        As :func:`artiphys.compare`.
    """
    references = {side: result.attrs[f"reference_{side}"] for side in ("model", "brain")}
    through = result.attrs["noise"] == "split"
    areas, layers = {}, {}
    for area, recorded in groups_of(brain, by_brain, argument="by_brain").items():
        areas[area] = _quantities(recorded, references["brain"], corrected=through)
        for layer, probed in groups_of(model, by_model, argument="by_model").items():
            if through:
                seen = matched_responses(
                    probed,
                    recorded,
                    positions=positions,
                    reference_model=references["model"],
                    reference_brain=references["brain"],
                    rng=rng,
                )
                layers[layer, area] = _quantities(seen, None, corrected=True)
            else:
                whole = _quantities(probed, references["model"], corrected=False)
                z = whole.fisher_z.sel(position=result["position_model"].values)
                z = z.assign_coords(position=result["position"].values)
                layers[layer, area] = whole._replace(fisher_z=z)
    return areas, layers


def _quantities(responses: xr.DataArray, reference: Any, *, corrected: bool) -> UnitQuantities:
    measured = measurement(responses, reference=reference, noise="corrected" if corrected else None)
    z = fisher_z(invariance_of(measured))
    if corrected:  # NaN where the split estimate is: for units that are too noisy
        split = measurement(responses, reference=reference, noise="split")
        z = z.where(invariance_of(split).notnull())
    return UnitQuantities(dynamic_range_of(measured), z)
