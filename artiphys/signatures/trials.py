"""The signature from single trials, of groups of units at each position."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from artiphys.estimators.dynamic_range import dynamic_range_of
from artiphys.estimators.held_out import N_FOLDS
from artiphys.estimators.invariance import invariance_of
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR
from artiphys.progress import tracked
from artiphys.signatures.at_large import Group, relations_at_large
from artiphys.signatures.cautions import cautions_at_large, cautions_on_these_images, images_share
from artiphys.signatures.naive import naive_relation
from artiphys.signatures.on_these_images import relations_on_these_images
from artiphys.signatures.relation import Relation, dataset_of
from artiphys.signatures.request import Request
from artiphys.signatures.shortfalls import MIN_UNITS, warn_of_too_little
from artiphys.signatures.split_halves import N_SPLITS

__all__ = ["signature_of_trials"]

AT_LARGE = {
    "statistic": "slope of the rank of invariance on the rank of dynamic range, over units",
    "dynamic_range": "signal variance across images, of the images that are not held out",
    "invariance": "signal correlation with the reference position, of the images held out",
    "n_folds": N_FOLDS,
}
ON_THESE_IMAGES = {
    "statistic": "Spearman's rank correlation, divided by the reliability of its parts",
    "dynamic_range": "signal variance across images, in one half of the trials",
    "invariance": "signal correlation with the reference position, in the other half",
    "n_splits": N_SPLITS,
    "max_noise_error": MAX_NOISE_ERROR,
}


def signature_of_trials(asked: Request) -> xr.Dataset:
    """Return what :func:`artiphys.signature` returns with trials and ``noise="auto"``."""
    measured, at_large = asked.measured, asked.resample != ("unit",)
    as_measured = measured.as_measured()
    naive = dynamic_range_of(as_measured).values, invariance_of(as_measured).values
    rows = []
    groups = [members for _, members in asked.members()]
    of_groups = _at_large(asked, groups) if at_large else _on_these_images(asked, groups)
    for members, found in zip(groups, of_groups, strict=True):
        as_they_are = [naive_relation(naive[0][members], y) for y in naive[1][members].T]
        rows.append(
            [
                relation._replace(**as_it_is._asdict())
                for relation, as_it_is in zip(found, as_they_are, strict=True)
            ]
        )
    warn_of_too_little(asked.groups, rows, MIN_UNITS, len(asked.covariates))
    result = dataset_of(rows, asked.by, asked.groups, asked.positions)
    result.attrs = {
        **(AT_LARGE if at_large else ON_THESE_IMAGES),
        "noise": "split",
        "reference": measured.reference,
        "level": asked.level,
        "resample": " and ".join(asked.resample),
        "min_units": MIN_UNITS + len(asked.covariates),
        "interval_method": _interval_method(asked),
        "p_value_method": f"{_interval_method(asked)}, two-sided",
        "covariates": ", ".join(asked.covariates),
    }
    return result


def _interval_method(asked: Request) -> str:
    if asked.resample == ("unit",):
        return "jackknife over unit, t distribution of Fisher's z"
    over = "session" if "session" in asked.resample else "unit"
    return f"sums over image and {over}, clustered both ways; t distribution, cut at -1 and 1"


def _at_large(asked: Request, groups: list[np.ndarray]) -> list[list[Relation]]:
    at_large = [
        Group(
            asked.measured.of_units(members),
            level=asked.level,
            covariates=None if asked.constant is None else asked.constant[members],
            sessions=None if asked.sessions is None else asked.sessions[members],
            over_sessions="session" in asked.resample,
            image_groups=asked.image_groups,
        )
        for members in groups
    ]
    return list(map(_cautioned, at_large, relations_at_large(at_large)))


def _cautioned(group: Group, relations: list[Relation]) -> list[Relation]:
    sessions = None if group.over_sessions else group.sessions
    n_sessions = 0 if sessions is None else np.unique(sessions).size
    n_images = _n_images(group.measured)
    return [
        of._replace(caution=cautions_at_large(of, n_images=n_images, n_sessions=n_sessions))
        for of in relations
    ]


def _n_images(measured: Measurement) -> int:
    """Return how many images were shown to any of the units."""
    return int((measured.cells.n > 0).any((0, 2)).sum())


def _on_these_images(asked: Request, groups: list[np.ndarray]) -> Iterator[list[Relation]]:
    """Yield group by group, as the halves of each are made on all cores."""
    for members in tracked(groups, unit="group"):
        yield _of_group_on_these_images(asked, members)


def _of_group_on_these_images(asked: Request, members: np.ndarray) -> list[Relation]:
    of_group = asked.measured.of_units(members)
    relations, used = relations_on_these_images(
        of_group,
        level=asked.level,
        covariates=None if asked.constant is None else asked.constant[members],
    )
    n_image = _n_images(of_group)
    means = of_group.as_measured().at_reference()
    return [
        relation._replace(
            caution=cautions_on_these_images(
                relation, share=images_share(means[well]), n_image=n_image
            )
        )
        for relation, well in zip(relations, used.T, strict=True)
    ]
