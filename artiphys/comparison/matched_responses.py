"""A network's responses as a recording would have measured them."""

from collections.abc import Hashable, Mapping
from typing import Any

import xarray as xr

from artiphys.arguments import generator
from artiphys.comparison.experiment import experiment_of, through_experiment
from artiphys.comparison.sides import checked_sides, images_drawn
from artiphys.errors import InputError
from artiphys.responses.provenance import provenance
from artiphys.responses.schema import require

__all__ = ["matched_responses"]


def matched_responses(
    model: xr.DataArray,
    brain: xr.DataArray,
    *,
    positions: Mapping[Any, Any] | None = None,
    reference_model: Hashable | None = None,
    reference_brain: Hashable | None = None,
    rng: Any = None,
) -> xr.DataArray:
    """Return a network's responses as a recording would have measured them.

    One pass of what :func:`compare` averages over; its notes say how it is done.

    Parameters
    ----------
    model : xarray.DataArray, (unit, image, position)
        The units of one layer.
    brain : xarray.DataArray, (unit, image, position, trial)
        The units of one area.
    positions, reference_model, reference_brain, rng
        As in :func:`compare`.

    Returns
    -------
    xarray.DataArray, (unit, image, position, trial)
        The model's units, at the positions and in the units of response of the recording.

    Raises
    ------
    InputError
        As :func:`compare`.
    """
    require(brain, trial=True)
    sides = checked_sides(
        model, brain, True, "unit", "unit", reference_model, reference_brain, positions
    )
    drawn = generator(rng)
    values, images = images_drawn(sides.model, sides.brain, drawn)
    experiment = experiment_of(sides.brain.values, 0)
    if experiment.mean.size == 0:
        msg = "no recorded unit has two images with trials at the reference; nothing says its noise"
        raise InputError(msg)
    trials = through_experiment(values, 0, experiment, drawn)
    along = {n: c for n, c in sides.model.coords.items() if c.dims == ("unit",)}
    coords = along | {n: c for n, c in sides.brain.coords.items() if c.dims == ("position",)}
    attrs = {name: sides.brain.attrs[name] for name in ("units", "schema_version")
             if name in sides.brain.attrs}  # fmt: skip
    attrs |= {"reference": sides.brain["position"].values[0].item()}
    attrs["provenance"] = provenance("artiphys.matched_responses", arguments={"rng": str(rng)})
    return xr.DataArray(
        trials,
        dims=("unit", "image", "position", "trial"),
        coords=coords | {"image": sides.model["image"].values[images]},
        name="response",
        attrs=attrs,
    )
