r"""The likelihood of a population's variances and invariances under the rectified-Gaussian model.

Every unit lies somewhere on one curve, (log variance, Fisher z) against mu/sigma, and is measured
with the error of a finite number of images. To fit each unit's mu/sigma, one parameter a unit, is a
trap: the estimates stay biased however many units there are, and here they diverge, for far down
the curve the errors are large enough to explain anything. Each unit's mu/sigma is integrated out
instead, over a population that is fitted too: one normal, or a mixture of two if the data ask for
it. Units may differ in rho, if the data ask for that, and a few outliers may lie anywhere.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import minimize, minimize_scalar

from artiphys.rectification.pair import probability_both_above
from artiphys.rectification.sampling_error import sampling_error

__all__ = [
    "LARGEST_CORRELATION",
    "MIN_SHARE_NEAR_END",
    "NEAR_END",
    "Estimate",
    "Observed",
    "Population",
    "estimate_at",
    "maximise",
    "posterior",
    "profile_bounds",
    "share_near_end",
    "squared_distances",
]

GRID_END = 5.0
# Limited errors are constant below this mu/sigma: further down they would explain anything.
LIMITED_BELOW = -1.5
# Beyond it a correlation is ±1 but for rounding, as where one image drives a unit.
LARGEST_CORRELATION = 1 - 1e-9
# Fisher z of rho: beyond these a correlation is 0 or 1 to all intents, and errors of it rounding.
MIN_Z, MAX_Z = 1e-3, 6.0
# Curves are computed for Fisher z of rho this far apart, and interpolated by cubics.
Z_STEP = 0.05
# Largest number of images that scatter may stand for where the number is unknown: with smaller
# errors units would fall between the points of the grid.
MAX_UNKNOWN_IMAGES = 4000
# Smallest standard deviation of a component, where there is one (about the grid's step) or two: a
# narrow component can otherwise stand in for the end of the curve.
MIN_SPREAD = (0.05, 0.25)
# One unit in a thousand may lie anywhere, within 10 of log variance and 3 of z.
LOG_OUTLIER_DENSITY = np.log(1e-3 / 30)
LOG_2_PI = np.log(2 * np.pi)
# The likelihood ratio is wider than chi-square where a population stops short of the curve's end,
# which the units cannot always show: bounds are where the ratio is twice as large.
SHORT_OF_END_FACTOR = 2.0
# At mu/sigma of 1.5 the curve has 0.88 of the variance of its end. With a smaller share of units
# beyond it, fits of simulated populations failed.
NEAR_END, MIN_SHARE_NEAR_END = 1.5, 0.02
# Gain of log likelihood from which on units are taken to differ in rho.
MIN_GAIN = 2.0
MAX_COMPONENTS = 2
MIXTURE_STEPS = 150
# Enough for the likelihood to converge; the population itself takes far more.
FREE_STEPS = 60


class Observed(NamedTuple):
    """What is measured of the units, and from how many images (None: unknown)."""

    log_variance: np.ndarray
    fisher_z: np.ndarray
    n_images: int | None


class Population(NamedTuple):
    """Mixture of normal distributions of mu/sigma, over (component)."""

    weight: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


class Estimate(NamedTuple):
    """The parameters that all units share."""

    log_sigma: float
    fisher_rho: float
    scatter: float  # standard deviation between units of Fisher's z of rho
    n_images: float
    population: Population
    log_likelihood: float


def maximise(observed: Observed) -> Estimate:
    """Return the most likely parameters.

    Units that differ in rho scatter about the curve more than `n_images` allows. Without a
    parameter for that scatter the fit would diverge: far below threshold, with sigma many times too
    large, sampling errors are large enough to explain it.
    """
    maxima = [_local_maximum(observed, start) for start in _starts(observed)]
    best = max(maxima, key=lambda maximum: maximum.log_likelihood)
    while best.population.weight.size < MAX_COMPONENTS:
        more = _local_maximum(observed, best._replace(population=_split(best.population)))
        # The Bayesian information criterion, for three more parameters.
        if more.log_likelihood - best.log_likelihood < 1.5 * np.log(observed.fisher_z.size):
            break
        best = more
    alike = _with_population(observed, best._replace(scatter=0.0))
    if best.log_likelihood - alike.log_likelihood > MIN_GAIN:
        return best
    return _local_maximum(observed, alike)


def estimate_at(observed: Observed, log_sigma: float, fisher_rho: float) -> Estimate:
    """Return the estimate with these parameters and the most likely population."""
    n_images = float(observed.n_images or MAX_UNKNOWN_IMAGES)
    population = Population(np.ones(1), np.zeros(1), np.ones(1))
    return _with_population(
        observed, Estimate(log_sigma, fisher_rho, 0.0, n_images, population, -np.inf)
    )


def posterior(observed: Observed, estimate: Estimate) -> tuple[np.ndarray, np.ndarray]:
    """Return the grid of mu/sigma, and each unit's probabilities on it."""
    curve = _curve(observed, estimate)
    density, _ = _densities(observed, estimate.log_sigma, curve)
    weighted = density * (_prior(estimate.population, curve) @ estimate.population.weight)
    return curve.grid, weighted / weighted.sum(axis=1, keepdims=True)


def squared_distances(observed: Observed, estimate: Estimate) -> np.ndarray:
    """Return each unit's squared distance from the curve, in limited sampling errors."""
    curve = _curve(observed, estimate._replace(scatter=0.0), limited=True)
    return _squares(observed, estimate.log_sigma, curve).min(axis=1)


def share_near_end(estimate: Estimate) -> float:
    """Return the share of units near the end of the curve, which alone identifies sigma."""
    weight, mean, spread = estimate.population
    return float(weight @ stats.norm.sf(NEAR_END, mean, spread))


def profile_bounds(observed: Observed, estimate: Estimate, *, level: float) -> np.ndarray:
    """Return lower and upper bounds (columns) of log sigma and Fisher z of rho (rows).

    By the likelihood ratio, each parameter fixed in turn and everything else free: for these bounds
    the population of mu/sigma may be any at all, not a mixture of normals only. Its upper end
    identifies sigma, so that bounds that trusted the mixture would be too narrow. Infinite where
    the likelihood does not fall far enough.
    """
    origin = np.array([estimate.log_sigma, estimate.fisher_rho])

    def cost(point: np.ndarray) -> float:
        return -_free_log_likelihood(observed, point, estimate)

    simplex = origin + np.array([[0, 0], [0.05, 0], [0, 0.05]])
    options = {"initial_simplex": simplex, "xatol": 2e-3, "fatol": 5e-3}
    maximum = minimize(cost, origin, method="Nelder-Mead", options=options)
    drop = float(stats.chi2.ppf(level, 1))
    if observed.n_images is not None or share_near_end(estimate) < MIN_SHARE_NEAR_END:
        # Where the number of images is unknown it is free too, which widens the bounds already.
        drop *= SHORT_OF_END_FACTOR
    bounds = np.array(
        [
            [_bound(cost, maximum.x, maximum.fun, axis, sign, drop) for sign in (-1, 1)]
            for axis in (0, 1)
        ]
    )
    # The mixture's estimate can lie outside; bounds have to include it.
    return np.column_stack([np.minimum(bounds[:, 0], origin), np.maximum(bounds[:, 1], origin)])


class _Curve(NamedTuple):
    grid: np.ndarray
    width: np.ndarray  # of the interval of mu/sigma that each grid point stands for
    # Of x², xy, y², x, y, 1 in the squared distance of (x, y) = (log variance - 2 log sigma, z).
    coefficients: np.ndarray
    log_root_det: np.ndarray


def _curve(observed: Observed, estimate: Estimate, *, limited: bool = False) -> _Curve:
    """Return the curve and the sampling errors on it, a cubic in rho through four cached curves.

    Errors are limited too where the number of images is not known to bound them.
    """
    place = estimate.fisher_rho / Z_STEP
    first = int(np.floor(place)) - 1
    t = place - first
    shares = (
        -(t - 1) * (t - 2) * (t - 3) / 6,
        t * (t - 2) * (t - 3) / 2,
        -t * (t - 1) * (t - 3) / 2,
        t * (t - 1) * (t - 2) / 6,
    )
    n_grid = observed.n_images or MAX_UNKNOWN_IMAGES
    grid = _grid(n_grid)
    curves = [_cached_curve(first + i, n_grid) for i in range(4)]
    rows = np.tensordot(shares, curves, axes=1)
    x, y, bias_x, bias_y, slope = rows[:5]
    if observed.n_images is not None:
        x, y = x + bias_x / observed.n_images, y + bias_y / observed.n_images
    errors = rows[5:] / estimate.n_images
    if limited or observed.n_images is None:
        limit = np.searchsorted(grid, LIMITED_BELOW)
        errors = errors[:, np.maximum(np.arange(grid.size), limit)]
    var_x, cov, var_y = errors
    var_y = var_y + (estimate.scatter * slope) ** 2
    det = var_x * var_y - cov**2
    xx, xy, yy = var_y / det, -cov / det, var_x / det
    coefficients = np.array(
        [
            xx,
            2 * xy,
            yy,
            -2 * (xx * x + xy * y),
            -2 * (xy * x + yy * y),
            xx * x * x + 2 * xy * x * y + yy * y * y,
        ]
    )
    return _Curve(grid, np.gradient(grid), coefficients, np.log(det) / 2)


@lru_cache(maxsize=512)
def _cached_curve(number: int, n_images: int) -> np.ndarray:
    """Return the curve, its bias, its derivative in rho, and n times its errors, as rows."""
    grid = _grid(n_images)
    rho = float(np.tanh(number * Z_STEP))
    error = sampling_error(grid, rho)
    # Price's theorem: the derivative of the covariance is the probability that both inputs are
    # above threshold.
    both = probability_both_above(grid, rho)
    slope = both / np.exp(error.log_variance) * (1 - rho**2) * np.cosh(error.fisher_z) ** 2
    return np.array(
        [
            error.log_variance,
            error.fisher_z,
            error.bias_log_variance,
            error.bias_fisher_z,
            slope,
            error.var_log_variance,
            error.cov,
            error.var_fisher_z,
        ]
    )


@lru_cache(maxsize=8)
def _grid(n_images: int) -> np.ndarray:
    """Return points of mu/sigma about half a standard error apart, closest at 0."""
    right = [0.0]
    while right[-1] < GRID_END:
        right.append(right[-1] + min(np.exp(right[-1] ** 2 / 4) / np.sqrt(n_images), 0.25))
    points = np.array(right) * GRID_END / right[-1]
    return np.concatenate([-points[:0:-1], points])


def _squares(observed: Observed, log_sigma: float, curve: _Curve) -> np.ndarray:
    """Return each unit's squared distance from each point of the curve, in standard errors."""
    x, y = observed.log_variance - 2 * log_sigma, observed.fisher_z
    squares = np.column_stack([x * x, x * y, y * y, x, y, np.ones_like(x)]) @ curve.coefficients
    return np.maximum(squares, 0, out=squares)


def _densities(
    observed: Observed, log_sigma: float, curve: _Curve
) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's density at each grid point, over the exponential of the second result."""
    log_density = _squares(observed, log_sigma, curve) / -2 - curve.log_root_det - LOG_2_PI
    largest = np.maximum(log_density.max(axis=1), LOG_OUTLIER_DENSITY)
    density = np.exp(log_density - largest[:, np.newaxis])
    return density + np.exp(LOG_OUTLIER_DENSITY - largest)[:, np.newaxis], largest


def _prior(population: Population, curve: _Curve) -> np.ndarray:
    """Return each component's probabilities on the grid, (grid point, component)."""
    deviate = (curve.grid[:, np.newaxis] - population.mean) / population.spread
    prior = np.exp(-(deviate**2) / 2) * curve.width[:, np.newaxis]
    return prior / prior.sum(axis=0)


def _starts(observed: Observed) -> list[Estimate]:
    """Return the best of a few starts near the largest measurements, and one beyond if better."""
    top_variance, top_z = (np.quantile(values, 0.9) for values in observed[:2])
    population = Population(np.ones(1), np.zeros(1), np.ones(1))

    def best(beyond: tuple[float, ...]) -> Estimate:
        starts = [
            Estimate(
                float(top_variance / 2 + more),
                float(np.clip(top_z * factor, 0.05, 0.9 * MAX_Z)),
                scatter,
                float(n_images),
                population,
                -np.inf,
            )
            for more in beyond
            for factor in (0.8, 1.0, 1.3)
            for scatter in (0.03, 0.2)
            for n_images in ([observed.n_images] if observed.n_images else (50, 500))
        ]
        evaluated = [_with_population(observed, start) for start in starts]
        return max(evaluated, key=lambda estimate: estimate.log_likelihood)

    near, far = best((-0.1, 0.2)), best((0.6, 1.2))
    return [near, far] if far.log_likelihood > near.log_likelihood else [near]


def _local_maximum(observed: Observed, start: Estimate) -> Estimate:
    """Return the maximum near a start; a scatter of 0 and a known number of images stay."""
    best = _with_population(observed, start)
    free = np.array([True, True, start.scatter > 0, observed.n_images is None])
    steps = np.vstack([np.zeros(4), np.diag([0.1, 0.1, 0.1, -0.3])[free]])[:, free]

    def position() -> np.ndarray:
        return np.array([best.log_sigma, best.fisher_rho, best.scatter, np.log(best.n_images)])

    def cost(point: np.ndarray) -> float:
        nonlocal best
        full = position()
        full[free] = point
        if not MIN_Z < full[1] < MAX_Z:
            return np.inf
        n_images = (
            np.exp(np.clip(full[3], 0, np.log(MAX_UNKNOWN_IMAGES))) if free[3] else best.n_images
        )
        trial = best._replace(
            log_sigma=float(full[0]),
            fisher_rho=float(full[1]),
            scatter=float(abs(full[2])),
            n_images=float(n_images),
        )
        trial = _with_population(observed, trial)
        if trial.log_likelihood > best.log_likelihood:
            best = trial
        return -trial.log_likelihood

    # Restarted once: a simplex can shrink on a slope.
    for scale in (1.0, 0.3):
        simplex = position()[free] + scale * steps
        options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-3}
        minimize(cost, simplex[0], method="Nelder-Mead", options=options)
    return best


def _with_population(observed: Observed, estimate: Estimate) -> Estimate:
    """Return the estimate with the most likely population, and its likelihood."""
    curve = _curve(observed, estimate)
    density, log_scale = _densities(observed, estimate.log_sigma, curve)
    population, total = _fitted_mixture(density, curve, estimate.population)
    return estimate._replace(population=population, log_likelihood=total + float(log_scale.sum()))


def _fitted_mixture(
    density: np.ndarray, curve: _Curve, population: Population
) -> tuple[Population, float]:
    """Return the most likely mixture, by expectation-maximisation, and its log likelihood."""
    previous = -np.inf
    for _ in range(MIXTURE_STEPS):
        prior = _prior(population, curve) * population.weight
        likelihood = density @ prior.sum(axis=1)
        total = float(np.log(likelihood).sum())
        if total - previous < 1e-4:
            break
        previous = total
        counts = ((1 / likelihood) @ density)[:, np.newaxis] * prior
        share = np.maximum(counts.sum(axis=0), 1e-9)
        mean = curve.grid @ counts / share
        variance = ((curve.grid[:, np.newaxis] - mean) ** 2 * counts).sum(axis=0) / share
        spread = np.maximum(np.sqrt(variance), MIN_SPREAD[share.size - 1])
        population = Population(share / share.sum(), mean, spread)
    return population, total


def _split(population: Population) -> Population:
    """Return the population with its widest component split in two."""
    widest = int(np.argmax(population.spread))
    weight, mean, spread = (np.append(values, values[widest]) for values in population)
    weight[[widest, -1]] /= 2
    mean[widest] -= 0.8 * spread[widest]
    mean[-1] += 0.8 * spread[-1]
    spread[[widest, -1]] *= 0.6
    return Population(weight, mean, np.maximum(spread, MIN_SPREAD[-1]))


def _free_log_likelihood(observed: Observed, point: np.ndarray, estimate: Estimate) -> float:
    """Return the log likelihood with the most likely population of any form."""
    if not MIN_Z < point[1] < MAX_Z:
        return -np.inf
    log_sigma = float(point[0])
    estimate = estimate._replace(fisher_rho=float(point[1]))
    curve = _curve(observed, estimate)
    density, log_scale = _densities(observed, log_sigma, curve)
    weight = curve.width / curve.width.sum()
    for step in range(FREE_STEPS):
        if observed.n_images is None and step % 10 == 9:
            # Errors as large as the residual scatter, outliers apart.
            belongs = density - np.exp(LOG_OUTLIER_DENSITY - log_scale)[:, np.newaxis]
            belongs *= weight / (density @ weight)[:, np.newaxis]
            squares = _squares(observed, log_sigma, curve)
            excess = float((belongs * squares).sum() / belongs.sum()) / 2
            n_images = min(estimate.n_images / excess, MAX_UNKNOWN_IMAGES)
            scatter = estimate.scatter * np.sqrt(estimate.n_images / n_images)
            estimate = estimate._replace(n_images=n_images, scatter=scatter)
            curve = _curve(observed, estimate)
            density, log_scale = _densities(observed, log_sigma, curve)
        weight = weight * ((1 / (density @ weight)) @ density) / len(density)
    return float(np.log(density @ weight).sum() + log_scale.sum())


def _bound(
    cost: Callable[[np.ndarray], float],
    maximum: np.ndarray,
    lowest: float,
    axis: int,
    sign: int,
    drop: float,
) -> float:
    """Return where along an axis, the other free, twice the cost is `drop` above the minimum."""
    reach, step, other = 0.0, 0.02, float(maximum[1 - axis])
    last_reach, last_root = 0.0, 0.0
    # Along the ridge z changes by a quarter as much as log sigma.
    slope, width = (0.25, 0.1) if axis == 0 else (4.0, 0.4)
    while reach < (2.5 if axis == 0 else 2.0):
        reach += step
        step *= 1.6

        def profile(free: float, fixed: float = float(maximum[axis]) + sign * reach) -> float:
            point = np.empty(2)
            point[axis], point[1 - axis] = fixed, free
            return cost(point)

        middle = other + sign * slope * (reach - last_reach)
        span = width + slope * (reach - last_reach)
        if axis == 1 and not MIN_Z < float(maximum[1]) + sign * reach < MAX_Z:
            break
        found = minimize_scalar(
            profile,
            bounds=(middle - span, middle + span),
            method="bounded",
            options={"xatol": 3e-3},
        )
        root = np.sqrt(max(2 * (found.fun - lowest), 0.0))
        if root >= np.sqrt(drop):
            # The root of the drop is nearly linear.
            part = (np.sqrt(drop) - last_root) / (root - last_root)
            return float(maximum[axis] + sign * (last_reach + part * (reach - last_reach)))
        last_reach, last_root, other = reach, root, float(found.x)
    return sign * np.inf
