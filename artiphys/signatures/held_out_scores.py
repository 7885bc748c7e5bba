"""Scores of each unit on each image, by what the other images say of its two ranks.

A noisy unit's rank is drawn towards the middle by as much as its measurement leaves open (empirical
Bayes): the distribution over units of the true values is estimated from all of them, and with it
what each unit's measurement says. Ranks are shares, from 0 to 1.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from artiphys.cores import in_threads
from artiphys.estimators.held_out import N_FOLDS, Others, images_held_out
from artiphys.estimators.mixing import mixing_distribution
from artiphys.estimators.signal_moments import Cells
from artiphys.progress import tracked
from artiphys.signatures.choice_of_images import ChoiceOfImages, choice_of_images
from artiphys.signatures.variance_likelihood import log_likelihood_of_variance

__all__ = ["MIDDLE", "NUMBERS_OF_UNIT", "RANK_VARIANCE", "Scores", "held_out_scores"]

N_GRID = 64
NUMBERS_OF_UNIT = N_GRID * N_FOLDS  # at most, in a working array
AT_ONCE = 2**18  # numbers in a working array, of some of the folds
# Where the true values may lie: logs of variances beyond the range of the measured ones, and Fisher
# z of correlations, of which few are below -0.8.
BELOW, ABOVE, LOWEST = 1.5, 0.7, 0.02
CORRELATIONS = np.tanh(np.linspace(-1.2, 3.2, N_GRID))
BETWEEN = 0.7  # of a grid step: no measurement counts as finer than the grid
TINY = 1e-12
SPREAD_OF_GAIN = 0.3  # SD across units of the log gain to start from, and the least it may be
LEAST_SPREAD_OF_GAIN = 0.02
LEAST_SHARE = 1e-3  # of one variance in the other, for their ratio to be known
GAIN_STEPS = 30
MIN_WITH_SIGNAL = 5  # units
MIDDLE, RANK_VARIANCE = 1 / 2, 1 / 12  # of ranks from 0 to 1
# Of the scale of the units that respond best, so that however many are silent does not matter: at
# this scale a unit tells half as much as it would by its noise. One that hardly responds says all
# it has to say on one image.
LEAST_SCALE, RESPOND_BEST = 0.005, 0.9


class Scores(NamedTuple):
    """Of each unit on each image (unit, image), and what the other images say of the unit."""

    y: np.ndarray  # of the rank of invariance, times the scale
    s: np.ndarray  # of the scale: the product of the SDs of the signal at the two positions
    rank: np.ndarray  # of dynamic range, expected
    rank_by_scale: np.ndarray  # the same over what the scale may be, in proportion to it
    rank_squared: np.ndarray  # the square of its distance from the middle, less 1/12, likewise
    rank_of_invariance: np.ndarray  # expected
    scale: np.ndarray  # expected
    precision: np.ndarray  # 1 / variance of a unit's scored rank of invariance, noise and all


def held_out_scores(
    cells: Cells, own: np.ndarray, position: int, groups: np.ndarray | None = None
) -> Scores | None:
    r"""Return the scores of all images, each held out once.

    .. math:: s = \tfrac12 (g V_0 + V_p / g), \qquad y = E[G] \, s + G' (C - E[R] \, s)

    with V_0, V_p and C the image's scores of the two signal variances and of the covariance, and
    from the other images g the gain of the other position over the reference, R the correlation, G
    its rank, and G' the slope of the one on the other. Where the gain is right s is the product of
    the two SDs, and y / s the tangent to the rank of the correlation C / s. Both are linear in the
    image's own scores: no ratio, and no threshold, makes them wrong on average.

    Parameters
    ----------
    cells, own, position, groups
        As in :func:`artiphys.estimators.held_out.images_held_out`, of units with enough images.

    Returns
    -------
    Scores or None
        None where hardly any unit has a signal.
    """
    held_out = images_held_out(cells, own, position, groups=groups)
    others = held_out.others
    n_fold, n_unit = others.n_image.shape
    if ((others.moments[..., 0] > 0).sum(1) < MIN_WITH_SIGNAL).any():
        return None
    at_once = max(1, AT_ONCE // (N_GRID * n_unit))
    some = [others.of_folds(slice(f, f + at_once)) for f in range(0, n_fold, at_once)]
    told_with = partial(_told, choice=choice_of_images(others))
    told = in_threads(told_with, some, numbers=N_GRID * n_unit * min(at_once, n_fold))
    parts = list(tracked(told, unit="fold", total=n_fold, size=lambda of: len(of.gain)))
    of = _Told(*(np.concatenate(each)[held_out.fold].T for each in zip(*parts, strict=True)))
    first, second, product = held_out.scores
    s = (of.gain * first + second / of.gain) / (2 * of.inflation)
    y = of.invariance * s + of.slope * (product - of.correlation * s)
    ranks = of.rank, of.rank_by_scale, of.rank_squared, of.invariance
    return Scores(y, s, *ranks, of.scale, of.precision)


class _Told(NamedTuple):
    """What the others say (fold, unit), of which Scores has some."""

    gain: np.ndarray
    inflation: np.ndarray
    correlation: np.ndarray
    slope: np.ndarray
    rank: np.ndarray
    rank_by_scale: np.ndarray
    rank_squared: np.ndarray
    invariance: np.ndarray
    scale: np.ndarray
    precision: np.ndarray


def _told(others: Others, choice: ChoiceOfImages) -> _Told:
    variance, rank, rank_by_scale, rank_squared = _dynamic_range(others, choice)
    gain, inflation = _gain(others)
    invariance, correlation, slope, error = _invariance(others, gain, inflation)
    scale = variance * gain
    respond_best = np.quantile(scale, RESPOND_BEST, axis=1, keepdims=True)
    error = error + RANK_VARIANCE * (LEAST_SCALE * respond_best) ** 2
    with np.errstate(over="ignore"):  # of scales next to nothing, which have no precision
        precision = 1 / (RANK_VARIANCE + error / scale / scale)
    ranks = rank, rank_by_scale, rank_squared, invariance
    return _Told(gain, inflation, correlation, slope, *ranks, scale, precision)


def _dynamic_range(
    others: Others, choice: ChoiceOfImages
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return the expected signal variance at the reference, and its expected ranks.

    A score is in proportion to the true scale, so that a unit whose scale is underestimated counts
    more than one of the same measurement whose scale is not, and has the larger dynamic range. What
    the scores tell on average is the rank in proportion to the scale, which is that of the variance
    V: :math:`E[U V] / E[V]`, with U the rank.

    The error that the choice of images makes, and most of that by noise, goes with the true
    variance, not with the one measured: a unit whose preferred image was not shown, or that by
    chance answered it weakly, seems to have both small.

    How variances are distributed over units is estimated with the noise that units of each variance
    have on average: as spikes go, the noisy units are those of wide dynamic range, and with its own
    noise each would be spread over small variances too. A unit is then measured with its own noise.
    That is no evidence of its variance: where invariance goes with noise the two would be related.
    """
    measured = others.moments[..., 0]
    positive = np.where(measured > 0, measured, np.nan)
    lowest = np.log(np.nanquantile(positive, LOWEST, axis=1)) - BELOW
    highest = np.log(np.nanmax(positive, axis=1)) + ABOVE
    grid = np.exp(np.linspace(lowest, highest, N_GRID, axis=1))  # (fold, grid)
    step = BETWEEN * np.log(grid[:, 1] / grid[:, 0])
    by_images = choice.relative_variance(grid, others.n_image) + step[:, None, None] ** 2

    of_own = log_likelihood_of_variance(measured, grid, by_images, others.noise[..., None, :])
    weight = mixing_distribution(of_own).posterior + TINY
    weight /= weight.sum(1, keepdims=True)
    typical = (weight.swapaxes(1, 2) @ others.noise)[:, None]
    of_all = mixing_distribution(log_likelihood_of_variance(measured, grid, by_images, typical))
    ranks = of_all.cumulative
    of_own += np.log(of_all.weights + TINY)[:, None]
    mixing = mixing_distribution(of_own, n_steps=0)
    expected = mixing.expected(grid)
    by_scale = mixing.expected(grid * ranks) / expected
    squared = mixing.expected(grid * ((ranks - MIDDLE) ** 2 - RANK_VARIANCE)) / expected
    return expected, mixing.expected(ranks), by_scale, squared


def _gain(others: Others) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's gain, drawn towards the units' mean, and what its error inflates.

    With a gain that errs by the factor exp(d) the scale is too large by cosh(d), or 1 + d² / 2.
    """
    first, second = others.moments[..., 0], others.moments[..., 1]
    known = (first > LEAST_SHARE * second) & (second > LEAST_SHARE * first)
    a, b = np.where(known, first, 1.0), np.where(known, second, 1.0)
    log_gain = np.log(b / a) / 2
    e = others.errors
    error = (e[..., 0, 0] / a / a + e[..., 1, 1] / b / b - 2 * e[..., 0, 1] / a / b) / 4
    precision = np.where(known, 1 / np.maximum(error, TINY), 0.0)
    spread = np.full((len(known), 1), SPREAD_OF_GAIN**2)
    n_known = np.maximum(known.sum(1, keepdims=True), 1)
    for _ in range(GAIN_STEPS):
        weight = np.where(known, 1 / (spread + error), 0.0)
        mean = (weight * log_gain).sum(1, keepdims=True)
        mean /= np.maximum(weight.sum(1, keepdims=True), TINY)
        variance = 1 / (precision + 1 / spread)
        expected = (precision * log_gain + mean / spread) * variance
        found = np.where(known, (expected - mean) ** 2 + variance, 0.0)
        spread = found.sum(1, keepdims=True) / n_known
        spread = np.maximum(spread, LEAST_SPREAD_OF_GAIN**2)
    return np.exp(expected), 1 + variance / 2


def _invariance(
    others: Others, gain: np.ndarray, inflation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return expected rank, expected correlation, slope, and the error of the score of the rank.

    The likelihood of a correlation R is that of :math:`C - R s`, which is 0 on average and no
    ratio; its error is by a t distribution with as many degrees of freedom as images tell it.
    """
    by_moments = gain / (2 * inflation), 1 / (2 * gain * inflation), np.zeros_like(gain)
    to_scale = np.stack(by_moments, axis=-1)  # (fold, unit, moment)
    scale = (to_scale * others.moments).sum(-1)[..., None]
    of_both = np.einsum("fuab,fua->fub", others.errors, to_scale)
    of_scale = np.einsum("fub,fub->fu", of_both, to_scale)
    of_product, shared = others.errors[..., 2, 2], of_both[..., 2]
    grid = CORRELATIONS
    excess = others.moments[..., 2, None] - grid * scale
    error = of_product[..., None] - 2 * grid * shared[..., None] + grid**2 * of_scale[..., None]
    least = 1e-6 * (of_product + np.maximum(of_scale, 0.0))[..., None] + 1e-300
    error = np.maximum(error, least) + (BETWEEN * np.gradient(grid) * scale) ** 2
    freedom = (others.n_image - 1.0)[..., None]
    mixing = mixing_distribution(-(freedom + 1) / 2 * np.log1p(excess**2 / error / freedom))
    ranks = mixing.cumulative
    rank, correlation = mixing.expected(ranks), mixing.expected(grid)
    variance = np.maximum(mixing.expected(grid**2) - correlation**2, 1e-9)
    slope = (mixing.expected(ranks * grid) - rank * correlation) / variance
    of_score = of_product - 2 * correlation * shared + correlation**2 * of_scale
    return rank, correlation, slope, slope**2 * np.maximum(of_score, 0.0)
