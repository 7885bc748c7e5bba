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
from scipy import stats

from artiphys.correlations.jackknife import (
    partial_correlations,
    rank_correlations,
    rank_correlations_with_each_replaced,
    rank_correlations_without_each,
)
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import (
    Cells,
    cells_of,
    correlation_of,
    halves_of_splits,
    noise_error,
    signal_moments,
)

__all__ = [
    "MIN_RELIABILITY",
    "MIN_UNITS",
    "N_SPLITS",
    "Halves",
    "SplitSignature",
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


class SplitSignature(NamedTuple):
    """The rank correlation of dynamic range and invariance, and what it was made from."""

    spearman: float
    lower: float
    upper: float
    p_value: float
    attenuated: float  # before the division by the reliabilities
    reliability_dynamic_range: float
    reliability_invariance: float
    error: float  # standard error of Fisher's z of `attenuated`
    freedom: float


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
    spread = np.empty((len(images), 2, n_splits, n_unit))
    carried = np.empty((len(images), 2, n_splits, n_unit, n_position))
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
                spread[s, h, rows] = moments.variance[..., at].reshape(each)
                carried[s, h, rows] = correlation_of(moments).reshape(*each, -1) / (1 + bias)
    errors = [noise_error(some, of, at) for some, of in zip(cells, whole, strict=True)]
    return [Halves(*found) for found in zip(spread, carried, errors, strict=True)]


def split_signature(
    halves: Halves,
    position: int,
    *,
    covariates: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    without_images: Sequence[Halves] = (),
    level: float = 0.95,
) -> SplitSignature:
    r"""Return the signature at one position, from units that were measured well enough.

    .. math:: r_s = \frac{\overline{\rho(V_A, R_B)}}
              {\sqrt{\overline{\rho(V_A, V_B)} \; \overline{\rho(R_A, R_B)}}}

    with rho Spearman's correlation across units, the bar a mean over splits and both orders of the
    halves. The interval is that of a t distribution for Fisher's z, with the standard error of a
    jackknife; the p-value is two-sided and 1 - `level` where the interval ends at 0.

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
    level : float
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
    covariance = _jackknife_covariance(without)
    if without_images:
        covariance += _of_images(values, keep, without_images, position, covariates)
        n = min(n, len(without_images))
    return _inference(measured, covariance, n - 2 if groups is None else n - 1, level)


def averaged_signature(
    passes: Sequence[Halves], position: int, usable: Sequence[np.ndarray], *, level: float = 0.95
) -> SplitSignature:
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
    level : float
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
    covariance = _jackknife_covariance(without / len(passes))
    return _inference(measured / len(passes), covariance, n - 2, level)


def _with_images(cells: Cells, images: np.ndarray | None) -> Cells:
    if images is None:
        return cells
    n = cells.n * images[:, None]
    return Cells(np.where(n > 0, cells.mean, np.nan), n, np.where(n > 0, cells.noise, np.nan))


def _quantities(
    halves: Halves, position: int, covariates: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    carried = halves.invariance[..., position]
    rows = np.concatenate([halves.dynamic_range, carried]).swapaxes(0, 1)  # (split, 4, unit)
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
    added = _jackknife_covariance(np.array(without)) - (n - 1) / n * of_each
    size, direction = np.linalg.eigh(added)
    return (direction * np.maximum(size, 0.0)) @ direction.T  # images can only add


def _jackknife_covariance(without: np.ndarray) -> np.ndarray:
    deviation = without - without.mean(0)
    return (len(without) - 1) / len(without) * deviation.T @ deviation


def _inference(
    measured: np.ndarray, covariance: np.ndarray, freedom: float, level: float
) -> SplitSignature:
    relation, *reliabilities = measured
    floored = np.maximum(reliabilities, MIN_RELIABILITY)
    attenuation = float(np.sqrt(np.prod(floored)))
    gradient = np.array([1.0, *(-relation / (2 * floored))])
    with np.errstate(invalid="ignore", divide="ignore"):  # a perfect relation has no error
        error = np.sqrt(gradient @ covariance @ gradient) / (1 - relation**2)
        z = np.arctanh(relation)
        p_value = float(2 * stats.t.sf(abs(z) / error, freedom))
    reach = stats.t.ppf((1 + level) / 2, freedom) * error
    ends = [float(np.tanh(end) / attenuation) for end in (z - reach, z + reach)]
    estimate = float(relation / attenuation)
    if not min(reliabilities) >= MIN_RELIABILITY:
        estimate, ends = np.nan, [np.nan, np.nan]
    return SplitSignature(
        spearman=estimate,
        lower=ends[0],
        upper=ends[1],
        p_value=p_value,
        attenuated=float(relation),
        reliability_dynamic_range=float(reliabilities[0]),
        reliability_invariance=float(reliabilities[1]),
        error=float(error),
        freedom=freedom,
    )
