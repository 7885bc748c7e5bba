"""The signature from single trials: their halves, group by group and position by position."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.estimators.dynamic_range import dynamic_range_of
from artiphys.estimators.invariance import invariance_of
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR
from artiphys.signatures.cautions import cautions, images_share
from artiphys.signatures.left_out import LEFT_OUT, of_one_repeat, why_left_out
from artiphys.signatures.naive import naive_relation
from artiphys.signatures.relation import Relation, dataset_of, relation_from
from artiphys.signatures.request import Request
from artiphys.signatures.shortfalls import MIN_SESSIONS, warn_of_too_little
from artiphys.signatures.split_halves import (
    MIN_UNITS,
    N_SPLITS,
    NOTHING_FOUND,
    Halves,
    halves_in_splits,
    split_signature,
)

__all__ = ["SplitUnits", "relation_of", "signature_of_trials", "split_units"]


class SplitUnits(NamedTuple):
    """The units of one group, and all that their signature is made from."""

    halves: Halves
    without_images: list[Halves]
    own: np.ndarray  # (unit), index of each unit's reference position
    of_one_repeat: np.ndarray  # (unit, position), whether nothing says the noise, there or at own
    covariates: np.ndarray | None
    sessions: np.ndarray | None


def signature_of_trials(asked: Request) -> xr.Dataset:
    """Return what :func:`artiphys.signature` returns with trials and ``noise="auto"``."""
    measured = asked.measured
    as_measured = measured.as_measured()
    naive = dynamic_range_of(as_measured).values, invariance_of(as_measured).values
    rows = []
    for _, members in asked.members():
        of_group = measured.of_units(members)
        units = split_units(
            of_group,
            each_image="image" in asked.resample,
            covariates=None if asked.constant is None else asked.constant[members],
            sessions=None if asked.sessions is None else asked.sessions[members],
        )
        n_image = int(of_group.responses.notnull().any(("unit", "position", "trial")).sum())
        means = as_measured.of_units(members).at_reference()
        relations = []
        for column, position in enumerate(measured.away):
            relation = relation_of(units, position, asked.level)
            as_it_is = naive_relation(naive[0][members], naive[1][members][:, column])
            relation = relation._replace(**as_it_is._asdict())
            share = images_share(means[units.halves.noise_error[:, position] <= MAX_NOISE_ERROR])
            caution = cautions(relation, share=share, n_image=n_image, resample=asked.resample)
            relations.append(relation._replace(caution=caution))
        rows.append(relations)
    warn_of_too_little(asked.groups, rows, MIN_UNITS, len(asked.covariates))
    result = dataset_of(rows, asked.by, asked.groups, asked.positions)
    over = "session" if "session" in asked.resample else " and ".join(asked.resample)
    result.attrs = {
        "statistic": "Spearman's rank correlation, divided by the reliability of its parts",
        "noise": "split",
        "reference": measured.reference,
        "dynamic_range": "signal variance across images, in one half of the trials",
        "invariance": "signal correlation with the reference position, in the other half",
        "n_splits": N_SPLITS,
        "max_noise_error": MAX_NOISE_ERROR,
        "level": asked.level,
        "min_units": MIN_UNITS + len(asked.covariates),
        "interval_method": f"jackknife over {over}, t distribution of Fisher's z",
        "p_value_method": f"jackknife over {over}, t distribution of Fisher's z, two-sided",
        "covariates": ", ".join(asked.covariates),
    }
    return result


def split_units(
    measured: Measurement,
    *,
    each_image: bool = False,
    covariates: np.ndarray | None = None,
    sessions: np.ndarray | None = None,
) -> SplitUnits:
    """Return the halves of the trials of a group's units, and of what they are a sample.

    Parameters
    ----------
    measured : Measurement
        Of this group, with trials.
    each_image : bool
        Whether to measure without each of the images in turn too, for images at large.
    covariates : numpy.ndarray, (unit, covariate), optional
        To be held constant.
    sessions : numpy.ndarray, (unit), optional
        The session of each unit, for sessions at large.
    """
    halves, *without = _halves(measured, each_image)
    once = of_one_repeat(measured.values, measured.own)
    return SplitUnits(halves, without, measured.own, once, covariates, sessions)


def relation_of(units: SplitUnits, position: int, level: float) -> Relation:
    """Return the relation at the position of that index, and the counts of units left out."""
    reason = why_left_out(units.halves.noise_error, units.own, units.of_one_repeat)[:, position]
    well = usable = reason == ""
    if units.covariates is not None:
        usable = well & np.isfinite(units.covariates).all(1)
    sessions = None if units.sessions is None else units.sessions[usable]
    n_covariates = 0 if units.covariates is None else units.covariates.shape[1]
    counts: dict[str, Any] = {name: int((reason == why).sum()) for name, why in LEFT_OUT.items()}
    counts["n_without_covariate"] = int((well & ~usable).sum())
    counts["n_sessions"] = None if sessions is None else np.unique(sessions).size
    n_units = int(usable.sum())
    few_sessions = sessions is not None and counts["n_sessions"] < MIN_SESSIONS
    found = NOTHING_FOUND
    if n_units >= MIN_UNITS + n_covariates and not few_sessions:
        found = split_signature(
            units.halves.of_units(usable),
            position,
            covariates=None if units.covariates is None else units.covariates[usable],
            groups=sessions,
            without_images=[halves.of_units(usable) for halves in units.without_images],
        )
    return relation_from(
        found.correlation,
        n_units,
        level=level,
        reliability_dynamic_range=found.reliability_dynamic_range,
        reliability_invariance=found.reliability_invariance,
        **counts,
    )


def _halves(measured: Measurement, each_image: bool) -> list[Halves]:
    """Return the halves of units with references of their own; with each image left out too."""
    values = measured.values
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
    for at, members in measured.by_reference():
        parts = halves_in_splits(values[members], at, images=images)
        for whole, part in zip(result, parts, strict=True):
            whole.dynamic_range[:, :, members] = part.dynamic_range
            whole.invariance[:, :, members] = part.invariance
            whole.noise_error[members] = part.noise_error
            whole.noise_error[members, at] = np.nan
    return result
