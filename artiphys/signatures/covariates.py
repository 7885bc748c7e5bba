"""Properties of a unit that a reviewer asks to be held constant."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError, listed
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.reliability import signal_to_noise_of

__all__ = ["MEASURED", "covariate_names", "covariates_of", "measured_covariate"]

MEASURED = ("mean_response", "signal_to_noise", "n_repeats")
OF_TRIALS = MEASURED[1:]


def covariate_names(responses: xr.DataArray, covariates: Any) -> tuple[str, ...]:
    """Return the names of covariates: of one, or of several.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
    covariates : str or sequence of str
        Numeric coordinates along ``unit``, or of :data:`MEASURED`.

    Raises
    ------
    InputError
        If one is neither, or asks for trials that are not there; the valid ones are listed.
    """
    given = [covariates] if isinstance(covariates, str) else covariates
    named: list[Any] = list(given) if hasattr(given, "__iter__") else [given]
    for name in named:
        _check_name(responses, name)
    return tuple(named)


def covariates_of(measured: Measurement, names: Sequence[str]) -> np.ndarray | None:
    """Return covariates of the units (unit, covariate), or None for none.

    Parameters
    ----------
    measured : Measurement
        Of all the trials, where there are any.
    names : sequence of str
        From :func:`covariate_names`: numeric coordinates along ``unit``; or "mean_response", over
        all images, positions and trials; "signal_to_noise", the mean over positions; "n_repeats",
        the mean over cells.

    Returns
    -------
    numpy.ndarray, (unit, covariate), or None
        NaN where one is missing or infinite.

    Warns
    -----
    ArtiphysWarning
        Where a coordinate is missing, with the number of units and some of their names.
    """
    if not names:
        return None
    columns, responses = [], measured.responses
    for name in names:
        if name in _along_unit(responses):
            values = responses[name].values.astype(float)
            values = np.where(np.isfinite(values), values, np.nan)
            _warn_of_missing(responses, name, np.isnan(values))
        else:
            values = measured_covariate(measured, name)
        columns.append(values)
    return np.stack(columns, axis=-1)


def _check_name(responses: xr.DataArray, name: Any) -> None:
    along_unit = _along_unit(responses)
    valid = [*along_unit, *MEASURED]
    if not isinstance(name, str):
        msg = (
            f"covariates must be names, among {valid}; got {type(name).__name__}; make numbers a "
            "coordinate: responses.assign_coords(depth=('unit', values)), and name it"
        )
        raise InputError(msg)
    if name not in valid:
        msg = f"covariates must be among {valid}; got {name!r}"
        raise InputError(msg)
    if name in OF_TRIALS and name not in along_unit and "trial" not in responses.dims:
        msg = f"the covariate {name!r} is measured from single trials; got averages only"
        raise InputError(msg)


def _along_unit(responses: xr.DataArray) -> list[str]:
    return [
        str(name)
        for name, c in responses.coords.items()
        if c.dims == ("unit",) and c.dtype.kind in "fiu"
    ]


def _warn_of_missing(responses: xr.DataArray, name: str, missing: np.ndarray) -> None:
    if not missing.any():
        return
    named = listed(responses["unit"].values[missing])
    msg = (
        f"the covariate {name!r} is missing (NaN) for {missing.sum()} of {missing.size} units, "
        f"which are left out: {named}"
    )
    warnings.warn(msg, ArtiphysWarning, stacklevel=5)


def measured_covariate(measured: Measurement, name: str) -> np.ndarray:
    """Return one of :data:`MEASURED` of the units (unit), of all the trials there are."""
    if not measured.has_trials:
        return measured.averages.mean
    n = measured.cells.n
    with np.errstate(invalid="ignore"):  # of units that were never shown anything
        if name == "mean_response":
            return np.where(n > 0, n * measured.cells.mean, 0.0).sum((1, 2)) / n.sum((1, 2))
        if name == "signal_to_noise":
            return _mean(signal_to_noise_of(measured.cells))
        return n.sum((1, 2)) / (n > 0).sum((1, 2))


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over positions of what is known (unit)."""
    known = ~np.isnan(values)
    return np.where(known, values, 0.0).sum(1) / known.sum(1)
