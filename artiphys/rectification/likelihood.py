r"""The likelihood of a population's variances and invariances under the rectified-Gaussian model.

Every unit sits somewhere on one curve, (log variance, Fisher z) against mu/sigma, and is seen with
the error of a finite number of images. To look for each unit's nearest place on the curve, one
parameter a unit, is a trap: the estimates stay wrong however many units there are, and here they
run away, for far down the curve the errors are large enough to explain anything. Each unit's place
is integrated out instead, over a population of mu/sigma that is fitted too: one normal, or a
mixture of two if the data ask for it. Units may differ in rho, if the data ask for that, and a few
may lie anywhere.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import minimize, minimize_scalar
from scipy.special import ndtr, owens_t

from artiphys.rectification.sampling_error import sampling_error

__all__ = [
    "LARGEST_CORRELATION",
    "LEAST_SHARE",
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

FARTHEST = 5.0
# Where held, errors below this mu/sigma are taken to be those at it: far below there are some that
# would explain anything.
HELD_BELOW = -1.5
# Beyond, a correlation is ±1 but for rounding, as where one image drives a unit.
LARGEST_CORRELATION = 1 - 1e-9
# Fisher z of rho: beyond these a correlation is 0 or 1 to all intents, and errors of it rounding.
LEAST_Z, MOST_Z = 1e-3, 6.0
# Curves are computed for Fisher z of rho this far apart, and interpolated by cubics.
Z_STEP = 0.05
# Where the number of images is unknown, scatter below that of so many is taken to be that of these:
# between places of the curve as far apart as the grid's, smaller errors would see nothing.
MOST_UNKNOWN = 4000
# Of a component, where there is one (about the distance of neighbouring places) or two: in place of
# the curve's end, where places crowd, there can be a narrow group before the end of a longer curve.
LEAST_SPREAD = (0.05, 0.25)
# One unit in a thousand may lie anywhere, within 10 of log variance and 3 of z.
LOG_OUTLIER = np.log(1e-3 / 30)
LOG_2_PI = np.log(2 * np.pi)
# The ratio's distribution is wider than chi-square where a population stops short of the end, which
# the units cannot always show: bounds are where the ratio is twice as large.
OPEN_END = 2.0
# The curve ends slowly: at mu/sigma of 1.5 its variance is 0.88 of the end's. With fewer units than
# this share beyond, simulated fits went astray.
NEAR_END, LEAST_SHARE = 1.5, 0.02
# Of log likelihood, for units to be taken to differ in rho.
LEAST_GAIN = 2.0
MAX_COMPONENTS = 2
MIXTURE_STEPS = 150
# Enough for the likelihood to settle where it matters; the population itself takes far more.
FREE_STEPS = 60


class Observed(NamedTuple):
    """What is seen of the units, and from how many images (None: unknown)."""

    log_variance: np.ndarray
    fisher_z: np.ndarray
    n_images: int | None


class Population(NamedTuple):
    """Mixture of normals that mu/sigma comes from, over components."""

    weight: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


class Estimate(NamedTuple):
    """The parameters all units share."""

    log_sigma: float
    fisher_rho: float
    scatter: float  # standard deviation between units of Fisher's z of rho
    n_images: float
    population: Population
    log_likelihood: float


def maximise(observed: Observed) -> Estimate:
    """Return the most likely parameters.

    Units that differ in rho scatter about the curve more than `n_images` allows. Without a scatter
    of its own the likelihood has a way out: far below threshold, sigma many times too large, errors
    are large enough to explain it.
    """
    summits = [_maximised(observed, start) for start in _coarse(observed)]
    best = max(summits, key=lambda summit: summit.log_likelihood)
    while best.population.weight.size < MAX_COMPONENTS:
        more = _maximised(observed, best._replace(population=_split(best.population)))
        # Three more parameters have to earn their keep by the Bayesian information criterion.
        if more.log_likelihood - best.log_likelihood < 1.5 * np.log(observed.fisher_z.size):
            break
        best = more
    alike = _evaluated(observed, best._replace(scatter=0.0))
    if best.log_likelihood - alike.log_likelihood > LEAST_GAIN:
        return best
    return _maximised(observed, alike)


def estimate_at(observed: Observed, log_sigma: float, fisher_rho: float) -> Estimate:
    """Return the estimate with these parameters and the population that goes with them."""
    n_images = float(observed.n_images or MOST_UNKNOWN)
    population = Population(np.ones(1), np.zeros(1), np.ones(1))
    return _evaluated(observed, Estimate(log_sigma, fisher_rho, 0.0, n_images, population, -np.inf))


def posterior(observed: Observed, estimate: Estimate) -> tuple[np.ndarray, np.ndarray]:
    """Return the grid of mu/sigma, and each unit's probabilities on it."""
    curve = _curve(observed, estimate)
    density, _ = _densities(observed, estimate.log_sigma, curve)
    weighted = density * (_prior(estimate.population, curve) @ estimate.population.weight)
    return curve.grid, weighted / weighted.sum(axis=1, keepdims=True)


def squared_distances(observed: Observed, estimate: Estimate) -> np.ndarray:
    """Return each unit's squared distance from the curve, in sampling errors, held."""
    curve = _curve(observed, estimate._replace(scatter=0.0), held=True)
    return _squares(observed, estimate.log_sigma, curve).min(axis=1)


def share_near_end(estimate: Estimate) -> float:
    """Return the share of units that lies near the end of the curve, which tells sigma."""
    weight, mean, spread = estimate.population
    return float(weight @ stats.norm.sf(NEAR_END, mean, spread))


def profile_bounds(observed: Observed, estimate: Estimate, *, level: float) -> np.ndarray:
    """Return lower and upper bounds (columns) of log sigma and Fisher z of rho (rows).

    By the likelihood ratio, each parameter held in turn and everything else free: for these bounds
    the population of mu/sigma may be any at all, not a mixture of normals only. Where it ends is
    what sigma is told from, so that bounds that trusted the mixture would be too narrow. Infinite
    where the likelihood does not fall far enough.
    """
    origin = np.array([estimate.log_sigma, estimate.fisher_rho])

    def cost(point: np.ndarray) -> float:
        return -_free_log_likelihood(observed, point, estimate)

    simplex = origin + np.array([[0, 0], [0.05, 0], [0, 0.05]])
    options = {"initial_simplex": simplex, "xatol": 2e-3, "fatol": 5e-3}
    summit = minimize(cost, origin, method="Nelder-Mead", options=options)
    drop = float(stats.chi2.ppf(level, 1))
    if observed.n_images is not None or share_near_end(estimate) < LEAST_SHARE:
        drop *= OPEN_END  # unknown, the number of images is free too, and bounds are wider by that
    bounds = np.array(
        [
            [_bound(cost, summit.x, summit.fun, axis, sign, drop) for sign in (-1, 1)]
            for axis in (0, 1)
        ]
    )
    # The mixture's estimate is not always within; bounds have to hold it.
    return np.column_stack([np.minimum(bounds[:, 0], origin), np.maximum(bounds[:, 1], origin)])


class _Curve(NamedTuple):
    grid: np.ndarray
    width: np.ndarray  # of each place's share of the line of mu/sigma
    # Of x², xy, y², x, y, 1 in the squared distance of (x, y) = (log variance - 2 log sigma, z).
    coefficients: np.ndarray
    log_root_det: np.ndarray


def _curve(observed: Observed, estimate: Estimate, *, held: bool = False) -> _Curve:
    """Return the curve with the errors of units about it, interpolated between four kept ones.

    Errors are held too where the number of images is not known to bound them.
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
    n_grid = observed.n_images or MOST_UNKNOWN
    grid = _grid(n_grid)
    kept = [_kept_curve(first + i, n_grid) for i in range(4)]
    rows = np.tensordot(shares, kept, axes=1)
    x, y, bias_x, bias_y, slope = rows[:5]
    if observed.n_images is not None:
        x, y = x + bias_x / observed.n_images, y + bias_y / observed.n_images
    errors = rows[5:] / estimate.n_images
    if held or observed.n_images is None:
        errors = errors[:, np.maximum(np.arange(grid.size), np.searchsorted(grid, HELD_BELOW))]
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
def _kept_curve(number: int, n_images: int) -> np.ndarray:
    """Return the curve, its bias, how it moves with rho, and n times its errors, as rows."""
    grid = _grid(n_images)
    rho = float(np.tanh(number * Z_STEP))
    error = sampling_error(grid, rho)
    # Price: the covariance moves with rho as the probability that both inputs are above threshold.
    both = ndtr(grid) - 2 * owens_t(grid, np.sqrt((1 - rho) / (1 + rho)))
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
    """Return places of mu/sigma about half a standard error apart, which is least at 0."""
    right = [0.0]
    while right[-1] < FARTHEST:
        right.append(right[-1] + min(np.exp(right[-1] ** 2 / 4) / np.sqrt(n_images), 0.25))
    places = np.array(right) * FARTHEST / right[-1]
    return np.concatenate([-places[:0:-1], places])


def _squares(observed: Observed, log_sigma: float, curve: _Curve) -> np.ndarray:
    """Return each unit's squared distance from each place of the curve, in standard errors."""
    x, y = observed.log_variance - 2 * log_sigma, observed.fisher_z
    squares = np.column_stack([x * x, x * y, y * y, x, y, np.ones_like(x)]) @ curve.coefficients
    return np.maximum(squares, 0, out=squares)


def _densities(
    observed: Observed, log_sigma: float, curve: _Curve
) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's density at each place, over the exponential of the second result."""
    log_density = _squares(observed, log_sigma, curve) / -2 - curve.log_root_det - LOG_2_PI
    largest = np.maximum(log_density.max(axis=1), LOG_OUTLIER)
    density = np.exp(log_density - largest[:, np.newaxis])
    return density + np.exp(LOG_OUTLIER - largest)[:, np.newaxis], largest


def _prior(population: Population, curve: _Curve) -> np.ndarray:
    """Return each component's probabilities at the places, (place, component)."""
    deviate = (curve.grid[:, np.newaxis] - population.mean) / population.spread
    prior = np.exp(-(deviate**2) / 2) * curve.width[:, np.newaxis]
    return prior / prior.sum(axis=0)


def _coarse(observed: Observed) -> list[Estimate]:
    """Return the best of a few starts near the largest values seen, and one beyond if better."""
    top_variance, top_z = (np.quantile(values, 0.9) for values in observed[:2])
    population = Population(np.ones(1), np.zeros(1), np.ones(1))

    def best(beyond: tuple[float, ...]) -> Estimate:
        starts = [
            Estimate(
                float(top_variance / 2 + more),
                float(np.clip(top_z * factor, 0.05, 0.9 * MOST_Z)),
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
        evaluated = [_evaluated(observed, start) for start in starts]
        return max(evaluated, key=lambda estimate: estimate.log_likelihood)

    near, far = best((-0.1, 0.2)), best((0.6, 1.2))
    return [near, far] if far.log_likelihood > near.log_likelihood else [near]


def _maximised(observed: Observed, start: Estimate) -> Estimate:
    """Return the summit near the start; no scatter stays none, a known number of images is kept."""
    best = _evaluated(observed, start)
    free = np.array([True, True, start.scatter > 0, observed.n_images is None])
    steps = np.vstack([np.zeros(4), np.diag([0.1, 0.1, 0.1, -0.3])[free]])[:, free]

    def position() -> np.ndarray:
        return np.array([best.log_sigma, best.fisher_rho, best.scatter, np.log(best.n_images)])

    def cost(point: np.ndarray) -> float:
        nonlocal best
        full = position()
        full[free] = point
        if not LEAST_Z < full[1] < MOST_Z:
            return np.inf
        n_images = np.exp(np.clip(full[3], 0, np.log(MOST_UNKNOWN))) if free[3] else best.n_images
        trial = best._replace(
            log_sigma=float(full[0]),
            fisher_rho=float(full[1]),
            scatter=float(abs(full[2])),
            n_images=float(n_images),
        )
        trial = _evaluated(observed, trial)
        if trial.log_likelihood > best.log_likelihood:
            best = trial
        return -trial.log_likelihood

    # Started anew once: a simplex can shrink on a slope.
    for scale in (1.0, 0.3):
        simplex = position()[free] + scale * steps
        options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-3}
        minimize(cost, simplex[0], method="Nelder-Mead", options=options)
    return best


def _evaluated(observed: Observed, estimate: Estimate) -> Estimate:
    """Return the estimate with the population, and its likelihood, that go with the rest of it."""
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
        spread = np.maximum(np.sqrt(variance), LEAST_SPREAD[share.size - 1])
        population = Population(share / share.sum(), mean, spread)
    return population, total


def _split(population: Population) -> Population:
    """Return the population with its widest component in two."""
    widest = int(np.argmax(population.spread))
    weight, mean, spread = (np.append(values, values[widest]) for values in population)
    weight[[widest, -1]] /= 2
    mean[widest] -= 0.8 * spread[widest]
    mean[-1] += 0.8 * spread[-1]
    spread[[widest, -1]] *= 0.6
    return Population(weight, mean, np.maximum(spread, LEAST_SPREAD[-1]))


def _free_log_likelihood(observed: Observed, point: np.ndarray, estimate: Estimate) -> float:
    """Return the likelihood with the population that explains the units best of all."""
    if not LEAST_Z < point[1] < MOST_Z:
        return -np.inf
    log_sigma = float(point[0])
    estimate = estimate._replace(fisher_rho=float(point[1]))
    curve = _curve(observed, estimate)
    density, log_scale = _densities(observed, log_sigma, curve)
    weight = curve.width / curve.width.sum()
    for step in range(FREE_STEPS):
        if observed.n_images is None and step % 10 == 9:
            # Errors as large as the scatter that is left, outliers apart.
            belongs = density - np.exp(LOG_OUTLIER - log_scale)[:, np.newaxis]
            belongs *= weight / (density @ weight)[:, np.newaxis]
            squares = _squares(observed, log_sigma, curve)
            excess = float((belongs * squares).sum() / belongs.sum()) / 2
            n_images = min(estimate.n_images / excess, MOST_UNKNOWN)
            scatter = estimate.scatter * np.sqrt(estimate.n_images / n_images)
            estimate = estimate._replace(n_images=n_images, scatter=scatter)
            curve = _curve(observed, estimate)
            density, log_scale = _densities(observed, log_sigma, curve)
        weight = weight * ((1 / (density @ weight)) @ density) / len(density)
    return float(np.log(density @ weight).sum() + log_scale.sum())


def _bound(
    cost: Callable[[np.ndarray], float],
    summit: np.ndarray,
    least: float,
    axis: int,
    sign: int,
    drop: float,
) -> float:
    """Return where along an axis, the other free, twice the cost is `drop` above the least."""
    reach, step, other = 0.0, 0.02, float(summit[1 - axis])
    last_reach, last_root = 0.0, 0.0
    # Along the ridge z changes by a quarter of what log sigma does.
    slope, width = (0.25, 0.1) if axis == 0 else (4.0, 0.4)
    while reach < (2.5 if axis == 0 else 2.0):
        reach += step
        step *= 1.6

        def profile(free: float, held: float = float(summit[axis]) + sign * reach) -> float:
            point = np.empty(2)
            point[axis], point[1 - axis] = held, free
            return cost(point)

        middle = other + sign * slope * (reach - last_reach)
        span = width + slope * (reach - last_reach)
        if axis == 1 and not LEAST_Z < float(summit[1]) + sign * reach < MOST_Z:
            break
        found = minimize_scalar(
            profile,
            bounds=(middle - span, middle + span),
            method="bounded",
            options={"xatol": 3e-3},
        )
        root = np.sqrt(max(2 * (found.fun - least), 0.0))
        if root >= np.sqrt(drop):
            # The root of the drop goes up nearly straight.
            part = (np.sqrt(drop) - last_root) / (root - last_root)
            return float(summit[axis] + sign * (last_reach + part * (reach - last_reach)))
        last_reach, last_root, other = reach, root, float(found.x)
    return sign * np.inf
