"""Labels of a probing's responses: units, images, positions, and where they come from."""

from typing import Any

import numpy as np
import xarray as xr

from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance
from artiphys_torch.probing.plan import Plan

__all__ = ["labelled_responses"]


def labelled_responses(plan: Plan, values: Any, n_units: dict[str, int]) -> xr.DataArray:
    """Return the responses, (unit, image, position), as a response array.

    Parameters
    ----------
    plan : Plan
    values : array of NumPy or dask, (unit, image, position)
        Units in the order of the plan's layers.
    n_units : dict
        By layer.
    """
    shifts = list(plan.stimulus.shifts)
    along_unit = _along_unit(plan, n_units)
    lefts = np.array([plan.stimulus.geometry(each.size).left for each in plan.passes])
    shared = (lefts == lefts[0]).all(axis=0)
    return response_array(
        values,
        unit=along_unit.pop("unit"),
        image=plan.photographs.names,
        position=shifts,
        x=np.where(shared, lefts[0], np.nan).tolist(),
        y=[0.0] * len(shifts),
        displacement_units="px",
        shift=shifts,
        area=along_unit.pop("area"),
        source=plan.source,
        units="a.u.",
        reference=0.0,
        unit_coords=along_unit,
        provenance=_provenance(plan),
    )


def _along_unit(plan: Plan, n_units: dict[str, int]) -> dict[str, Any]:
    """Return the coordinates along ``unit``, layer by layer."""
    prefix = plan.run.source or plan.origin.network
    by_layer = []
    for layer, area in plan.areas.items():
        (each,) = (each for each in plan.passes if layer in each.layers)
        n = n_units[layer]
        shape = (n, 1, 1)
        where: dict[str, np.ndarray] = {}
        if plan.run.units == "all":
            found = each.maps[layer]  # type: ignore[union-attr]  # all are read in frames
            shape = (n // found.n_places, len(found.rows), len(found.columns))
            for name, part, axis in (("row", found.rows, 0), ("column", found.columns, 1)):
                index = np.array(part).reshape((-1, 1) if axis == 0 else (1, -1))
                where[name] = np.broadcast_to(index, shape).ravel()
            for name, along, axis in (("rf_y", "row", 0), ("rf_x", "column", 1)):
                where[name] = (where[along] - found.middle[axis]) * float(found.stride[axis])
        channel = np.repeat(np.arange(shape[0]), n // shape[0])
        indices = [channel, *(where[name] for name in ("row", "column") if where)]
        names = ["/".join(map(str, at)) for at in zip(*indices, strict=True)]
        by_layer.append(
            {
                "unit": np.array([f"{prefix}/{area}/{name}" for name in names]),
                "area": np.full(n, area),
                "layer": np.full(n, layer),
                "channel": channel,
                "rf_size": np.full(n, each.size),
                **where,
            }
        )
    return {name: np.concatenate([each[name] for each in by_layer]) for name in by_layer[0]}


def _provenance(plan: Plan) -> str:
    return provenance(
        "artiphys_torch.probe",
        arguments={
            "layers": {area: layer for layer, area in plan.areas.items()},
            **vars(plan.stimulus),
            "normalisation": plan.stimulus.normalisation._asdict(),
            "normalisation_from": plan.normalisation_from,
            "units": plan.run.units,
            "device": plan.run.device.type,
            "dtype": plan.dtype,
            "weights_dtype": plan.own_dtype,
            **({"frame": plan.run.frame} if plan.run.frame else {}),
        },
        inputs=[
            {"name": plan.origin.source, "sha256": plan.origin.digest},
            {
                "name": plan.photographs.origin,
                "sha256": plan.digest_of_photographs,
                "count": len(plan.photographs),
            },
        ],
        dropped=plan.dropped,
        packages=("torch", "torchvision", "pillow"),
        passes=[each.describe() for each in plan.passes],
    )
