"""The signature of an area: how its units' invariance goes with their dynamic range."""

import warnings
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.confounds import covariates_of
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators import (
    Noise,
    dynamic_range,
    invariance,
    resolved_noise,
    with_reference,
)
from artiphys.moments_across_images import moments_across_images
from artiphys.partial_correlation import partial_spearman
from artiphys.rank_correlation import (
    bootstrap_interval,
    check_resampling,
    spearman,
    spearman_resamples,
)
from artiphys.schema import reference_label, require
from artiphys.split_signature import (
    MAX_NOISE_ERROR,
    MIN_UNITS,
    N_SPLITS,
    Halves,
    halves_in_splits,
    split_signature,
)

__all__ = ["signature"]

RESAMPLES = (("unit",), ("image", "unit"), ("session", "unit"))
SESSION = "source"  # the coordinate that says which session a unit was recorded in
MIN_SESSIONS = 3
BLOCK = 64  # image resamples at a time; a few hundred units' moments then fit in memory with ease
# What the signature of trials says beside the four variables of every signature.
COUNTS = ("n_too_noisy", "n_without_signal", "n_not_measured")
ESTIMATES = (
    "spearman_attenuated",
    "reliability_dynamic_range",
    "reliability_invariance",
    "spearman_naive",
    "p_value_naive",
)


def signature(
    responses: xr.DataArray,
    *,
    by: str = "area",
    reference: Hashable | None = None,
    noise: Noise = "auto",
    resample: Sequence[str] = ("unit",),
    covariates: Sequence[str] = (),
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
        trials takes the two from halves that share no trial, averages over 16 ways to halve them,
        and divides by the reliability of each: see the notes.
    resample : ("unit",), ("image", "unit") or ("session", "unit")
        What the uncertainty is over: units at large, seen through these images; images at large
        too; or sessions (the coordinate ``source``) at large.
    covariates : sequence of str
        Held constant by partial rank correlation: numeric coordinates along ``unit``, or
        "mean_response", "signal_to_noise", "n_repeats".
    n_resamples, level, rng
        As in :func:`artiphys.spearman`. With trials and "auto" nothing is drawn at random: the
        halves are fixed, and the uncertainty is a jackknife's.

    Returns
    -------
    xarray.Dataset
        Over (`by`, position), the reference left out: ``spearman``, ``interval`` (lower and upper
        along ``ci_bound``), ``p_value`` (two-sided), ``q_value`` (the p-value's false discovery
        rate over all groups and positions, Benjamini and Hochberg) and ``n_units``, those with both
        quantities defined. Groups are in the order in which they first appear. With trials and
        "auto" also ``spearman_naive`` and ``p_value_naive``, what the responses as measured would
        have said; ``spearman_attenuated``, ``reliability_dynamic_range`` and
        ``reliability_invariance``, of which `spearman` is made; and the units left out:
        ``n_too_noisy``, ``n_without_signal``, ``n_not_measured``.

    Raises
    ------
    InputError
        If `by` is not a coordinate along ``unit``, or an argument is out of range or does not go
        with the others.

    Warns
    -----
    ArtiphysWarning
        Where there are units, but too few that could be measured, or they do not measurably differ.

    Notes
    -----
    NaN for groups of fewer than 3 units. See :func:`artiphys.dynamic_range` and
    :func:`artiphys.invariance` for what makes a unit undefined.

    *Trials.* As measured, a noisy unit has too large a dynamic range or too little invariance, and
    the two go together where the signals do not. With "auto" a unit counts if noise gives its
    correlation a standard error of at most 0.25, which does not hang on the correlation. NaN for
    fewer than 8 such units; where a reliability is below 0.1 there is a p-value but no estimate.
    The estimate and its interval can lie beyond ±1 by chance. With fewer than 3 repeats in the
    typical cell the halves are of images, and the estimate is of images at large. See the page
    *Calibration* for the measured error rates.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. NeurIPS. https://doi.org/10.1101/2019.12.17.879973

    Spearman, C. (1904). The proof and measurement of association between two things. Am. J.
    Psychol. 15(1), 72-101. https://doi.org/10.2307/1412159

    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. J. R. Stat. Soc. B
    57(1), 289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    check_resampling(n_resamples, level)
    resample = _checked_resample(resample)
    takes_off = resolved_noise(responses, noise)
    responses = require(responses)
    groups = _groups(responses, by)
    if "session" in resample and SESSION not in responses.coords:
        msg = f"resample=('session', 'unit') needs the coordinate {SESSION!r} along 'unit'"
        raise InputError(msg)
    if noise == "auto" and takes_off is not None:
        result = _of_trials(responses, by, groups, reference, resample, covariates, level)
    else:
        result = _of_estimates(
            responses, by, groups, reference, takes_off, resample, covariates, n_resamples, level,
            rng,
        )  # fmt: skip
    p_value = result["p_value"].values
    q_value = np.full(p_value.shape, np.nan)
    known = np.isfinite(p_value)
    if known.any():
        q_value[known] = stats.false_discovery_control(p_value[known])
    return result.assign(q_value=(result["p_value"].dims, q_value))


def _checked_resample(resample: Sequence[str]) -> tuple[str, ...]:
    given = (resample,) if isinstance(resample, str) else tuple(resample)
    if tuple(sorted(given)) not in RESAMPLES:
        msg = f"resample must be one of {RESAMPLES}; got {given}"
        raise InputError(msg)
    return tuple(sorted(given))


def _groups(responses: xr.DataArray, by: str) -> np.ndarray:
    along_unit = [name for name, c in responses.coords.items() if c.dims == ("unit",)]
    if by not in along_unit:
        msg = f"by must be a coordinate along 'unit': one of {along_unit}; got {by!r}"
        raise InputError(msg)
    values, first = np.unique(responses[by].values, return_index=True)
    return values[np.argsort(first)]


def _of_estimates(
    responses: xr.DataArray,
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
    if "image" in resample and (noise is not None or covariates or reference == "best"):
        msg = (
            "resample=('image', 'unit') draws images for noise=None without covariates, or takes "
            "trials and noise='auto'; change one of them"
        )
        raise InputError(msg)
    spread = dynamic_range(responses, reference=reference, noise=noise)
    carried = invariance(responses, reference=reference, noise=noise)
    constant = covariates_of(responses, covariates)
    seed = int(np.random.default_rng(rng).integers(2**63))
    averages = responses.mean("trial") if "trial" in responses.dims else responses
    found = []
    for group in groups:
        members = responses[by].values == group
        x, y = spread[members], carried[members]
        if constant is None:
            result = spearman(x, y, n_resamples=n_resamples, level=level, rng=seed)
        else:
            columns = [
                partial_spearman(
                    x, y.isel(position=p), list(constant[members].T), n_resamples=n_resamples,
                    level=level, rng=seed,
                )
                for p in range(y.sizes["position"])
            ]  # fmt: skip
            result = xr.concat(columns, dim="position").assign_coords(_along_position(y))
        if "image" in resample:
            label = carried.attrs["reference"]
            result["interval"] = _interval_over_images(
                averages[members], result, label, n_resamples, level, seed
            )
        if "session" in resample:
            sessions = responses[SESSION].values[members]
            result["interval"] = _interval_over_sessions(
                x.values, y.values, constant, members, sessions, result, n_resamples, level, seed
            )
        found.append(result)
    combined = xr.concat(found, dim=xr.Variable(by, groups), coords="minimal", compat="override")
    combined = combined.rename(n="n_units")
    combined.attrs |= {
        "noise": spread.attrs["noise"],
        "reference": spread.attrs["reference"],
        "dynamic_range": spread.attrs["formula"],
        "invariance": carried.attrs["formula"],
        "interval_method": f"percentile bootstrap over {' and '.join(resample)}",
        "covariates": ", ".join(covariates),
    }
    return combined


def _of_trials(
    responses: xr.DataArray,
    by: str,
    groups: np.ndarray,
    reference: Hashable | None,
    resample: tuple[str, ...],
    covariates: Sequence[str],
    level: float,
) -> xr.Dataset:
    """Return the signature from disjoint halves of the trials, with a jackknife."""
    naive_spread = dynamic_range(responses, reference=reference, noise=None)
    naive_carried = invariance(responses, reference=reference, noise=None)
    shown = np.isin(responses["position"].values, naive_carried["position"].values)
    constant = covariates_of(responses, covariates)
    measured = with_reference(responses, reference, "split")
    variables: dict[str, list[list[float]]] = {}
    for group in groups:
        members = responses[by].values == group
        halves, *without = _halves(
            measured.responses.values[members], measured.own[members], "image" in resample
        )
        sessions = responses[SESSION].values[members] if "session" in resample else None
        rows = []
        for position in np.flatnonzero(shown):
            column = _Column(
                halves,
                without,
                int(position),
                constant[members] if constant is not None else None,
                sessions,
                measured.own[members],
            )
            naive = _naive(
                naive_spread.values[members],
                naive_carried.values[members][:, np.flatnonzero(shown).tolist().index(position)],
            )
            rows.append(_cell(column, level) | naive)
        for name in rows[0]:
            variables.setdefault(name, []).append([row[name] for row in rows])
        _warn_of_too_little(str(group), rows)
    dims = (by, "position")
    data = {
        name: (dims, np.array(values, dtype=int if name.startswith("n_") else float))
        for name, values in variables.items()
        if name not in ("lower", "upper")
    }
    bounds = np.stack([variables["lower"], variables["upper"]], axis=-1)
    data["interval"] = ((*dims, "ci_bound"), bounds)
    coords = {by: groups, "ci_bound": ["lower", "upper"], **_along_position(naive_carried)}
    order = ["spearman", "interval", "p_value", "n_units", *ESTIMATES, *COUNTS]
    by_what = "session" if "session" in resample else " and ".join(resample)
    result = xr.Dataset({name: data[name] for name in order}, coords=coords)
    result.attrs = {
        "statistic": "Spearman's rank correlation, divided by the reliability of its parts",
        "noise": "split",
        "reference": naive_spread.attrs["reference"],
        "dynamic_range": "signal variance across images, in one half of the trials",
        "invariance": "signal correlation with the reference position, in the other half",
        "n_splits": N_SPLITS,
        "max_noise_error": MAX_NOISE_ERROR,
        "level": level,
        "interval_method": f"jackknife over {by_what}, t distribution of Fisher's z",
        "p_value_method": f"jackknife over {by_what}, t distribution of Fisher's z, two-sided",
        "covariates": ", ".join(covariates),
    }
    return result


class _Column(NamedTuple):
    """All that the signature of one group at one position is made from."""

    halves: Halves
    without: list[Halves]
    position: int
    covariates: np.ndarray | None
    sessions: np.ndarray | None
    own: np.ndarray


def _halves(values: np.ndarray, own: np.ndarray, each_image: bool) -> list[Halves]:
    """Return the halves of units with references of their own; with each image left out too."""
    images: list[np.ndarray | None] = [None]
    if each_image:
        images += list(~np.eye(values.shape[1], dtype=bool))
    n_unit, n_position = values.shape[0], values.shape[2]
    result = [
        Halves(
            np.full((2, N_SPLITS, n_unit), np.nan),
            np.full((2, N_SPLITS, n_unit, n_position), np.nan),
            np.full((n_unit, n_position), np.nan),
        )
        for _ in images
    ]
    for at in np.unique(own[own >= 0]):
        members = own == at
        for whole, part in zip(
            result, halves_in_splits(values[members], int(at), images=images), strict=True
        ):
            whole.dynamic_range[:, :, members] = part.dynamic_range
            whole.invariance[:, :, members] = part.invariance
            whole.noise_error[members] = part.noise_error
            whole.noise_error[members, at] = np.nan
    return result


def _cell(column: _Column, level: float) -> dict[str, float]:
    error = column.halves.noise_error[:, column.position]
    elsewhere = column.own != column.position
    usable = error <= MAX_NOISE_ERROR
    if column.covariates is not None:
        usable &= np.isfinite(column.covariates).all(1)
    row = {
        "n_units": usable.sum(),
        "n_too_noisy": (np.isfinite(error) & (error > MAX_NOISE_ERROR)).sum(),
        "n_without_signal": np.isinf(error).sum(),
        "n_not_measured": (np.isnan(error) & elsewhere).sum(),
    }
    sessions = None if column.sessions is None else column.sessions[usable]
    n_columns = 0 if column.covariates is None else column.covariates.shape[1]
    enough = usable.sum() >= MIN_UNITS + n_columns
    if sessions is not None:
        enough &= np.unique(sessions).size >= MIN_SESSIONS
    if not enough:
        nan = float("nan")
        return row | dict.fromkeys(("spearman", "lower", "upper", "p_value", *ESTIMATES[:3]), nan)
    found = split_signature(
        _of_units(column.halves, usable),
        column.position,
        covariates=None if column.covariates is None else column.covariates[usable],
        groups=sessions,
        without_images=[_of_units(halves, usable) for halves in column.without],
        level=level,
    )
    return row | {
        "spearman": found.spearman,
        "lower": found.lower,
        "upper": found.upper,
        "p_value": found.p_value,
        "spearman_attenuated": found.attenuated,
        "reliability_dynamic_range": found.reliability_dynamic_range,
        "reliability_invariance": found.reliability_invariance,
    }


def _of_units(halves: Halves, members: np.ndarray) -> Halves:
    return Halves(
        halves.dynamic_range[:, :, members],
        halves.invariance[:, :, members],
        halves.noise_error[members],
    )


def _naive(spread: np.ndarray, carried: np.ndarray) -> dict[str, float]:
    valid = np.isfinite(spread) & np.isfinite(carried)
    x, y = spread[valid], carried[valid]
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"spearman_naive": np.nan, "p_value_naive": np.nan}
    found = stats.spearmanr(x, y)
    return {"spearman_naive": float(found.statistic), "p_value_naive": float(found.pvalue)}


def _warn_of_too_little(group: str, rows: list[dict[str, float]]) -> None:
    n_unit = max(sum(int(row[name]) for name in ("n_units", *COUNTS)) for row in rows)
    without_test = sum(np.isnan(row["p_value"]) for row in rows)
    without_estimate = sum(np.isnan(row["spearman"]) for row in rows) - without_test
    if n_unit < MIN_UNITS:
        return
    if without_test:
        msg = (
            f"{group}: at {without_test} of {len(rows)} positions too few of {n_unit} units (or "
            f"sessions) could be measured well enough to tell; record more repeats or more units"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)
    if without_estimate:
        msg = (
            f"{group}: at {without_estimate} of {len(rows)} positions the units do not measurably "
            f"differ in dynamic range or in invariance; there is a p-value but no estimate"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)


def _along_position(values: xr.DataArray) -> dict[str, Any]:
    return {name: c for name, c in values.coords.items() if c.dims == ("position",)}


def _interval_over_sessions(
    spread: np.ndarray,
    carried: np.ndarray,
    constant: np.ndarray | None,
    members: np.ndarray,
    sessions: np.ndarray,
    result: xr.Dataset,
    n_resamples: int,
    level: float,
    seed: int,
) -> xr.DataArray:
    """Return the interval when sessions are drawn anew, and units anew from within each."""
    if constant is not None:
        msg = "resample=('session', 'unit') with covariates needs trials and noise='auto'"
        raise InputError(msg)
    bounds = []
    for column, r in zip(carried.T, result["spearman"].values, strict=True):
        valid = np.isfinite(spread) & np.isfinite(column)
        units = [np.flatnonzero(valid & (sessions == s)) for s in np.unique(sessions[valid])]
        if len(units) < MIN_SESSIONS or np.isnan(r):
            bounds.append((np.nan, np.nan))
            continue
        rng = np.random.default_rng(seed)
        resamples = np.empty(n_resamples)
        for row in range(n_resamples):
            drawn = [units[s] for s in rng.integers(len(units), size=len(units))]
            index = np.concatenate([u[rng.integers(u.size, size=u.size)] for u in drawn])
            resamples[row] = spearman_resamples(spread, column, index[None])[0]
        bounds.append(bootstrap_interval(float(r), resamples, level, "percentile"))
    return result["interval"].copy(data=np.array(bounds))


def _interval_over_images(
    responses: xr.DataArray,
    result: xr.Dataset,
    reference: Hashable | None,
    n_resamples: int,
    level: float,
    seed: int,
) -> xr.DataArray:
    """Return the interval when images are drawn anew, and units anew from among them."""
    rng = np.random.default_rng(seed)
    label = reference_label(responses, reference)
    labels = responses["position"].values.tolist()
    at, others = labels.index(label), [p for p, other in enumerate(labels) if other != label]
    n_unit, n_image = responses.sizes["unit"], responses.sizes["image"]
    resamples = np.empty((n_resamples, len(others)))
    for start in range(0, n_resamples, BLOCK):
        rows = slice(start, min(start + BLOCK, n_resamples))
        size = rows.stop - rows.start
        counts = rng.multinomial(n_image, np.full(n_image, 1 / n_image), size=size)
        spread, carried = moments_across_images(responses.values, at, counts)
        units = rng.integers(n_unit, size=(size, n_unit))
        x = np.take_along_axis(spread, units, axis=1)
        for column, position in enumerate(others):
            y = np.take_along_axis(carried[:, :, position], units, axis=1)
            resamples[rows, column] = _row_spearman(x, y)
    bounds = [
        bootstrap_interval(float(r), column, level, "percentile")
        for r, column in zip(result["spearman"].values, resamples.T, strict=True)
    ]
    return result["interval"].copy(data=np.array(bounds))


def _row_spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    undefined = np.isnan(x) | np.isnan(y)
    if undefined.any():  # a resample can leave a unit constant; such rows are few
        whole = ~undefined.any(axis=1)
        r = np.full(len(x), np.nan)
        r[whole] = _row_spearman(x[whole], y[whole])
        for row in np.flatnonzero(~whole):
            pair = ~undefined[row]
            r[row] = _row_spearman(x[[row]][:, pair], y[[row]][:, pair])[0]
        return r
    a, b = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.sum(a * b, axis=1) / np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
