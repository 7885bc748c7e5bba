"""The groups of units that a result is given for, and what their uncertainty is over."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError

__all__ = ["checked_resample", "group_names", "groups_of", "has_group", "q_values"]

RESAMPLES = (("unit",), ("image", "unit"), ("session", "unit"))


def group_names(responses: xr.DataArray, by: str, *, argument: str = "by") -> np.ndarray:
    """Return the values of the coordinate `by` along ``unit``, in the order they first appear.

    Raises
    ------
    InputError
        If `by`, which the message calls `argument`, is no such coordinate or missing everywhere.

    Warns
    -----
    ArtiphysWarning
        Where units belong to no group.
    """
    along_unit = [str(name) for name, c in responses.coords.items() if c.dims == ("unit",)]
    if by not in along_unit:
        msg = f"{argument} must be a coordinate along 'unit': one of {along_unit}; got {by!r}"
        raise InputError(msg)
    values = responses[by].values
    missing = ~has_group(responses, by)
    if missing.all():
        msg = f"{argument}={by!r} is missing (NaN) for every unit; choose another of {along_unit}"
        raise InputError(msg)
    if missing.any():
        of = f"{missing.sum()} of {missing.size} units"
        msg = f"{by!r} is missing (NaN) for {of}; they are left out"
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)
    return np.array(list(dict.fromkeys(values[~missing].tolist())), dtype=values.dtype)


def has_group(responses: xr.DataArray, by: str) -> np.ndarray:
    """Return which units (bool) belong to a group, `by` not being missing."""
    return ~pd.isna(responses[by].values)


def groups_of(responses: xr.DataArray, by: str, *, argument: str = "by") -> dict[Any, xr.DataArray]:
    """Return the responses of each group, under its name; raises as :func:`group_names`."""
    names, values = group_names(responses, by, argument=argument), responses[by].values
    return {name: responses.isel(unit=np.flatnonzero(values == name)) for name in names}


def checked_resample(resample: Any) -> tuple[str, ...]:
    """Return `resample` in order of the alphabet.

    Raises
    ------
    InputError
        If it is none of the choices.
    """
    given = (resample,) if isinstance(resample, str) else resample
    known = isinstance(given, Sequence) and all(isinstance(dim, str) for dim in given)
    if not known or tuple(sorted(given)) not in RESAMPLES:
        valid = ", ".join(" and ".join(choice) for choice in RESAMPLES)
        got = " and ".join(given) if known else repr(given)
        msg = f"resample must be one of: {valid}; got {got}"
        raise InputError(msg)
    return tuple(sorted(given))


def q_values(p_value: np.ndarray) -> np.ndarray:
    """Return the false discovery rate (Benjamini and Hochberg) of p-values of any shape.

    NaN where there is no p-value, which does not count.
    """
    from statsmodels.stats.multitest import multipletests  # a second, for those who ask for it

    q_value, known = np.full(p_value.shape, np.nan), np.isfinite(p_value)
    if known.any():
        q_value[known] = multipletests(p_value[known], method="fdr_bh")[1]
    return q_value
