"""The signature of noisy trials: dynamic range and invariance from halves that share no trial.

One split of the trials in halves gives a dynamic range and an invariance whose errors have nothing
in common, so that their rank correlation is 0 on average where there is no relation. It is also too
near 0 where there is one, as both are noisy, and it uses each trial for one of the two only. So
many splits are averaged, each half serving both quantities in turn, and the average is divided by
the geometric mean of the two reliabilities, which the same halves give.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from artiphys.correlations.inference import UNKNOWN, RankCorrelation
from artiphys.correlations.jackknife import (
    jackknife_covariance,
    rank_correlations_with_each_replaced,
    rank_correlations_without_each,
)
from artiphys.correlations.ranks import partial_correlations, rank_correlations
from artiphys.estimators.halves import halves_of_splits
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import Cells, cells_of, noise_error, signal_moments

__all__ = [
    "MIN_RELIABILITY",
    "MIN_UNITS",
    "NOTHING_FOUND",
    "N_SPLITS",
    "Halves",
    "SplitCorrelation",
    "averaged_signature",
    "halves_in_splits",
    "split_signature",
]

MIN_UNITS = 10
MIN_RELIABILITY = 0.1  # below it the division by it says nothing
N_SPLITS = 32
BLOCK = 2**17  # cells at a time, over all splits


class Halves(NamedTuple):
    """Both quantities from both halves of the trials, split after split, and how far to trust them.

    `dynamic_range` and `invariance` have the first half of every split, then the second.
    """

    dynamic_range: np.ndarray  # (half, split, unit)
    invariance: np.ndarray  # (half, split, unit, position)
    noise_error: np.ndarray  # (unit, position), of a correlation from all the trials

    def of_units(self, members: np.ndarray) -> "Halves":
        """Return those of some units (bool)."""
        return Halves(
            self.dynamic_range[:, :, members],
            self.invariance[:, :, members],
            self.noise_error[members],
        )


class SplitCorrelation(NamedTuple):
    """The rank correlation of dynamic range and invariance, and the reliabilities it has."""

    correlation: RankCorrelation
    reliability_dynamic_range: float
    reliability_invariance: float


NOTHING_FOUND = SplitCorrelation(UNKNOWN, float("nan"), float("nan"))


def halves_in_splits(
    values: np.ndarray,
    at: int,
    n_splits: int = N_SPLITS,
    images: Sequence[np.ndarray | None] = (None,),
) -> list[Halves]:
    """Return both quantities from both halves of many splits, for each of some sets of images.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    at : int
        Index of the reference position.
    n_splits : int
    images : sequence of numpy.ndarray of bool, (image)
        The images of each set, halved as they are among all of them; None for all.
    """
    cells = [_with_images(cells_of(values), shown) for shown in images]
    whole = [signal_moments(some, at) for some in cells]
    terms = [noise_terms(some, of, at) for some, of in zip(cells, whole, strict=True)]
    n_unit, n_image, n_position, _ = values.shape
    dynamic_range = np.empty((len(images), 2, n_splits, n_unit))
    invariance = np.empty((len(images), 2, n_splits, n_unit, n_position))
    at_once = max(1, BLOCK // (n_unit * n_image * n_position))
    for start in range(0, n_splits, at_once):
        splits = range(start, min(start + at_once, n_splits))
        rows = slice(splits.start, splits.stop)
        for h, half in enumerate(halves_of_splits(values, splits)):
            for s, shown in enumerate(images):
                some = _with_images(half, shown)
                moments = signal_moments(some, at)
                each = (len(splits), n_unit)
                bias = ratio_bias(
                    terms[s], some.n.reshape(*each, n_image, -1), at, whole[s].n_image
                )
                dynamic_range[s, h, rows] = moments.variance[..., at].reshape(each)
                correlation = correlation_of(moments).reshape(*each, -1)
                invariance[s, h, rows] = correlation / (1 + bias)
    errors = [noise_error(some, of, at) for some, of in zip(cells, whole, strict=True)]
    return [Halves(*found) for found in zip(dynamic_range, invariance, errors, strict=True)]


def split_signature(
    halves: Halves,
    position: int,
    *,
    covariates: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    without_images: Sequence[Halves] = (),
) -> SplitCorrelation:
    r"""Return the signature at one position, from units that were measured well enough.

    .. math:: r_s = \frac{\overline{\rho(V_A, R_B)}}
              {\sqrt{\overline{\rho(V_A, V_B)} \; \overline{\rho(R_A, R_B)}}}

    with rho Spearman's correlation across units, the bar a mean over splits and both orders of the
    halves. The standard error is a jackknife's.

    Parameters
    ----------
    halves : Halves
        Of the units to use.
    position : int
    covariates : numpy.ndarray, (unit, covariate), optional
        To be held constant, by partial rank correlation.
    groups : numpy.ndarray, (unit), optional
        Groups of units that were drawn together, such as sessions: the jackknife leaves out one
        group at a time in place of one unit.
    without_images : sequence of Halves
        With each image left out, for an interval that covers other images too.
    """
    values, keep = _quantities(halves, position, covariates)
    measured = _summary(rank_correlations(values, keep))
    if groups is None:
        without = _summary(rank_correlations_without_each(values, keep).swapaxes(0, 1))
        n = values.shape[-1]
    else:
        names = np.unique(groups)
        without = np.array(
            [_summary(rank_correlations(values, keep & (groups != g))) for g in names]
        )
        n = names.size
    covariance = jackknife_covariance(without)
    if without_images:
        covariance += _of_images(values, keep, without_images, position, covariates)
        n = min(n, len(without_images))
    return _inference(measured, covariance, n - 2 if groups is None else n - 1)


def averaged_signature(
    passes: Sequence[Halves], position: int, usable: Sequence[np.ndarray]
) -> SplitCorrelation:
    """Return the signature at one position, averaged over several measurements of the same units.

    The jackknife leaves a unit out of all the passes at once, so that its error holds what the
    units add and the luck that is left after averaging.

    Parameters
    ----------
    passes : sequence of Halves
        Of all units, in the same order.
    position : int
    usable : sequence of numpy.ndarray of bool, (unit)
        Which units were measured well enough in each pass.
    """
    measured = np.zeros(3)
    without = np.zeros((usable[0].size, 3))
    for halves, members in zip(passes, usable, strict=True):
        values, keep = _quantities(halves, position, None)
        values, keep = values[..., members], keep[:, members]
        whole = _summary(rank_correlations(values, keep))
        measured += whole
        each = np.broadcast_to(whole, without.shape).copy()
        each[members] = _summary(rank_correlations_without_each(values, keep).swapaxes(0, 1))
        without += each
    n = np.mean([members.sum() for members in usable])
    covariance = jackknife_covariance(without / len(passes))
    return _inference(measured / len(passes), covariance, n - 2)


def _with_images(cells: Cells, images: np.ndarray | None) -> Cells:
    if images is None:
        return cells
    n = cells.n * images[:, None]
    return Cells(np.where(n > 0, cells.mean, np.nan), n, np.where(n > 0, cells.noise, np.nan))


def _quantities(
    halves: Halves, position: int, covariates: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    invariance = halves.invariance[..., position]
    rows = np.concatenate([halves.dynamic_range, invariance]).swapaxes(0, 1)  # (split, 4, unit)
    if covariates is not None:
        more = np.broadcast_to(covariates.T, (len(rows), *covariates.T.shape))
        rows = np.concatenate([rows, more], axis=1)
    keep = np.isfinite(rows).all(1)
    return np.where(keep[:, None], rows, 0.0), keep


def _summary(correlations: np.ndarray) -> np.ndarray:
    """Return (..., 3): mean over splits of the relation and of the two reliabilities."""
    c = partial_correlations(correlations, 4)
    relation = (c[..., 0, 3] + c[..., 1, 2]) / 2
    return np.stack([relation, c[..., 0, 1], c[..., 2, 3]], axis=-1).mean(-2)


def _of_images(
    values: np.ndarray,
    keep: np.ndarray,
    without_images: Sequence[Halves],
    position: int,
    covariates: np.ndarray | None,
) -> np.ndarray:
    """Return what images at large add to the covariance beyond what units have of them already.

    Leaving out images measures what they do to all units alike and to each unit by itself. The
    second is in the error over units too, and is taken off: it is the sum over images and units of
    what an image does to one unit, the others staying as they are.
    """
    whole = _summary(rank_correlations(values, keep))
    without, of_each = [], np.zeros((3, 3))
    for halves in without_images:
        other, defined = _quantities(halves, position, covariates)
        without.append(_summary(rank_correlations(other, defined)))
        other = np.where((keep & defined)[:, None], other, values)
        each = _summary(rank_correlations_with_each_replaced(values, keep, other).swapaxes(0, 1))
        deviation = each - whole
        of_each += deviation.T @ deviation
    n = len(without_images)
    added = jackknife_covariance(np.array(without)) - (n - 1) / n * of_each
    size, direction = np.linalg.eigh(added)
    return (direction * np.maximum(size, 0.0)) @ direction.T  # images can only add


def _inference(measured: np.ndarray, covariance: np.ndarray, freedom: float) -> SplitCorrelation:
    relation, *reliabilities = measured
    floored = np.maximum(reliabilities, MIN_RELIABILITY)
    gradient = np.array([1.0, *(-relation / (2 * floored))])
    with np.errstate(invalid="ignore", divide="ignore"):  # a perfect relation has no error
        error = np.sqrt(gradient @ covariance @ gradient) / (1 - relation**2)
    known = min(reliabilities) >= MIN_RELIABILITY
    attenuation = np.sqrt(np.prod(reliabilities)) if known else np.nan
    correlation = RankCorrelation(float(relation), float(error), freedom, float(attenuation))
    return SplitCorrelation(correlation, float(reliabilities[0]), float(reliabilities[1]))
