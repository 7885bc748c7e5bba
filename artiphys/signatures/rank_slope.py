"""The slope of a unit's rank of invariance on its rank of dynamic range, each from other images.

Where there is no relation the slope is 0 on average, whatever the noise.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy import sparse

from artiphys.correlations.inference import BoundedCorrelation
from artiphys.signatures.estimating_equations import Equations, estimating_equations
from artiphys.signatures.held_out_scores import RANK_VARIANCE, Scores
from artiphys.signatures.shortfalls import MIN_SESSIONS

__all__ = ["NO_SLOPE", "RankSlope", "mean_slope", "rank_slope"]

SPREAD_PRIOR = 0.5 * RANK_VARIANCE  # SD of the variance of scored ranks about that of true ranks
LEAST_SPREAD = 0.05 * RANK_VARIANCE  # units that surely differ by less have no ranks
MOST_EXPLAINED = 0.8  # of a rank by what is held constant, for what is left to have a size
MOST_LEVERAGE = 0.5
MOST_OF_SESSION = 0.8
MOST_PASSES = 0.5
MIN_FREEDOM = 3.0
BY_CHANCE = 2.0  # F of a curvature that is no reason for a parabola, its slope known as the line's
MIN_RELEVANCE = 10.0  # F of the instruments on the scale: below it there is hardly any signal
Pairs: TypeAlias = sparse.sparray | np.ndarray
UNKNOWN_SLOPE = BoundedCorrelation(np.nan, np.nan, np.nan)


class RankSlope(NamedTuple):
    """The relation, and what it rests on."""

    correlation: BoundedCorrelation
    n_effective: float  # units that would say as much, if all of them said the same
    reliability_dynamic_range: float  # share of the variance of true ranks that is known
    reliability_invariance: float
    influence: np.ndarray  # (unit), what each adds to the estimate
    by_images: float  # variance that the choice of images adds to that over units
    curvature: float = np.nan  # standard errors by which the relation is bent
    of_sessions: BoundedCorrelation = UNKNOWN_SLOPE  # the same, its error over sessions at large


NO_SLOPE = RankSlope(UNKNOWN_SLOPE, np.nan, np.nan, np.nan, np.empty(0), np.nan)


def rank_slope(
    scores: Scores,
    *,
    constant: np.ndarray | None = None,
    together: Pairs | None = None,
    sessions: np.ndarray | None = None,
    image_groups: np.ndarray | None = None,
) -> RankSlope:
    r"""Return Spearman's correlation of dynamic range and invariance over units.

    .. math:: r_s = b \sqrt{\tfrac{1}{12} / \sigma_G^2}

    with b the slope and :math:`\sigma_G^2` the variance over units of scored ranks, from products
    of two images, drawn towards 1/12, that of true ranks, by what its own error leaves open.

    Parameters
    ----------
    scores : Scores
        Of the units to use.
    constant : numpy.ndarray, (unit, covariate), optional
        To be held constant, by rank.
    together : array, (unit, unit), sparse or not, optional
        1 where two units are not independent, and for each with itself; else 0.
    sessions : numpy.ndarray, (unit), optional
        The error is that over sessions, where it is more than that over units and there are at
        least 3.
    image_groups : numpy.ndarray of int, (image), optional
        Images that are alike; by default each is its own.

    Returns
    -------
    RankSlope
        Without estimate if units of too little information are left for the test to be one.

    Notes
    -----
    The error is that of sums over units and of sums over images, clustered both ways, with each
    unit's residual divided by 1 less its leverage. Degrees of freedom are Satterthwaite's: of the
    effective number of units, or fewer where few units make most of the error (Pan & Wall).

    References
    ----------
    Cameron, A. C., Gelbach, J. B. & Miller, D. L. (2011). Robust inference with multiway
    clustering. J. Bus. Econ. Stat. 29(2), 238-249. https://doi.org/10.1198/jbes.2010.07136

    Pan, W. & Wall, M. M. (2002). Small-sample adjustments in using the sandwich variance estimator
    in generalized estimating equations. Stat. Med. 21(10), 1429-1441.
    https://doi.org/10.1002/sim.1142

    Staiger, D. & Stock, J. H. (1997). Instrumental variables regression with weak instruments.
    Econometrica 65(3), 557-586. https://doi.org/10.2307/2171753
    """
    n_unit = len(scores.y)
    together = sparse.eye_array(n_unit) if together is None else together
    fixed = np.zeros((n_unit, 0)) if constant is None else constant - constant.mean(0)
    straight = estimating_equations(scores, fixed, bent=False)
    information = (scores.precision * straight.design[1] ** 2).sum(1)
    n_effective = float(information.sum() ** 2 / _sum_of_pairs(information, together))
    freedom = n_effective - len(straight.design)
    if not freedom >= MIN_FREEDOM or _weak(straight.instrument[0] * scores.s):
        return NO_SLOPE._replace(n_effective=n_effective)
    trend = _trend(straight, scores, fixed, together)
    spread = _spread_of_ranks(scores, trend.middle, image_groups)
    left = _unexplained(scores, fixed, spread.variance)
    factor, known = np.sqrt(left), bool(spread.known and np.isfinite(left))
    if not known:  # there is a test still
        factor = 1.0
    estimate = float(factor * trend.slope)
    influence = factor * trend.influence
    of_unit = _of_each_unit(influence, trend.leverage)
    of_unit += factor * trend.by_ranks - estimate / 2 * spread.influence / spread.variance
    by_images, n_groups = _over_images(influence, image_groups)
    freedom = min(freedom, _freedom(of_unit))
    over = _over_units(of_unit, trend.leverage_on_slope, together, freedom, sessions)

    def with_error(variance: float, freedom: float) -> BoundedCorrelation:
        both = variance + by_images
        if both > 0:
            freedom = both**2 / (variance**2 / freedom + by_images**2 / (n_groups - 1))
        error = float(np.sqrt(both))
        return BoundedCorrelation(estimate, error, float(freedom), known)

    return RankSlope(
        with_error(over.variance, over.freedom),
        n_effective,
        min(float(scores.rank.mean(1).var() / RANK_VARIANCE), 1.0),  # beyond it by chance
        float(scores.rank_of_invariance.mean(1).var() / RANK_VARIANCE),
        of_unit,
        by_images,
        trend.curvature,
        with_error(over.of_sessions, over.n_sessions - 2.0),
    )


def mean_slope(slopes: Sequence[RankSlope], together: Pairs) -> RankSlope:
    """Return the mean of several measurements of the same units, each with noise of its own.

    The error holds what the units add and the luck that is left after averaging. `together` is as
    in :func:`rank_slope`, or a share of 1.
    """
    influence = np.mean([of.influence for of in slopes], axis=0)
    correlations = [of.correlation for of in slopes]
    means = [(of.slope, of.freedom, of.known) for of in correlations]
    estimate, freedom, known = np.mean(means, axis=0)
    rest = np.mean([(*of[1:4], of.by_images, of.curvature) for of in slopes], axis=0)
    n_effective, of_range, of_invariance, by_images, curvature = rest.tolist()
    error = float(np.sqrt(_sum_of_pairs(influence, together) + by_images))
    return RankSlope(
        BoundedCorrelation(float(estimate), error, float(freedom), bool(known > MOST_PASSES)),
        n_effective,
        of_range,
        of_invariance,
        influence,
        by_images,
        curvature,
    )


class _Trend(NamedTuple):
    """The straight part of the relation."""

    middle: float  # the rank of invariance there
    slope: float
    curvature: float  # standard errors by which the relation is bent
    influence: np.ndarray  # (unit, image), on the slope
    by_ranks: np.ndarray  # (unit), as each unit counts in the ranks of the others
    leverage: np.ndarray  # (unit)
    leverage_on_slope: np.ndarray  # (unit)


def _trend(straight: Equations, scores: Scores, fixed: np.ndarray, together: Pairs) -> _Trend:
    r"""Return the slope of a line, or of a parabola as far as the relation is bent.

    .. math:: b = b_1 + \lambda (b_2 - b_1), \qquad
              \lambda = \max\Bigl(0, 1 - \Bigl(\frac{2}{F}
              \frac{\mathrm{var}\, b_2}{\mathrm{var}\, b_1}\Bigr)^2\Bigr)

    with b_1 the slope of the line, b_2 that of the parabola at the middle and F the square of its
    curvature over its error. The units that are known best, of wide dynamic range, weigh most; if
    the relation is bent the line has their slope, and the parabola that of all units. Where it is
    not, the parabola costs power: the more so the less is known of units of narrow dynamic range,
    and the surer the bend must then be.
    """
    bent = estimating_equations(scores, fixed, bent=True)
    size = bent.coefficients[2]
    variance = _variance_over_units(bent, 2, together)
    f = float(size**2 / variance) if variance > 0 else 0.0
    of_line, of_parabola = (_variance_over_units(of, 1, together) for of in (straight, bent))
    enough = BY_CHANCE * of_parabola / of_line if of_line > 0 else np.inf
    share = 1 - (enough / f) ** 2 if f > enough else 0.0

    def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a + share * (b - a)

    middle, slope = between(straight.coefficients[:2], bent.coefficients[:2])
    return _Trend(
        float(middle),
        float(slope),
        float(np.copysign(np.sqrt(f), size)),
        between(straight.influence[1], bent.influence[1]),
        _as_ranks(scores.rank.mean(1), between(straight.by_rank, bent.by_rank)),
        between(straight.leverage, bent.leverage),
        between(straight.leverage_on_slope, bent.leverage_on_slope),
    )


def _as_ranks(rank: np.ndarray, by_rank: np.ndarray) -> np.ndarray:
    """Return what each unit adds to the slope (unit) as it lifts the ranks of those above it."""
    order = np.argsort(rank, kind="stable")
    of_first = np.append(0.0, np.cumsum(by_rank[order]))
    below, up_to = (np.searchsorted(rank[order], rank, side=side) for side in ("left", "right"))
    above = of_first[-1] - (of_first[below] + of_first[up_to]) / 2
    return (above.mean() - above) / rank.size


def _variance_over_units(of: Equations, coefficient: int, together: Pairs) -> float:
    return _sum_of_pairs(_of_each_unit(of.influence[coefficient], of.leverage), together)


def _of_each_unit(influence: np.ndarray, leverage: np.ndarray) -> np.ndarray:
    """Return what each unit adds (unit), its residual divided by 1 less its leverage."""
    return influence.sum(1) / (1 - np.clip(leverage, 0.0, MOST_LEVERAGE))


def _weak(signal: np.ndarray) -> bool:
    """Say whether what the instruments find of the scale might be noise alone."""
    return not signal.sum() > np.sqrt(MIN_RELEVANCE * (signal**2).sum())


def _freedom(of_unit: np.ndarray) -> float:
    """Return the degrees of freedom of a sum of squares over units, from how the squares differ."""
    squares = of_unit**2
    variance = ((squares - squares.mean()) ** 2).sum()
    return max(float(2 * squares.sum() ** 2 / variance), MIN_FREEDOM) if variance > 0 else np.inf


class _OverUnits(NamedTuple):
    """The variance of a sum over units."""

    variance: float
    freedom: float  # its degrees of freedom
    of_sessions: float = np.nan  # the variance, were it over sessions alone
    n_sessions: int = 0


def _over_units(
    influence: np.ndarray,
    leverage: np.ndarray,
    together: Pairs,
    freedom: float,
    sessions: np.ndarray | None,
) -> _OverUnits:
    """Return the variance over units, or that over sessions if it is more.

    The sum over a session is divided by the root of 1 less its leverage on the slope, and two
    degrees of freedom are lost.
    """
    of_units = _sum_of_pairs(influence, together)
    names, session = np.unique([] if sessions is None else sessions, return_inverse=True)
    n = names.size
    if n < MIN_SESSIONS:
        return _OverUnits(of_units, freedom)
    sums, of_session = (np.bincount(session, of) for of in (influence, leverage))
    total = float((sums**2 / (1 - np.clip(of_session, 0.0, MOST_OF_SESSION))).sum())
    if total > of_units:
        return _OverUnits(total, min(freedom, max(n - 2.0, MIN_FREEDOM)), total, n)
    return _OverUnits(of_units, freedom, total, n)


def _over_images(influence: np.ndarray, groups: np.ndarray | None) -> tuple[float, int]:
    """Return the variance over groups of images less that which is over units too, and how many."""
    influence = _over_groups(influence, groups)
    n = influence.shape[1]
    total = (influence.sum(0) ** 2).sum() * n / (n - 1)
    return float(max(total - (influence**2).sum(), 0.0)), n


def _over_groups(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return the sums over images that are alike (unit, group), of values (unit, image)."""
    if groups is None:
        return values
    return values @ (groups[:, None] == np.unique(groups)).astype(float)


class _Spread(NamedTuple):
    variance: float
    known: bool  # unless the units are all alike in invariance, which have no ranks
    influence: np.ndarray  # (unit)


def _spread_of_ranks(scores: Scores, middle: float, groups: np.ndarray | None) -> _Spread:
    """Return the variance over units of the ranks that are scored, true ranks having 1/12.

    From products of two images that are not alike, whose noise and choice have nothing in common.
    """
    ranks = (scores.y - middle * scores.s) / scores.scale
    weight = scores.precision.mean(1) ** 2
    squares, scales = (
        weight * _products_of_two(_over_groups(of, groups))
        for of in (ranks, scores.s / scores.scale)
    )
    found = squares.sum() / scales.sum()
    influence = (squares - found * scales) / scales.sum()
    error = np.sqrt((influence**2).sum())
    trust = 1 / (1 + (error / SPREAD_PRIOR) ** 2)
    variance = trust * found + (1 - trust) * RANK_VARIANCE
    known = bool(found + 2 * error > LEAST_SPREAD)
    return _Spread(max(variance, LEAST_SPREAD), known, trust * influence)


def _products_of_two(values: np.ndarray) -> np.ndarray:
    """Return the sum of products of two different images (unit)."""
    return values.sum(1) ** 2 - (values**2).sum(1)


def _unexplained(scores: Scores, fixed: np.ndarray, variance: float) -> float:
    """Return the variance of ranks of dynamic range over that of scored ranks, at fixed covariates.

    The covariates' share in each is that of a regression on them alone. NaN if it is most of it.
    """
    if not fixed.shape[1]:
        return RANK_VARIANCE / variance
    design = np.column_stack([np.ones(len(fixed)), fixed])
    ranks = np.stack([scores.rank.mean(1), scores.rank_of_invariance.mean(1)], axis=1)
    explained = (design @ np.linalg.lstsq(design, ranks, rcond=None)[0]).var(0)
    if (explained > MOST_EXPLAINED * np.array([RANK_VARIANCE, variance])).any():
        return float("nan")
    return float((RANK_VARIANCE - explained[0]) / (variance - explained[1]))


def _sum_of_pairs(influence: np.ndarray, together: Pairs) -> float:
    """Return the sum of products over units that go together, each with itself at the least."""
    return max(float(influence @ (together @ influence)), float((influence**2).sum()))
