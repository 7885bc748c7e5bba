"""What a signature is asked of: the responses, groups of units, and what its uncertainty is over.

Made once, at the door; both ways to estimate take it.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.correlations.resampling import check_resampling
from artiphys.errors import InputError, counted
from artiphys.estimators.held_out import MIN_IMAGES
from artiphys.estimators.measurement import Measurement, Noise, measurement_of
from artiphys.responses.schema import require
from artiphys.signatures.covariates import covariate_names, covariates_of
from artiphys.signatures.groups import checked_resample, group_names, has_group

__all__ = [
    "IMAGE_GROUP",
    "SESSION_COORD",
    "Request",
    "check_sessions",
    "image_groups_of",
    "request",
    "sessions_of",
]

SESSION_COORD = "source"  # the coordinate that says which session a unit was recorded in
IMAGE_GROUP = "image_group"  # the one that says which images are alike: frames of one movie


@dataclass(frozen=True)
class Request:
    """Arguments of :func:`artiphys.signature`, checked and resolved.

    Attributes
    ----------
    measured : Measurement
    trials : bool
        Whether the responses came with single trials, noise taken off or not.
    by : str
    groups : numpy.ndarray
        Values of the coordinate `by`, in the order in which they first appear.
    resample : tuple of str
    covariates : tuple of str
    constant : numpy.ndarray, (unit, covariate), or None
        What is held constant.
    n_resamples : int
    level : float
    rng : seed or numpy.random.Generator
    """

    measured: Measurement
    trials: bool
    by: str
    groups: np.ndarray
    resample: tuple[str, ...]
    covariates: tuple[str, ...]
    constant: np.ndarray | None
    n_resamples: int
    level: float
    rng: Any

    def members(self) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield each group with its units (bool)."""
        values = self.measured.responses[self.by].values
        for group in self.groups:
            yield group, values == group

    @property
    def sessions(self) -> np.ndarray | None:
        """The session of each unit, where it is known of all."""
        return sessions_of(self.measured.responses)

    @property
    def image_groups(self) -> np.ndarray | None:
        """Which images are alike, as the frames of a movie are (image), if that is known."""
        return image_groups_of(self.measured.responses)

    @property
    def positions(self) -> dict[str, xr.DataArray]:
        """The coordinates along the positions at which invariance is measured."""
        coords = self.measured.responses.coords.to_dataset()  # without a copy of the responses
        away = coords.isel(position=self.measured.away)
        return {str(name): c for name, c in away.coords.items() if c.dims == ("position",)}


def request(
    responses: xr.DataArray,
    *,
    by: str,
    reference: Hashable | None,
    noise: Noise,
    resample: Sequence[str] | None,
    covariates: str | Sequence[str],
    n_resamples: int,
    level: float,
    rng: Any,
) -> Request:
    """Return what is asked; the arguments are those of :func:`artiphys.signature`.

    Raises
    ------
    InputError
        If an argument is out of range or does not go with the others.
    """
    check_resampling(n_resamples, level)
    resample = None if resample is None else checked_resample(resample)
    responses = require(responses)
    at_large = noise == "auto" and "trial" in responses.dims and resample != ("unit",)
    if resample is None:
        resample = ("image", "unit") if at_large else ("unit",)
    named = covariate_names(responses, covariates)
    measured = measurement_of(responses, reference, noise, halves=noise != "auto")
    groups = group_names(responses, by)
    if "session" in resample:
        check_sessions(responses)
    trials = "trial" in responses.dims
    all_trials = measured.has_trials and not measured.is_best
    whole = measured if all_trials or not trials else replace(measured, responses=responses)
    constant = covariates_of(whole, named)
    return Request(measured, trials, by, groups, resample, named, constant, n_resamples, level, rng)


def sessions_of(responses: xr.DataArray) -> np.ndarray | None:
    """Return the session of each unit as a number, or None where one is not known."""
    if SESSION_COORD not in responses.coords or responses[SESSION_COORD].dims != ("unit",):
        return None
    if not has_group(responses, SESSION_COORD).all():
        return None
    return pd.factorize(responses[SESSION_COORD].values)[0]


def image_groups_of(responses: xr.DataArray) -> np.ndarray | None:
    """Return the group of each image as a number, or None where no image has one.

    Raises
    ------
    InputError
        If some images have none, or the groups are too few.
    """
    if IMAGE_GROUP not in responses.coords or responses[IMAGE_GROUP].dims != ("image",):
        return None
    number = pd.factorize(responses[IMAGE_GROUP].values)[0]
    n_missing = int((number < 0).sum())
    if n_missing:
        msg = (
            f"the coordinate {IMAGE_GROUP!r} must name a group for each image, and "
            f"{n_missing} of {number.size} have none; name the group of a single image after it"
        )
        raise InputError(msg)
    n_groups = np.unique(number).size
    if n_groups < MIN_IMAGES:
        msg = (
            f"the images are of {counted(n_groups, 'group')} ({IMAGE_GROUP!r}), too few to tell of "
            f"images at large: it takes {MIN_IMAGES}; resample='unit' asks about these images"
        )
        raise InputError(msg)
    return number


def check_sessions(responses: xr.DataArray) -> None:
    """Refuse responses of which some units have no session, for sessions to be resampled.

    Raises
    ------
    InputError
        With the coordinate that is to say the session of each unit.
    """
    if SESSION_COORD not in responses.coords or responses[SESSION_COORD].dims != ("unit",):
        msg = f"resample=('session', 'unit') needs the coordinate {SESSION_COORD!r} along 'unit'"
        raise InputError(msg)
    n_missing = int((~has_group(responses, SESSION_COORD)).sum())
    if n_missing:
        of = f"{n_missing} of {responses.sizes['unit']} units"
        needs = f"resample=('session', 'unit') needs every unit's {SESSION_COORD!r}"
        msg = f"{needs}; it is missing for {of}"
        raise InputError(msg)
