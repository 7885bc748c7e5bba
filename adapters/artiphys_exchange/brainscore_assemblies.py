"""Assemblies as Brain-Score has them: presentation × neuroid, described by coordinates.

Brain-Score pins NumPy below 2, so that it cannot be installed beside artiphys. Its assemblies are
DataArrays, however: what `to_assembly` returns is one before Brain-Score makes an index of its
coordinates, as a file holds it, and `from_assembly` takes either. Files carry them from one
environment to the other.
"""

from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError
from artiphys.responses.columns import columns, from_columns
from artiphys.responses.presentations import to_presentations

__all__ = ["from_assembly", "to_assembly"]

DIMS = ("presentation", "neuroid")
THEIRS = {"unit": "neuroid_id", "area": "region", "image": "stimulus_id", "trial": "repetition"}


def to_assembly(responses: xr.DataArray) -> xr.DataArray:
    """Return the presentations of a response array as Brain-Score lays an assembly out.

    In an environment with Brain-Score, ``NeuroidAssembly(assembly)`` makes it one of its own, and
    ``assembly.to_netcdf(path)`` here a file that ``NeuroidAssembly.from_files(path)`` opens there.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Returns
    -------
    xarray.DataArray, (presentation, neuroid)
        NaN where a unit was not measured. Along ``presentation`` lie ``stimulus_id``,
        ``repetition``, ``position``, ``x``, ``y`` and ``shift``; along ``neuroid``
        ``neuroid_id``, ``region``, ``source`` and what else lies along units. Not carried: an image
        or a position at which no unit was measured, and the pictures (Brain-Score's stimulus set).

    Raises
    ------
    SchemaError
        If `responses` is not valid.

    Examples
    --------
    >>> import artiphys
    >>> responses, _ = artiphys.simulate_responses(n_units=8, n_images=12, repeats=5, rng=0)
    >>> assembly = to_assembly(responses)
    >>> dict(assembly.sizes)  # 12 images, 2 positions, 5 repeats
    {'presentation': 120, 'neuroid': 8}
    >>> from_assembly(assembly).equals(responses)
    True
    """
    shown = to_presentations(responses).transpose("presentation", "unit")
    coords = {
        THEIRS.get(str(name), str(name)): (coord.dims[0].replace("unit", "neuroid"), coord.values)
        for name, coord in shown.coords.items()
    }
    return xr.DataArray(shown.values, coords, DIMS, attrs=shown.attrs)


def from_assembly(
    assembly: xr.DataArray,
    *,
    image: str = "stimulus_id",
    position: str = "position",
    unit: str = "neuroid_id",
    reference: Any = None,
    units: str | None = None,
    area: str | None = "region",
    source: str | None = None,
    displacement_units: str | None = None,
) -> xr.DataArray:
    """Return the response array of an assembly.

    Parameters
    ----------
    assembly : xarray.DataArray, (presentation, neuroid) or with ``time_bin``
        A ``NeuroidAssembly``, or what ``xarray.open_dataarray`` makes of its file. Of several time
        bins choose or average: ``assembly.isel(time_bin=0)``.
    image, position : str
        Coordinates along ``presentation``; older files have ``image_id``. Presentations alike in
        both are the repeats of a cell.
    unit : str
        A coordinate along ``neuroid``, unique.
    reference : str or number, optional
        The reference position.
    units : {"spikes/s", "spikes", "a.u."}, optional
        Of the values. These two are attrs of the assembly where they are not given, as
        :func:`to_assembly` writes them.
    area, source : str, optional
        Coordinates along ``neuroid``, or the text for all units.
    displacement_units : {"px", "deg"}, optional
        Of the coordinates ``x`` and ``y`` along ``presentation``, if there are any.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Without ``trial`` if there is no ``repetition`` and no cell has a second presentation. All
        coordinates along ``neuroid`` lie along ``unit``, ``x`` of an electrode as ``unit_x``.

    Raises
    ------
    InputError
        If it has other dims, or coordinates are missing or have gaps.
    SchemaError
        If the result would not be valid.
    """
    if not isinstance(assembly, xr.DataArray):
        msg = f"assembly must be an xarray.DataArray; got {type(assembly).__name__}"
        raise InputError(msg)
    dims = [dim for dim in assembly.dims if dim != "time_bin" or assembly.sizes[dim] > 1]
    if set(dims) != set(DIMS):
        msg = f"assembly must have the dims {DIMS}, and one time bin; got {dict(assembly.sizes)}"
        raise InputError(msg)
    along = {
        dim: {
            str(name): coord.values
            for name, coord in assembly.coords.items()
            if coord.dims == (dim,) and name != dim  # which is the index of all the others
        }
        for dim in DIMS
    }
    shown = along["presentation"]
    if "repetition" in shown:
        shown["trial"] = shown.pop("repetition")
    values = np.asarray(xr.DataArray(assembly).transpose(*reversed(DIMS), ...).values)
    n_unit, n_shown = values.shape[:2]
    return from_columns(
        real_numbers(values.reshape(n_unit, n_shown), "the assembly"),
        columns(shown, n_shown, "presentation"),
        columns(along["neuroid"], n_unit, "neuroid"),
        unit=unit,
        image=image,
        position=position,
        reference=reference,
        units=units,
        area=area,
        source=source,
        displacement_units=displacement_units,
        attrs=assembly.attrs,
        maker="artiphys_exchange.from_assembly",
    )
