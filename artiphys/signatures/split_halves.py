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
    rank_correlations_without_each,
)
from artiphys.correlations.ranks import partial_correlations, rank_correlations, with_ties
from artiphys.estimators.halves_moments import moments_of_halves
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.ratio_bias import NoiseTerms, noise_terms, ratio_bias
from artiphys.estimators.signal_moments import cells_of, noise_error, signal_moments

__all__ = [
    "MIN_RELIABILITY",
    "NOTHING_FOUND",
    "N_SPLITS",
    "Halves",
    "SplitCorrelation",
    "averaged_signature",
    "halves_in_splits",
    "split_signature",
]

MIN_RELIABILITY = 0.1  # below it the division by it says nothing
N_SPLITS = 32


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


def halves_in_splits(values: np.ndarray, at: int, n_splits: int = N_SPLITS) -> Halves:
    """Return both quantities from both halves of many splits.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    at : int
        Index of the reference position.
    n_splits : int
    """
    cells = cells_of(values)
    whole = signal_moments(cells, at)
    terms = noise_terms(cells, whole, at)
    n_unit, _, n_position, _ = values.shape
    dynamic_range = np.empty((2, n_splits, n_unit))
    invariance = np.empty((2, n_splits, n_unit, n_position))
    for of in moments_of_halves(values, range(n_splits), at):
        one, other = (
            NoiseTerms(each.signal[of.units], each.square[of.units], each.n[of.units[:1]])
            for each in terms
        )
        bias = ratio_bias((one, other), of.n, at, whole.n_image[of.units])
        dynamic_range[:, of.splits, of.units] = of.variance[..., at]
        invariance[:, of.splits, of.units] = correlation_of(of) / (1 + bias)
    return Halves(dynamic_range, invariance, noise_error(cells, whole, at))


def split_signature(
    halves: Halves, position: int, *, covariates: np.ndarray | None = None
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
    """
    values, keep = _quantities(halves, position, covariates)
    measured = _summary(rank_correlations(values, keep))
    without = _summary(rank_correlations_without_each(values, keep).swapaxes(0, 1))
    return _inference(measured, jackknife_covariance(without), values.shape[-1] - 2)


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


def _quantities(
    halves: Halves, position: int, covariates: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    invariance = halves.invariance[..., position]
    both = [with_ties(halves.dynamic_range), with_ties(invariance, of_one=True)]
    rows = np.concatenate(both).swapaxes(0, 1)  # (split, 4, unit)
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
