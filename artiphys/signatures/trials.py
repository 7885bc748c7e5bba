"""The signature of an area from its trials, group by group and position by position."""

import warnings
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.errors import ArtiphysWarning
from artiphys.estimators.dynamic_range import Measured, dynamic_range, invariance, with_reference
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR
from artiphys.signatures.cautions import cautions, images_share
from artiphys.signatures.covariates import covariates_of
from artiphys.signatures.split_halves import (
    MIN_UNITS,
    N_SPLITS,
    Halves,
    halves_in_splits,
    split_signature,
)

__all__ = [
    "MIN_SESSIONS",
    "SESSION",
    "Units",
    "cell_of",
    "naive_relation",
    "signature_of_trials",
    "units_of_group",
]

SESSION = "source"  # the coordinate that says which session a unit was recorded in
MIN_SESSIONS = 3
MAX_LISTED = 5  # groups that a warning names
COUNTS = (
    "n_too_noisy",
    "n_without_signal",
    "n_without_repeats",
    "n_not_measured",
    "n_without_covariate",
)
ESTIMATES = (
    "spearman_attenuated",
    "reliability_dynamic_range",
    "reliability_invariance",
    "spearman_naive",
    "p_value_naive",
)


def signature_of_trials(
    responses: xr.DataArray,
    *,
    by: str,
    groups: np.ndarray,
    reference: Hashable | None,
    resample: Sequence[str],
    covariates: Sequence[str],
    level: float,
) -> xr.Dataset:
    """Return what :func:`artiphys.signature` returns with trials and ``noise="auto"``.

    Its arguments are those of :func:`artiphys.signature`, checked; `groups` are the values of `by`
    in the order wanted.
    """
    naive_spread = dynamic_range(responses, reference=reference, noise=None)
    naive_carried = invariance(responses, reference=reference, noise=None)
    positions = naive_carried["position"].values
    shown = np.flatnonzero(np.isin(responses["position"].values, positions)).tolist()
    constant = covariates_of(responses, covariates)
    measured = with_reference(responses, reference, "split")
    cells: dict[str, list[list[float]]] = {}
    small: list[str] = []
    for group in groups:
        members = responses[by].values == group
        units = units_of_group(measured, members, resample, constant)
        x, y = naive_spread.values[members], naive_carried.values[members]
        rows: list[dict[str, Any]] = [
            cell_of(units, position, level) | naive_relation(x, y[:, column])
            for column, position in enumerate(shown)
        ]
        n_image = int(
            measured.responses[members].notnull().any(("unit", "position", "trial")).sum()
        )
        means = _at_reference(measured, members)
        for row, position in zip(rows, shown, strict=True):
            share = images_share(means[units.halves.noise_error[:, position] <= MAX_NOISE_ERROR])
            row["caution"] = cautions(row, share=share, n_image=n_image, resample=resample)
        for name in rows[0]:
            cells.setdefault(name, []).append([row[name] for row in rows])
        if members.sum() < MIN_UNITS:
            small.append(str(group))
        else:
            _warn_of_too_little(str(group), rows)
    if small:
        _warn_of_small(small)
    coords = {by: groups, "ci_bound": ["lower", "upper"]} | {
        str(name): c for name, c in naive_carried.coords.items() if c.dims == ("position",)
    }
    result = xr.Dataset(_variables(cells, (by, "position")), coords=coords)
    over = "session" if "session" in resample else " and ".join(resample)
    result.attrs = {
        "statistic": "Spearman's rank correlation, divided by the reliability of its parts",
        "noise": "split",
        "reference": naive_spread.attrs["reference"],
        "dynamic_range": "signal variance across images, in one half of the trials",
        "invariance": "signal correlation with the reference position, in the other half",
        "n_splits": N_SPLITS,
        "max_noise_error": MAX_NOISE_ERROR,
        "level": level,
        "min_units": MIN_UNITS + len(covariates),
        "interval_method": f"jackknife over {over}, t distribution of Fisher's z",
        "p_value_method": f"jackknife over {over}, t distribution of Fisher's z, two-sided",
        "covariates": ", ".join(covariates),
    }
    return result


class Units(NamedTuple):
    """The units of one group, and all that their signature is made from."""

    halves: Halves
    without_images: list[Halves]
    covariates: np.ndarray | None
    sessions: np.ndarray | None
    own: np.ndarray
    of_one_repeat: np.ndarray  # (unit, position), whether nothing says the noise, there or at own


def units_of_group(
    measured: Measured,
    members: np.ndarray,
    resample: Sequence[str],
    covariates: np.ndarray | None = None,
) -> Units:
    """Return the halves of the trials of some units (bool), and of what they are a sample."""
    values, own = measured.responses.values[members], measured.own[members]
    halves, *without = _halves(values, own, "image" in resample)
    return Units(
        halves,
        without,
        None if covariates is None else covariates[members],
        measured.responses[SESSION].values[members] if "session" in resample else None,
        own,
        _of_one_repeat(values, own),
    )


def _of_one_repeat(values: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return where units (unit, position) and their references were shown, one never twice."""
    n = (~np.isnan(values)).sum(-1)
    shown, repeated = (n > 0).any(1), (n > 1).any(1)
    at = np.maximum(own, 0)[:, None]
    both_shown = shown & np.take_along_axis(shown, at, axis=1) & (own >= 0)[:, None]
    return both_shown & ~(repeated & np.take_along_axis(repeated, at, axis=1))


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


def cell_of(units: Units, position: int, level: float) -> dict[str, float]:
    """Return the signature at the position of that index, and the counts of units left out."""
    error = units.halves.noise_error[:, position]
    unknown = np.isnan(error) & (units.own != position)
    well = usable = error <= MAX_NOISE_ERROR
    if units.covariates is not None:
        usable = well & np.isfinite(units.covariates).all(1)
    row = {
        "n_units": usable.sum(),
        "n_too_noisy": (np.isfinite(error) & (error > MAX_NOISE_ERROR)).sum(),
        "n_without_signal": np.isinf(error).sum(),
        "n_without_repeats": (unknown & units.of_one_repeat[:, position]).sum(),
        "n_not_measured": (unknown & ~units.of_one_repeat[:, position]).sum(),
        "n_without_covariate": (well & ~usable).sum(),
    }
    sessions = None if units.sessions is None else units.sessions[usable]
    n_columns = 0 if units.covariates is None else units.covariates.shape[1]
    enough = usable.sum() >= MIN_UNITS + n_columns
    if sessions is not None:
        row["n_sessions"] = np.unique(sessions).size
        enough &= row["n_sessions"] >= MIN_SESSIONS
    if not enough:
        nan = float("nan")
        names = ("spearman", "lower", "upper", "p_value", *ESTIMATES[:3], "error", "freedom")
        return row | dict.fromkeys(names, nan)
    found = split_signature(
        _of_units(units.halves, usable),
        position,
        covariates=None if units.covariates is None else units.covariates[usable],
        groups=sessions,
        without_images=[_of_units(halves, usable) for halves in units.without_images],
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
        "error": found.error,
        "freedom": found.freedom,
    }


def _of_units(halves: Halves, members: np.ndarray) -> Halves:
    return Halves(
        halves.dynamic_range[:, :, members],
        halves.invariance[:, :, members],
        halves.noise_error[members],
    )


def _at_reference(measured: Measured, members: np.ndarray) -> np.ndarray:
    """Return the mean responses of some units at their own references, (unit, image)."""
    own = np.maximum(measured.own[members], 0)  # a unit without one counts nowhere
    trials = measured.responses.values[members, :, own]
    n = np.isfinite(trials).sum(-1)
    return np.where(n > 0, np.nansum(trials, axis=-1) / np.maximum(n, 1), np.nan)


def naive_relation(spread: np.ndarray, carried: np.ndarray) -> dict[str, float]:
    """Return what the responses as measured say (unit); nothing is held constant."""
    valid = np.isfinite(spread) & np.isfinite(carried)
    x, y = spread[valid], carried[valid]
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"spearman_naive": np.nan, "p_value_naive": np.nan}
    found = stats.spearmanr(x, y)
    return {"spearman_naive": float(found.statistic), "p_value_naive": float(found.pvalue)}


def _warn_of_small(groups: list[str]) -> None:
    named = ", ".join(groups[:MAX_LISTED]) + (", ..." if len(groups) > MAX_LISTED else "")
    msg = (
        f"fewer than {MIN_UNITS} units, too few to tell, in {len(groups)} "
        f"{'group' if len(groups) == 1 else 'groups'}: {named}"
    )
    warnings.warn(msg, ArtiphysWarning, stacklevel=4)


def _warn_of_too_little(group: str, rows: list[dict[str, float]]) -> None:
    n_unit = max(sum(int(row[name]) for name in ("n_units", *COUNTS)) for row in rows)
    without_test = sum(np.isnan(row["p_value"]) for row in rows)
    without_estimate = sum(np.isnan(row["spearman"]) for row in rows) - without_test
    if without_test:
        msg = f"{group}: at {without_test} of {len(rows)} positions {_too_little(rows, n_unit)}"
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)
    if without_estimate:
        msg = (
            f"{group}: at {without_estimate} of {len(rows)} positions the units do not measurably "
            f"differ in dynamic range or in invariance; there is a p-value but no estimate"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)


def _too_little(rows: list[dict[str, float]], n_unit: int) -> str:
    """Return what there was too little of, at the worst of the positions."""
    worst = min(rows, key=lambda row: row["n_units"])
    n_sessions = int(worst.get("n_sessions", MIN_SESSIONS))
    if worst["n_units"] >= MIN_UNITS and n_sessions < MIN_SESSIONS:
        return (
            f"the units are of too few sessions, {n_sessions} where it takes {MIN_SESSIONS}, to "
            "tell of sessions at large; resample=('unit',) asks about units"
        )
    if any(row["n_without_covariate"] for row in rows):
        return (
            f"too few of {n_unit} units could be measured well enough and have every covariate; "
            "hold fewer constant, or record more units"
        )
    return (
        f"too few of {n_unit} units could be measured well enough to tell; record more repeats or "
        "more units"
    )


def _variables(cells: dict[str, list[list[float]]], dims: tuple[str, str]) -> dict[str, Any]:
    bounds = np.stack([cells.pop("lower"), cells.pop("upper")], axis=-1)
    data: dict[str, Any] = {
        name: (dims, np.array(values, dtype=_dtype(name))) for name, values in cells.items()
    }
    data["interval"] = ((*dims, "ci_bound"), bounds)
    counts = ("n_units", "n_sessions") if "n_sessions" in data else ("n_units",)
    order = ("spearman", "interval", "p_value", *counts, *ESTIMATES, *COUNTS, "caution")
    return {name: data[name] for name in order}


def _dtype(name: str) -> type:
    if name == "caution":
        return str
    return int if name.startswith("n_") else float
