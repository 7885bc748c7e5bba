"""What there was too little of for an estimate: the one place that puts it into words."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from artiphys.errors import ArtiphysWarning, counted, listed
from artiphys.estimators.measurement import Noise
from artiphys.signatures.relation import Relation

__all__ = [
    "MIN_SESSIONS",
    "MIN_UNITS",
    "UNDEFINED",
    "warn_of_too_little",
    "warn_of_undefined",
    "why_no_estimate",
]

MIN_SESSIONS = 3
MIN_UNITS = 10  # from single trials
UNDEFINED = {
    None: "constant responses, or fewer than 3 images",
    "corrected": "no more variance than noise gives, one repeat only, or fewer than 3 images",
    "split": "no more variance than noise gives, too noisy, one repeat only, fewer than 3 images",
}


def why_no_estimate(
    n_units: int,
    needed: int,
    n_sessions: int | None = None,
    covariates: Sequence[str] = (),
    *,
    n_effective: float | None = None,
    n_sharing: int | None = None,
    tested: bool = False,
) -> str:
    """Return why units that were measured have no rank correlation.

    Parameters
    ----------
    n_units : int
        Those with both quantities, and all covariates.
    needed : int
        As many as it takes.
    n_sessions : int, optional
        Sessions of these units, where sessions are resampled.
    covariates : sequence of str
        What was held constant.
    n_effective : float, optional
        What these units are worth in units that were measured well.
    n_sharing : int, optional
        How many of them share their tuning with another.
    tested : bool
        Whether there is a p-value all the same: the reliabilities are too low for an estimate.
    """
    held = f" with {listed(covariates, last='and')} held constant" if covariates else ""
    units = counted(n_units, "unit")
    if n_units < needed:
        return f"{units} could be measured, which is too few: it takes {needed}"
    if n_sessions is not None and n_sessions < MIN_SESSIONS:
        return (
            f"{units} could be measured, in {counted(n_sessions, 'session')}, which is too few to "
            f"tell of sessions at large: it takes {MIN_SESSIONS}"
        )
    if tested:
        return f"the {units} do not measurably differ in dynamic range or in invariance{held}"
    if n_sharing and n_sharing > n_units / 2:
        return (
            f"of {units} {n_sharing} share their tuning with another, as one cell that was sorted "
            "twice does, and too few differ"
        )
    if n_effective is not None:
        return f"too little signal, or too much noise, to rank {units} by"
    return f"the {units} are all alike in dynamic range or in invariance{held}"


def warn_of_undefined(
    groups: Iterable[Any], rows: Sequence[Sequence[Relation]], noise: Noise, enough: int
) -> None:
    """Tell of units left out and of groups without an estimate, where noise is not split."""
    left_out, alike = [], []
    for group, relations in zip(groups, rows, strict=True):
        n_out = max(relation.n_undefined or 0 for relation in relations)
        if n_out:
            n_all = max(relation.n_all for relation in relations)
            left_out.append(f"{group}: {n_out} of {n_all} units left out")
        n_alike = sum(np.isnan(one.spearman) and one.n_units >= enough for one in relations)
        if n_alike:
            alike.append(f"{group}: at {n_alike} of {len(relations)} positions")
    if left_out:
        named = listed(left_out, "groups")
        _warn(f"{named}: their dynamic range or invariance is undefined ({UNDEFINED[noise]})")
    if alike:
        named = listed(alike, "groups")
        why = "all units are alike in dynamic range or in invariance"
        _warn(f"{named} r_s is undefined: {why}")


def warn_of_too_little(
    groups: Iterable[Any], rows: Sequence[Sequence[Relation]], min_units: int, n_covariates: int
) -> None:
    """Tell of groups without a test, or with a test and no estimate, where noise is split."""
    small = [
        str(group)
        for group, relations in zip(groups, rows, strict=True)
        if max(relation.n_all for relation in relations) < min_units
    ]
    for group, relations in zip(groups, rows, strict=True):
        if str(group) in small:
            continue
        untested = [one for one in relations if np.isnan(one.p_value)]
        n_open = sum(np.isnan(one.spearman) and np.isfinite(one.lower) for one in relations)
        n_unknown = sum(np.isnan(one.spearman) for one in relations) - len(untested) - n_open
        if n_open:
            _warn(
                f"{group}: at {n_open} of {len(relations)} positions the error leaves r_s open; "
                "there is a p-value and an interval but no estimate; record more images, repeats "
                "or units"
            )
        if untested:
            where = f"{group}: at {len(untested)} of {len(relations)} positions"
            _warn(f"{where} {_too_little(untested, min_units + n_covariates)}")
        if n_unknown:
            _warn(
                f"{group}: at {n_unknown} of {len(relations)} positions the units do not "
                "measurably differ in dynamic range or in invariance; there is a p-value but no "
                "estimate"
            )
    if small:
        of = counted(len(small), "group")
        named = listed(small, "groups")
        _warn(f"fewer than {min_units} units, too few to tell, in {of}: {named}")


def _too_little(untested: Sequence[Relation], needed: int) -> str:
    """Return what there was too little of at the worst of the positions, and the remedy."""
    worst = min(untested, key=lambda one: one.n_units)
    why = why_no_estimate(
        worst.n_units,
        needed,
        worst.n_sessions,
        n_effective=worst.n_effective,
        n_sharing=worst.n_sharing_tuning,
    )
    if worst.n_units >= needed and worst.n_sessions is not None:
        return f"{why}; resample=('image', 'unit') asks about units"
    if worst.n_units >= needed:
        return f"{why}; record more repeats or more images, or units of other tuning"
    well, remedy = "well enough", "record more repeats or more units"
    if worst.n_without_covariate:
        well += " and have every covariate"
        remedy = "hold fewer constant, or record more units"
    of = f"too few of {worst.n_all} units could be measured {well}"
    return f"{of}, {worst.n_units} where it takes {needed}; {remedy}"


def _warn(message: str) -> None:
    warnings.warn(message, ArtiphysWarning, stacklevel=5)
