r"""The slope of a unit's rank of invariance on its rank of dynamic range, each from other images.

An image held out gives each unit a score y of its rank of invariance times a scale, and a score s
of that scale. The slope is the second of the coefficients b that solve

.. math:: \sum_{u, i} \frac{w_{ui}}{T_{ui}} \, d_{ui} \bigl( y_{ui} - s_{ui} \, d_{ui}^\top b
          \bigr) = 0, \qquad d_{ui} = (1, X_{ui} - \bar X, Z_u),

with X the rank of dynamic range, T the scale and w a weight by precision, all from the other
images, and Z what is held constant: instrumental variables, whose errors have nothing in common
with those of y and s. Where there is no relation the slope is 0 on average, whatever the noise.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from artiphys.correlations.inference import BoundedCorrelation
from artiphys.signatures.held_out_scores import RANK_VARIANCE, Scores
from artiphys.signatures.shortfalls import MIN_SESSIONS

__all__ = ["NO_SLOPE", "RankSlope", "mean_slope", "rank_slope"]

SPREAD_PRIOR = 0.5 * RANK_VARIANCE  # SD of the variance of scored ranks about that of true ranks
LEAST_SPREAD = 0.05 * RANK_VARIANCE  # units that surely differ by less have no ranks
MOST_EXPLAINED = 0.8  # of a rank by what is held constant, for what is left to have a size
MOST_LEVERAGE = 0.5
MOST_OF_SESSION = 0.8
MIN_FREEDOM = 3.0
MIN_RELEVANCE = 10.0  # F of the instruments on the scale: below it there is hardly any signal
UNKNOWN_SLOPE = BoundedCorrelation(np.nan, np.nan, np.nan)


class RankSlope(NamedTuple):
    """The relation, and what it rests on."""

    correlation: BoundedCorrelation
    n_effective: float  # units that would say as much, if all of them said the same
    reliability_dynamic_range: float  # share of the variance of true ranks that is known
    reliability_invariance: float
    influence: np.ndarray  # (unit), what each adds to the estimate
    by_images: float  # variance that the choice of images adds to that over units
    of_sessions: BoundedCorrelation = UNKNOWN_SLOPE  # the same, its error over sessions at large


NO_SLOPE = RankSlope(UNKNOWN_SLOPE, np.nan, np.nan, np.nan, np.empty(0), np.nan)


def rank_slope(
    scores: Scores,
    *,
    constant: np.ndarray | None = None,
    together: np.ndarray | None = None,
    sessions: np.ndarray | None = None,
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
    together : numpy.ndarray, (unit, unit), optional
        1 where two units are not independent, and for each with itself; else 0.
    sessions : numpy.ndarray, (unit), optional
        What they differ by more than chance is added to the error, if there are at least 3.

    Returns
    -------
    RankSlope
        Without estimate if units of too little information are left for the test to be one.

    Notes
    -----
    The error is that of sums over units and of sums over images, clustered both ways, with each
    unit's residual divided by 1 less its leverage. Degrees of freedom are Satterthwaite's.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. & Miller, D. L. (2011). Robust inference with multiway
    clustering. J. Bus. Econ. Stat. 29(2), 238-249. https://doi.org/10.1198/jbes.2010.07136

    Staiger, D. & Stock, J. H. (1997). Instrumental variables regression with weak instruments.
    Econometrica 65(3), 557-586. https://doi.org/10.2307/2171753
    """
    n_unit, n_image = scores.y.shape
    together = np.eye(n_unit) if together is None else together
    fixed = np.zeros((n_unit, 0)) if constant is None else constant - constant.mean(0)
    equations = _equations(scores, fixed)
    information = (scores.precision * equations.design[1] ** 2).sum(1)
    n_effective = float(information.sum() ** 2 / _sum_of_pairs(information, together))
    freedom = n_effective - len(equations.design)
    if not freedom >= MIN_FREEDOM or _weak(equations.instrument[0] * scores.s):
        return NO_SLOPE._replace(n_effective=n_effective)
    spread = _spread_of_ranks(scores, equations.coefficients[0])
    left = _unexplained(scores, fixed, spread.variance)
    factor, known = np.sqrt(left), bool(spread.known and np.isfinite(left))
    if not known:  # there is a test still
        factor = 1.0
    estimate = float(factor * equations.coefficients[1])
    influence = factor * equations.influence
    of_unit = influence.sum(1) / (1 - np.clip(equations.leverage, 0.0, MOST_LEVERAGE))
    of_unit -= estimate / 2 * spread.influence / spread.variance
    of_image = (influence.sum(0) ** 2).sum() * n_image / (n_image - 1)
    by_images = float(max(of_image - (influence**2).sum(), 0.0))
    over = _over_units(of_unit, equations.leverage_on_slope, together, freedom, sessions)

    def with_error(variance: float, freedom: float) -> BoundedCorrelation:
        error = float(np.sqrt(variance + by_images))
        return BoundedCorrelation(estimate, error, float(freedom), known)

    return RankSlope(
        with_error(over.variance, over.freedom),
        n_effective,
        float(scores.rank.mean(1).var() / RANK_VARIANCE),
        float(scores.rank_of_invariance.mean(1).var() / RANK_VARIANCE),
        of_unit,
        by_images,
        with_error(over.of_sessions, over.n_sessions - 2.0),
    )


def mean_slope(slopes: Sequence[RankSlope]) -> RankSlope:
    """Return the mean of several measurements of the same units, each with noise of its own.

    The error holds what the units add and the luck that is left after averaging.
    """
    influence = np.mean([of.influence for of in slopes], axis=0)
    estimate, freedom, n_effective, of_range, of_invariance, by_images = np.mean(
        [(of.correlation.slope, of.correlation.freedom, *of[1:4], of.by_images) for of in slopes],
        axis=0,
    )
    error = float(np.sqrt((influence**2).sum() + by_images))
    known = np.mean([of.correlation.known for of in slopes]) > 0.5
    correlation = BoundedCorrelation(float(estimate), error, float(freedom), bool(known))
    return RankSlope(
        correlation, float(n_effective), float(of_range), float(of_invariance), influence, by_images
    )


class _Equations(NamedTuple):
    """The estimating equations at their solution."""

    design: np.ndarray  # (quantity, unit, image): 1, rank of dynamic range, what is held constant
    instrument: np.ndarray  # (quantity, unit, image)
    coefficients: np.ndarray  # (quantity)
    influence: np.ndarray  # (unit, image), on the slope
    leverage: np.ndarray  # (unit), on all the coefficients
    leverage_on_slope: np.ndarray  # (unit), their sum 1


def _equations(scores: Scores, fixed: np.ndarray) -> _Equations:
    middle = (scores.precision * scores.rank).sum() / scores.precision.sum()
    x = scores.rank - middle
    columns = (np.broadcast_to(z[:, None], x.shape) for z in fixed.T)
    design = np.stack([np.ones_like(x), x, *columns])
    instrument = scores.precision / scores.scale * design
    inverse = np.linalg.pinv(np.einsum("aui,ui,bui->ab", instrument, scores.s, design))
    coefficients = inverse @ np.einsum("aui,ui->a", instrument, scores.y)
    residual = scores.y - scores.s * np.einsum("a,aui->ui", coefficients, design)
    of_slope = (instrument[1] * scores.s * x).sum(1)
    return _Equations(
        design,
        instrument,
        coefficients,
        influence=np.einsum("a,aui->ui", inverse[1], instrument) * residual,
        leverage=np.einsum("aui,ab,bui,ui->u", design, inverse, instrument, scores.s),
        leverage_on_slope=of_slope / of_slope.sum(),
    )


def _weak(signal: np.ndarray) -> bool:
    """Say whether what the instruments find of the scale might be noise alone."""
    return not signal.sum() > np.sqrt(MIN_RELEVANCE * (signal**2).sum())


class _OverUnits(NamedTuple):
    """The variance of a sum over units."""

    variance: float
    freedom: float  # its degrees of freedom
    of_sessions: float = np.nan  # the variance, were it over sessions alone
    n_sessions: int = 0


def _over_units(
    influence: np.ndarray,
    leverage: np.ndarray,
    together: np.ndarray,
    freedom: float,
    sessions: np.ndarray | None,
) -> _OverUnits:
    """Return the variance over units, with what sessions add if they differ.

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
    more = max(total - of_units, 0.0)
    variance = of_units + more
    both = variance**2 / (of_units**2 / freedom + more**2 / (n - 2))
    return _OverUnits(variance, both, total, n)


class _Spread(NamedTuple):
    variance: float
    known: bool  # unless the units are all alike in invariance, which have no ranks
    influence: np.ndarray  # (unit)


def _spread_of_ranks(scores: Scores, middle: float) -> _Spread:
    """Return the variance over units of the ranks that are scored, true ranks having 1/12.

    From products of two different images, whose noise has nothing in common.
    """
    ranks = (scores.y - middle * scores.s) / scores.scale
    weight = scores.precision.mean(1) ** 2
    squares, scales = (weight * _products_of_two(of) for of in (ranks, scores.s / scores.scale))
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


def _sum_of_pairs(influence: np.ndarray, together: np.ndarray) -> float:
    """Return the sum of products over units that go together, each with itself at the least."""
    return max(float(influence @ together @ influence), float((influence**2).sum()))
