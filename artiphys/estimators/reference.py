"""Each unit's best position, chosen on trials that no estimate then uses."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from artiphys.cores import in_own_thread
from artiphys.errors import InputError
from artiphys.estimators.blocks import in_blocks
from artiphys.estimators.pieces import cells_of_trials, in_memory

__all__ = ["best_positions", "is_best"]

SHARE = 3  # one trial in so many chooses
SEED = 20180620  # of the choosing trials: the same for every call
ROUNDING = 1e-12  # of the greatest mean response: what is as near to it is as great


def is_best(reference: Any, labels: Sequence[Any] | np.ndarray) -> bool:
    """Return whether each unit is to have its own reference; a position may be called "best"."""
    return isinstance(reference, str) and reference == "best" and "best" not in list(labels)


def best_positions(responses: xr.DataArray) -> tuple[np.ndarray, xr.DataArray]:
    """Return each unit's position of greatest mean response, and the trials that did not choose.

    Of each cell a third of the trials, rounded down, choose, in a random order that is the same for
    all units and every call. The others are free of the choice, so that no estimate from them is
    biased by it. Of positions that are equally good it is the first.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        In memory or in chunks, which are read once to choose.

    Returns
    -------
    own : numpy.ndarray of int, (unit)
        -1 for units of which no cell has 3 trials.
    rest : xarray.DataArray, like `responses`
        NaN for the trials that chose; yet to be read, if they are in chunks.

    Raises
    ------
    InputError
        If no unit has a cell of 3 trials.
    """
    rng = np.random.default_rng(SEED)
    order = xr.Variable(responses.dims[1:], rng.random(responses.shape[1:]).argsort(-1))
    mean, n, _ = cells_of_trials(_dealt(responses, order, choosing=True))
    n_choosing = n.sum(1)
    if not n_choosing.any():
        msg = "reference='best' needs cells of at least 3 trials, one of which chooses; name one"
        raise InputError(msg)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.where(n > 0, n * mean, 0.0).sum(1) / n_choosing
    level = np.where(n_choosing > 0, level, -np.inf)
    greatest = level.max(1, keepdims=True)
    own = np.argmax(level >= greatest - ROUNDING * np.abs(greatest), axis=1)
    return np.where(n_choosing.any(1), own, -1), _dealt(responses, order, choosing=False)


def _dealt(responses: xr.DataArray, order: xr.Variable, *, choosing: bool) -> xr.DataArray:
    """Return trials in an order (image, position, trial), NaN but for those that choose, or not."""
    in_chunks = not in_memory(responses)
    return xr.apply_ufunc(
        partial(in_own_thread, _trials_dealt) if in_chunks else _trials_dealt,
        responses.chunk({"trial": -1}) if in_chunks else responses,
        order,
        kwargs={"choosing": choosing},
        input_core_dims=[["trial"], ["trial"]],
        output_core_dims=[["trial"]],
        dask="parallelized",
        output_dtypes=[float],
        keep_attrs=True,
    )


def _trials_dealt(values: np.ndarray, order: np.ndarray, *, choosing: bool) -> np.ndarray:
    def of_units(values: np.ndarray) -> list[np.ndarray]:
        dealt = np.take_along_axis(values, order[None], axis=-1).astype(float, copy=False)
        measured = ~np.isnan(dealt)
        n = measured.sum(-1, keepdims=True)
        chooses = np.cumsum(measured, axis=-1) <= n // SHARE
        return [np.where(chooses == choosing, dealt, np.nan)]

    return in_blocks(of_units, values)[0]
