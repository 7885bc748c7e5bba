"""Properties of a unit that a reviewer asks to be held constant."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.reliability import signal_to_noise
from artiphys.schema import require

__all__ = ["MEASURED", "covariates_of"]

MEASURED = ("mean_response", "signal_to_noise", "n_repeats")


def covariates_of(responses: xr.DataArray, names: Sequence[str]) -> np.ndarray | None:
    """Return covariates of the units (unit, covariate), or None for none.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
    names : sequence of str
        Numeric coordinates along ``unit``; or "mean_response", over all images, positions and
        trials; "signal_to_noise", the mean over positions; "n_repeats", the mean over cells.

    Raises
    ------
    InputError
        If a name is neither, or asks for trials that are not there; the valid ones are listed.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        return None
    along_unit = [
        name
        for name, c in responses.coords.items()
        if c.dims == ("unit",) and c.dtype.kind in "fiu"
    ]
    columns = []
    for name in names:
        if name in along_unit:
            columns.append(responses[name].values.astype(float))
        elif name in MEASURED:
            columns.append(_measured(responses, name))
        else:
            msg = f"covariates must be among {[*along_unit, *MEASURED]}; got {name!r}"
            raise InputError(msg)
    return np.stack(columns, axis=-1)


def _measured(responses: xr.DataArray, name: str) -> np.ndarray:
    if name == "mean_response":
        dims = [dim for dim in responses.dims if dim != "unit"]
        return responses.mean(dims).values
    if name == "signal_to_noise":
        return signal_to_noise(responses).mean("position").values
    n = require(responses, trial=True).notnull().sum("trial")
    return n.where(n > 0).mean(("image", "position")).values
