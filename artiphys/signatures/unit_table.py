"""The units of a response array as a table: what a lab exports, filters, plots and regresses."""

import warnings
from collections.abc import Hashable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.correlations.spearman import fisher_z
from artiphys.errors import ArtiphysWarning, listed
from artiphys.estimators.dynamic_range import dynamic_range_of
from artiphys.estimators.invariance import invariance_of, noise_error_of
from artiphys.estimators.measurement import Measurement, Noise, measurement_of
from artiphys.estimators.reliability import signal_to_noise_of
from artiphys.responses.schema import require
from artiphys.signatures.covariates import measured_covariate
from artiphys.signatures.groups import group_names, has_group
from artiphys.signatures.left_out import ITS_REFERENCE, of_one_repeat, too_few_images
from artiphys.signatures.request import SESSION_COORD

__all__ = ["unit_table"]


def unit_table(
    responses: xr.DataArray,
    *,
    by: str = "area",
    reference: Hashable | None = None,
    noise: Noise = "auto",
) -> pd.DataFrame:
    """Return a table with one row for each unit and position away from the reference.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
    by : str
        The coordinate along ``unit`` whose values are the groups of :func:`artiphys.signature`. A
        unit without one is in no group, and not used.
    reference : str or number, optional
        As in :func:`artiphys.signature`.
    noise : {"auto", None, "corrected", "split"}
        How the two quantities are estimated, as in :func:`artiphys.dynamic_range` and
        :func:`artiphys.invariance`: with trials and "auto", from one way to halve them.

    Returns
    -------
    pandas.DataFrame
        ``unit``, ``area``, ``session`` (the coordinate ``source``) and every other coordinate along
        ``unit``; ``position``;

        ``dynamic_range``
            variance across images at the reference position, in the square of the responses' units;
        ``invariance``, ``fisher_z``
            correlation across images with the reference position, and its Fisher z;
        ``noise_error``
            standard error that trial noise gives that correlation, from all the trials;
        ``signal_to_noise``
            of a single trial at this position, as :func:`artiphys.signal_to_noise`;
        ``mean_response``, ``n_repeats``
            over all images and positions, as the covariates of these names in
            :func:`artiphys.signature`;
        ``n_images``
            measured at this position and at the reference;
        ``used``, ``why_not``
            whether :func:`artiphys.signature` with these arguments uses the unit at this position,
            and if not why: without signal, fewer than 6 images, not measured ...

        What takes trials is NaN without them.

    Raises
    ------
    InputError
        As :func:`artiphys.signature`.

    Warns
    -----
    ArtiphysWarning
        Where units do not belong to a group, and of coordinates along ``unit`` that are left out,
        having the names of measured columns.

    Notes
    -----
    A relation between columns of this table is no test of the prediction. Noise in dynamic range
    makes a regression slope on it too shallow (by its reliability), and noise that both quantities
    share, as with ``noise=None`` or "corrected", makes a slope where there is none. See
    :func:`artiphys.signature` for the test.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Examples
    --------
    >>> from artiphys.simulation import simulate_responses
    >>> table = unit_table(simulate_responses(n_units=40, rng=0).responses)
    >>> table.loc[table["used"], ["unit", "dynamic_range", "fisher_z"]].shape
    (40, 3)
    """
    responses = require(responses)
    measured = measurement_of(responses, reference, noise)
    whole = measured  # of all the trials there are
    if "trial" in responses.dims and (measured.noise is None or measured.is_best):
        whole = replace(measured, responses=responses)
    if whole.has_trials and measured.noise is None and not measured.is_best:
        measured = whole.as_measured()  # whose cells are known, or will be
    group_names(responses, by)
    dynamic_range, invariance = dynamic_range_of(measured), invariance_of(measured)
    noise_error = _noise_error(measured, whole)
    if noise == "auto" and measured.noise is not None:
        once = of_one_repeat(measured.cells.n, measured.own)
        why_not = too_few_images(measured.cells, measured.own, once)[:, measured.away]
    else:
        why_not = _why_undefined(measured, dynamic_range, invariance)
    why_not = np.where(has_group(responses, by)[:, None], why_not, f"no {by}")
    n_position = invariance.sizes["position"]
    of_trials = _of_trials(whole, measured.away)
    columns = {
        "position": np.tile(invariance["position"].values, responses.sizes["unit"]),
        "dynamic_range": np.repeat(dynamic_range.values, n_position),
        "invariance": invariance.values.ravel(),
        "fisher_z": fisher_z(invariance.values.ravel()),
        "noise_error": noise_error[:, measured.away].ravel(),
        "signal_to_noise": of_trials.signal_to_noise,
        "mean_response": np.repeat(measured_covariate(whole, "mean_response"), n_position),
        "n_images": _n_images(measured).ravel(),
        "n_repeats": of_trials.n_repeats,
        "used": (why_not == "").ravel(),
        "why_not": why_not.ravel(),
    }
    of_units = _unit_columns(measured.responses, n_position)
    taken = [name for name in of_units if name in columns]
    if taken:
        msg = (
            "coordinates along 'unit' are left out of the table, which measures what it calls so "
            f"itself: {listed(map(repr, taken))}; rename them to keep them"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=2)
    kept = {name: column for name, column in of_units.items() if name not in columns}
    return pd.DataFrame(kept | columns)


def _unit_columns(responses: xr.DataArray, n_position: int) -> dict[str, np.ndarray]:
    """Return all that is known of each unit, its name, area and session first."""
    along = {str(name): c.values for name, c in responses.coords.items() if c.dims == ("unit",)}
    along.setdefault("unit", responses["unit"].values)  # numbers, where units have no names
    if SESSION_COORD in along and "session" not in along:
        along["session"] = along.pop(SESSION_COORD)
    first = [name for name in ("unit", "area", "session") if name in along]
    names = [*first, *(name for name in along if name not in first)]
    return {name: np.repeat(along[name], n_position) for name in names}


def _noise_error(measured: Measurement, whole: Measurement) -> np.ndarray:
    """Return the standard error that noise gives each correlation (unit, position)."""
    if not whole.has_trials:
        return np.full((measured.own.size, measured.responses.sizes["position"]), np.nan)
    return noise_error_of(measured if measured.has_trials else whole)


def _why_undefined(
    measured: Measurement, dynamic_range: xr.DataArray, invariance: xr.DataArray
) -> np.ndarray:
    """Return why a signature of one estimate leaves units out (unit, position)."""
    defined = np.isfinite(dynamic_range.values)[:, None] & np.isfinite(invariance.values)
    at_reference = np.array(measured.away) == measured.own[:, None]
    return np.select([defined, at_reference], ["", ITS_REFERENCE], default="undefined")


class _OfTrials(NamedTuple):
    """Columns that only trials can fill, (unit * position)."""

    signal_to_noise: np.ndarray
    n_repeats: np.ndarray


def _of_trials(whole: Measurement, away: list[int]) -> _OfTrials:
    if not whole.has_trials:
        return _OfTrials(*[np.full(whole.own.size * len(away), np.nan)] * 2)
    return _OfTrials(
        signal_to_noise_of(whole.cells)[:, away].ravel(),
        np.repeat(measured_covariate(whole, "n_repeats"), len(away)),
    )


def _n_images(measured: Measurement) -> np.ndarray:
    """Return the number of images measured at each position and at the reference."""
    as_measured = measured.as_measured()
    if not measured.is_best:
        return as_measured.moments.n_image[:, measured.away].astype(int)
    shown = ~np.isnan(as_measured.values)
    shown_at_reference = ~np.isnan(as_measured.at_reference()) & (measured.own >= 0)[:, None]
    return (shown & shown_at_reference[:, :, None]).sum(1)[:, measured.away]
