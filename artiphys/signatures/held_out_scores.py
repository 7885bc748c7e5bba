"""Scores of each unit on each image, by what the other images say of its two ranks.

A noisy unit's rank is drawn towards the middle by as much as its measurement leaves open (empirical
Bayes): the distribution over units of the true values is estimated from all of them, and with it
what each unit's measurement says. Ranks are shares, from 0 to 1.
"""

from typing import NamedTuple

import numpy as np

from artiphys.estimators.held_out import N_FOLDS, Fold, folds_of_images
from artiphys.estimators.mixing import mixing_distribution
from artiphys.estimators.signal_moments import Cells
from artiphys.progress import tracked

__all__ = ["MIDDLE", "RANK_VARIANCE", "Scores", "held_out_scores"]

N_GRID = 64
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
        As in :func:`artiphys.estimators.held_out.folds_of_images`, of units with enough images.

    Returns
    -------
    Scores or None
        None where hardly any unit has a signal.
    """
    shape = cells.mean.shape[:2]
    scores = Scores(*(np.empty(shape) for _ in Scores._fields))
    folds = folds_of_images(cells, own, position, groups=groups)
    for fold in tracked(folds, unit="fold", total=min(N_FOLDS, shape[1])):
        if (fold.moments[0] > 0).sum() < MIN_WITH_SIGNAL:
            return None
        variance, *ranks = _dynamic_range(fold)
        gain, inflation = _gain(fold)
        invariance, correlation, slope, error = _invariance(fold, gain, inflation)
        scale = variance * gain
        error = error + RANK_VARIANCE * (LEAST_SCALE * np.quantile(scale, RESPOND_BEST)) ** 2
        of_scale = gain[:, None] * fold.scores[0] + fold.scores[1] / gain[:, None]
        of_scale /= 2 * inflation[:, None]
        excess = fold.scores[2] - correlation[:, None] * of_scale
        scores.y[:, fold.images] = invariance[:, None] * of_scale + slope[:, None] * excess
        scores.s[:, fold.images] = of_scale
        precision = 1 / (RANK_VARIANCE + error / scale**2)
        others = (*ranks, invariance, scale, precision)
        for into, of in zip(scores[2:], others, strict=True):
            into[:, fold.images] = of[:, None]
    return scores


def _dynamic_range(fold: Fold) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return the expected signal variance at the reference, and its expected ranks.

    A score is in proportion to the true scale, so that a unit whose scale is underestimated counts
    more than one of the same measurement whose scale is not, and has the larger dynamic range. What
    the scores tell on average is the rank in proportion to the scale, which is that of the variance
    V: :math:`E[U V] / E[V]`, with U the rank.

    The error that the choice of images makes is in proportion to the true variance, not to the one
    measured: a unit whose preferred image was not shown seems to have both small.

    How variances are distributed over units is estimated with the noise that units of each variance
    have on average: as spikes go, the noisy units are those of wide dynamic range, and with its own
    noise each would be spread over small variances too. A unit is then measured with its own noise.
    That is no evidence of its variance: where invariance goes with noise the two would be related.
    """
    measured = fold.moments[0]
    positive = measured[measured > 0]
    lowest = np.log(np.quantile(positive, LOWEST)) - BELOW
    grid = np.exp(np.linspace(lowest, np.log(positive.max()) + ABOVE, N_GRID))
    step = BETWEEN * np.log(grid[1] / grid[0])

    def log_likelihood(by_noise: np.ndarray) -> np.ndarray:
        variance = (fold.share + step**2) * grid**2 + by_noise
        return -((measured[:, None] - grid) ** 2) / (2 * variance) - np.log(variance) / 2

    of_own = log_likelihood(fold.noise[:, None])
    weight = mixing_distribution(of_own).posterior + TINY  # (unit, grid)
    of_all = mixing_distribution(log_likelihood(fold.noise @ weight / weight.sum(0)))
    ranks = of_all.cumulative
    mixing = mixing_distribution(of_own + np.log(of_all.weights + TINY), n_steps=0)
    expected = mixing.expected(grid)
    by_scale = mixing.expected(grid * ranks) / expected
    squared = mixing.expected(grid * ((ranks - MIDDLE) ** 2 - RANK_VARIANCE)) / expected
    return expected, mixing.expected(ranks), by_scale, squared


def _gain(fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's gain, drawn towards the units' mean, and what its error inflates.

    With a gain that errs by the factor exp(d) the scale is too large by cosh(d), or 1 + d² / 2.
    """
    first, second = fold.moments[:2]
    known = (first > LEAST_SHARE * second) & (second > LEAST_SHARE * first)
    a, b = np.where(known, first, 1.0), np.where(known, second, 1.0)
    log_gain = np.log(b / a) / 2
    e = fold.errors
    error = (e[:, 0, 0] / a**2 + e[:, 1, 1] / b**2 - 2 * e[:, 0, 1] / (a * b)) / 4
    precision = np.where(known, 1 / np.maximum(error, TINY), 0.0)
    spread = SPREAD_OF_GAIN**2
    for _ in range(GAIN_STEPS):
        weight = np.where(known, 1 / (spread + error), 0.0)
        mean = (weight * log_gain).sum() / max(weight.sum(), TINY)
        variance = 1 / (precision + 1 / spread)
        expected = (precision * log_gain + mean / spread) * variance
        found = ((expected - mean) ** 2 + variance)[known]
        spread = max(found.mean() if known.any() else 0.0, LEAST_SPREAD_OF_GAIN**2)
    return np.exp(expected), 1 + variance / 2


def _invariance(
    fold: Fold, gain: np.ndarray, inflation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return expected rank, expected correlation, slope, and the error of the score of the rank.

    The likelihood of a correlation R is that of :math:`C - R s`, which is 0 on average and no
    ratio; its error is by a t distribution with as many degrees of freedom as images tell it.
    """
    to_scale = np.stack([gain / (2 * inflation), 1 / (2 * gain * inflation), np.zeros_like(gain)])
    scale = (to_scale * fold.moments).sum(0)
    of_both = np.einsum("uab,au->ub", fold.errors, to_scale)
    of_scale = np.einsum("ub,bu->u", of_both, to_scale)
    of_product, shared = fold.errors[:, 2, 2], of_both[:, 2]
    grid = CORRELATIONS
    excess = fold.moments[2][:, None] - grid * scale[:, None]
    error = of_product[:, None] - 2 * grid * shared[:, None] + grid**2 * of_scale[:, None]
    least = 1e-6 * (of_product + of_scale)[:, None] + 1e-300
    error = np.maximum(error, least) + (BETWEEN * np.gradient(grid) * scale[:, None]) ** 2
    freedom = (fold.n_image - 1.0)[:, None]
    mixing = mixing_distribution(-(freedom + 1) / 2 * np.log1p(excess**2 / error / freedom))
    rank, correlation = mixing.expected(mixing.cumulative), mixing.expected(grid)
    variance = np.maximum(mixing.expected(grid**2) - correlation**2, 1e-9)
    slope = (mixing.expected(mixing.cumulative * grid) - rank * correlation) / variance
    of_score = of_product - 2 * correlation * shared + correlation**2 * of_scale
    return rank, correlation, slope, slope**2 * np.maximum(of_score, 0.0)
