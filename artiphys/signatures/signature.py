"""The signature of an area: how its units' invariance goes with their dynamic range."""

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator
from artiphys.correlations.partial import partial_spearman
from artiphys.correlations.spearman import MIN_UNITS, check_resampling, spearman
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.dynamic_range import Noise, dynamic_range, invariance, resolved_noise
from artiphys.responses.schema import require
from artiphys.signatures.bootstrap import interval_over_images, interval_over_sessions
from artiphys.signatures.covariates import covariate_names, covariates_of
from artiphys.signatures.groups import checked_resample, group_names, q_values
from artiphys.signatures.trials import SESSION, naive_relation, signature_of_trials

__all__ = ["signature"]

MAX_LISTED = 5  # groups that a warning names
UNDEFINED = {
    None: "constant responses, or fewer than 3 images",
    "corrected": "no more variance than noise gives, one repeat only, or fewer than 3 images",
    "split": "no more variance than noise gives, too noisy, one repeat only, fewer than 3 images",
}
CAUTIONS = {  # of these estimates from trials
    None: "noise adds to dynamic range and takes from invariance, which makes a relation by "
    "itself; to test for one take the default of noise",
    "corrected": "both quantities are from the same trials, so that their errors go together; to "
    "test for a relation take the default of noise",
    "split": "one way of many to halve the trials, and r_s too near 0 by noise; the default of "
    "noise averages many and makes up for it",
}


def signature(
    responses: xr.DataArray,
    *,
    by: str = "area",
    reference: Hashable | None = None,
    noise: Noise = "auto",
    resample: Sequence[str] = ("unit",),
    covariates: str | Sequence[str] = (),
    n_resamples: int = 10_000,
    level: float = 0.95,
    rng: Any = None,
) -> xr.Dataset:
    r"""Return Spearman's correlation between dynamic range and invariance, for each group of units.

    .. math:: r_s = \operatorname{corr}_u(\operatorname{rank} s_u^2, \operatorname{rank} r_{up})

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
    by : str
        The coordinate along ``unit`` whose values are the groups.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default. "best": each unit's own,
        chosen on trials that are then not used.
    noise : {"auto", None, "corrected", "split"}
        How the two quantities are estimated, as in :func:`artiphys.dynamic_range`. "auto" with
        trials takes the two from halves that share no trial, averages over 32 ways to halve them,
        and divides by the reliability of each: see the notes.
    resample : ("unit",), ("image", "unit") or ("session", "unit")
        What the uncertainty is over: units at large, seen through these images; images at large
        too; or sessions (the coordinate ``source``) at large.
    covariates : str or sequence of str
        Held constant by partial rank correlation: names of numeric coordinates along ``unit``, or
        "mean_response", "signal_to_noise", "n_repeats". A unit without one of them is left out.
    n_resamples, level, rng
        As in :func:`artiphys.spearman`. With trials and "auto" nothing is drawn at random: the
        halves are fixed, and the uncertainty is a jackknife's.

    Returns
    -------
    xarray.Dataset
        Over (`by`, position), the reference left out: ``spearman``, ``interval`` (lower and upper
        along ``ci_bound``), ``p_value`` (two-sided), ``q_value`` (the p-value's false discovery
        rate over all groups and positions, Benjamini and Hochberg) and ``n_units``, those with both
        quantities defined and all covariates. Groups are in the order in which they first appear.
        The units left out for want of a covariate are ``n_without_covariate``; the others, without
        trials or with another `noise`, ``n_undefined``, and with trials and "auto"
        ``n_too_noisy``, ``n_without_signal``, ``n_without_repeats`` (one repeat does not say how
        noisy it is) and ``n_not_measured``. Where sessions are resampled, also ``n_sessions`` of
        the units. With trials also ``caution``, what is amiss with such data or such an estimate,
        empty if nothing, and, where noise is taken off, ``spearman_naive`` and ``p_value_naive``:
        what the responses as measured would have said, nothing held constant. With "auto" also
        ``spearman_attenuated``, ``reliability_dynamic_range`` and ``reliability_invariance``, of
        which `spearman` is made.

    Raises
    ------
    InputError
        If a dim is empty, labels repeat, `by` is not a coordinate along ``unit`` or all of it is
        missing, or an argument is out of range or does not go with the others.

    Warns
    -----
    ArtiphysWarning
        Where units are left out, or do not belong to a group as `by` is NaN there, with the counts;
        where there are units, but too few that could be measured, or they do not measurably differ.

    Notes
    -----
    NaN for groups of fewer than 3 units. See :func:`artiphys.dynamic_range` and
    :func:`artiphys.invariance` for what makes a unit undefined.

    *Trials.* As measured, a noisy unit has too large a dynamic range or too little invariance, and
    the two go together where the signals do not. With "auto" a unit counts if noise gives its
    correlation a standard error of at most 0.25, which does not hang on the correlation. NaN for
    fewer than 10 such units; where a reliability is below 0.1 there is a p-value but no estimate.
    The estimate and its interval can lie beyond ±1 by chance. With fewer than 3 repeats in the
    typical cell the halves are of images, and the estimate is of images at large. See the page
    *Calibration* for the measured error rates.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Spearman, C. (1904). The proof and measurement of association between two things. Am. J.
    Psychol. 15(1), 72-101. https://doi.org/10.2307/1412159

    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. J. R. Stat. Soc. B
    57(1), 289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    check_resampling(n_resamples, level)
    resample = checked_resample(resample)
    takes_off = resolved_noise(responses, noise)
    responses = require(responses)
    covariates = covariate_names(responses, covariates)
    groups = group_names(responses, by)
    if "session" in resample and SESSION not in responses.coords:
        msg = f"resample=('session', 'unit') needs the coordinate {SESSION!r} along 'unit'"
        raise InputError(msg)
    asked: dict[str, Any] = {
        "by": by, "groups": groups, "reference": reference, "resample": resample,
        "covariates": covariates, "level": level,
    }  # fmt: skip
    if noise == "auto" and takes_off is not None:
        result = signature_of_trials(responses, **asked)
    else:
        result = _signature_of_estimates(
            responses, noise=takes_off, n_resamples=n_resamples, rng=rng, **asked
        )
    p_value = result["p_value"]
    return result.assign(q_value=(p_value.dims, q_values(p_value.values)))


def _signature_of_estimates(
    responses: xr.DataArray,
    *,
    by: str,
    groups: np.ndarray,
    reference: Hashable | None,
    noise: Noise,
    resample: tuple[str, ...],
    covariates: Sequence[str],
    n_resamples: int,
    level: float,
    rng: Any,
) -> xr.Dataset:
    """Return the signature from one estimate of each quantity, with a bootstrap."""
    _check_bootstrap(resample, noise, reference, covariates)
    spread = dynamic_range(responses, reference=reference, noise=noise)
    carried = invariance(responses, reference=reference, noise=noise)
    constant = covariates_of(responses, covariates)
    drawn: dict[str, Any] = {"n_resamples": n_resamples, "level": level}
    drawn["rng"] = seed = int(generator(rng).integers(2**63))
    naive = _as_measured(responses, reference) if _are_trials(responses, noise) else None
    found = []
    for group in groups:
        members = responses[by].values == group
        x, y = spread[members], carried[members]
        if constant is None:
            result = spearman(x, y, **drawn)
        else:
            result = partial_spearman(x, y, list(constant[members].T), **drawn)
        result = _with_counts(result, x, y)
        sessions = responses[SESSION].values[members] if "session" in resample else None
        if "image" in resample:
            at = responses["position"].values.tolist().index(carried.attrs["reference"])
            _redraw_images(result, responses[members], at, n_resamples, level, seed)
        if sessions is not None:
            _redraw_sessions(result, x, y, sessions, n_resamples, level, seed)
        if naive is not None:
            result = result.assign(_naive(*(quantity[members] for quantity in naive)))
        found.append(result)
    combined = xr.concat(found, dim=xr.Variable(by, groups), coords="minimal", compat="override")
    _warn_of_units_left_out(combined, by, UNDEFINED[noise], MIN_UNITS + len(covariates))
    if "trial" in responses.dims:
        caution = np.full(combined["spearman"].shape, CAUTIONS[noise])
        combined["caution"] = (combined["spearman"].dims, caution)
    kind = "basic bootstrap of Fisher's z" if "image" in resample else "percentile bootstrap"
    combined.attrs |= {
        "noise": spread.attrs["noise"],
        "reference": spread.attrs["reference"],
        "dynamic_range": spread.attrs["formula"],
        "invariance": carried.attrs["formula"],
        "undefined": UNDEFINED[noise],
        "min_units": MIN_UNITS + len(covariates),
        "interval_method": f"{kind} over {' and '.join(resample)}",
        "covariates": ", ".join(covariates),
    }
    return combined


def _are_trials(responses: xr.DataArray, noise: Noise) -> bool:
    """Return whether noise was taken off, so that the naive estimate is another one."""
    return noise is not None and "trial" in responses.dims


def _as_measured(
    responses: xr.DataArray, reference: Hashable | None
) -> tuple[xr.DataArray, xr.DataArray]:
    return (
        dynamic_range(responses, reference=reference, noise=None),
        invariance(responses, reference=reference, noise=None),
    )


def _naive(x: xr.DataArray, y: xr.DataArray) -> dict[str, tuple[str, list[float]]]:
    columns = [naive_relation(x.values, column) for column in y.transpose("position", ...).values]
    return {name: ("position", [column[name] for column in columns]) for name in columns[0]}


def _with_counts(result: xr.Dataset, x: xr.DataArray, y: xr.DataArray) -> xr.Dataset:
    """Return the relation of x and y with the numbers of units that it is of, and is not of."""
    defined = (x.notnull() & y.notnull()).sum("unit")
    result = result.rename(n="n_units")
    return result.assign(
        n_undefined=x.sizes["unit"] - defined, n_without_covariate=defined - result["n_units"]
    )


def _redraw_images(
    result: xr.Dataset, responses: xr.DataArray, at: int, n_resamples: int, level: float, seed: int
) -> None:
    means = responses.mean("trial") if "trial" in responses.dims else responses
    result["interval"].values = interval_over_images(
        means.values, at, result["spearman"].values, n_resamples, level, seed
    )


def _redraw_sessions(
    result: xr.Dataset,
    x: xr.DataArray,
    y: xr.DataArray,
    sessions: np.ndarray,
    n_resamples: int,
    level: float,
    seed: int,
) -> None:
    defined = (x.notnull() & y.notnull()).transpose("position", ...).values
    result["n_sessions"] = ("position", [np.unique(sessions[units]).size for units in defined])
    result["interval"].values = interval_over_sessions(
        x.values, y.values, sessions, result["spearman"].values, n_resamples, level, seed
    )


def _warn_of_units_left_out(result: xr.Dataset, by: str, reason: str, enough: int) -> None:
    left_out, no_relation = [], []
    for group in result[by].values:
        cell = result.sel({by: group})
        n_out, n_unit = int(cell["n_undefined"].max()), cell["n_units"]
        if n_out:
            n_all = int((n_unit + cell["n_undefined"] + cell["n_without_covariate"]).max())
            left_out.append(f"{group}: {n_out} of {n_all} units left out")
        alike = int((cell["spearman"].isnull() & (n_unit >= enough)).sum())
        if alike:
            no_relation.append(f"{group}: at {alike} of {n_unit.size} positions")
    if left_out:
        msg = f"{_listed(left_out)}: their dynamic range or invariance is undefined ({reason})"
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)
    if no_relation:
        msg = (
            f"{_listed(no_relation)} r_s is undefined: all units are alike in dynamic range or in "
            "invariance"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)


def _listed(words: list[str]) -> str:
    more = len(words) - MAX_LISTED
    return ", ".join(words[:MAX_LISTED]) + (f" and {more} groups more" if more > 0 else "")


def _check_bootstrap(
    resample: tuple[str, ...], noise: Noise, reference: Any, covariates: Sequence[str]
) -> None:
    if "image" in resample and (noise is not None or covariates or reference == "best"):
        msg = (
            "resample=('image', 'unit') draws images for noise=None without covariates, or takes "
            "trials and noise='auto'; change one of them"
        )
        raise InputError(msg)
    if "session" in resample and covariates:
        msg = "resample=('session', 'unit') with covariates needs trials and noise='auto'"
        raise InputError(msg)
