r"""The likelihood of a population's variances and invariances under the rectified-Gaussian model.

Every unit sits somewhere on one curve, (log variance, Fisher z) against mu/sigma, and is seen with
the error of a finite number of images. To look for each unit's nearest place on the curve, one
parameter a unit, is a trap: the estimates stay wrong however many units there are, and here they
run away, for far down the curve the errors are large enough to explain anything. Each unit's place
is integrated out instead, over a population of mu/sigma that is fitted too: one normal, or a
mixture of two if the data ask for it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import minimize, minimize_scalar

from artiphys.sampling_error import sampling_error

__all__ = [
    "Estimate",
    "Observed",
    "Population",
    "estimate_at",
    "maximise",
    "posterior",
    "profile_bounds",
]

FARTHEST = 5.0
# Where `held`, errors below this mu/sigma are taken to be those at it, and `n_images` is believed
# if then the units' scatter is that of this part of it or more.
HELD_BELOW, BELIEVED_PART = -1.5, 0.5
# Fisher z of rho: beyond these a correlation is 0 or 1 to all intents, and errors of it rounding.
LEAST_Z, MOST_Z = 1e-3, 6.0
# Curves are computed for Fisher z of rho this far apart, and interpolated by cubics.
Z_STEP = 0.05
# Where the number of images is unknown, scatter below that of so many is taken to be that of these:
# between places of the curve as far apart as the grid's, smaller errors would see nothing.
MOST_UNKNOWN = 4000
# About the distance of neighbouring places: narrower a component is a point.
LEAST_SPREAD = 0.05
# A unit that a population cannot explain at all; its logarithm is finite.
LEAST_LIKELIHOOD = 1e-290
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
    n_effective: float
    held: bool
    population: Population
    log_likelihood: float


def maximise(observed: Observed) -> Estimate:
    """Return the most likely parameters.

    Units that differ in more than mu/sigma scatter more than `n_images` allows, and far below
    threshold there are errors large enough to explain it: the likeliest place for such units is
    where hardly anything passes, and sigma many times too large. So the scatter is compared first
    with errors held to moderate size. Only where these nearly suffice are `n_images`, and its
    errors everywhere, believed; elsewhere errors stay held, and their number of images is fitted.
    """
    careful = _best_mixture(observed, held=True)
    if observed.n_images is None or careful.n_effective < BELIEVED_PART * observed.n_images:
        return careful
    return _best_mixture(observed, held=False)


def estimate_at(observed: Observed, log_sigma: float, fisher_rho: float) -> Estimate:
    """Return the estimate with these parameters and the population that goes with them."""
    n_images = float(observed.n_images or MOST_UNKNOWN)
    population = Population(np.ones(1), np.zeros(1), np.ones(1))
    return _evaluated(
        observed, Estimate(log_sigma, fisher_rho, n_images, True, population, -np.inf)
    )


def posterior(observed: Observed, estimate: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the grid of mu/sigma, each unit's probabilities on it and squared distances from it.

    Distances are those of Mahalanobis for one image.
    """
    curve = _curve(estimate.fisher_rho, observed.n_images, estimate.held)
    squares = _squares(observed, estimate.log_sigma, curve)
    density, _ = _densities(squares, curve, estimate.n_effective)
    weighted = density * (_prior(estimate.population, curve) @ estimate.population.weight)
    total = np.maximum(weighted.sum(axis=1, keepdims=True), LEAST_LIKELIHOOD)
    return curve.grid, weighted / total, squares


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


def _curve(fisher_rho: float, n_images: int | None, held: bool) -> _Curve:
    """Return the curve, interpolated between four that are kept."""
    place = fisher_rho / Z_STEP
    first = int(np.floor(place)) - 1
    t = place - first
    shares = (
        -(t - 1) * (t - 2) * (t - 3) / 6,
        t * (t - 2) * (t - 3) / 2,
        -t * (t - 1) * (t - 3) / 2,
        t * (t - 1) * (t - 2) / 6,
    )
    kept = [_kept_curve(first + i, n_images, held) for i in range(4)]
    coefficients = sum(share * each.coefficients for share, each in zip(shares, kept, strict=True))
    log_root_det = sum(share * each.log_root_det for share, each in zip(shares, kept, strict=True))
    return _Curve(kept[0].grid, kept[0].width, np.asarray(coefficients), np.asarray(log_root_det))


@lru_cache(maxsize=512)
def _kept_curve(number: int, n_images: int | None, held: bool) -> _Curve:
    grid = _grid(n_images or MOST_UNKNOWN)
    error = sampling_error(grid, float(np.tanh(number * Z_STEP)))
    bias = 0.0 if n_images is None else 1.0 / n_images
    x = error.log_variance + bias * error.bias_log_variance
    y = error.fisher_z + bias * error.bias_fisher_z
    if held:
        error = sampling_error(np.maximum(grid, HELD_BELOW), float(np.tanh(number * Z_STEP)))
    det = error.var_log_variance * error.var_fisher_z - error.cov**2
    xx, xy, yy = error.var_fisher_z / det, -error.cov / det, error.var_log_variance / det
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


@lru_cache(maxsize=8)
def _grid(n_images: int) -> np.ndarray:
    """Return places of mu/sigma about half a standard error apart, which is least at 0."""
    right = [0.0]
    while right[-1] < FARTHEST:
        right.append(right[-1] + min(np.exp(right[-1] ** 2 / 4) / np.sqrt(n_images), 0.25))
    places = np.array(right) * FARTHEST / right[-1]
    return np.concatenate([-places[:0:-1], places])


def _squares(observed: Observed, log_sigma: float, curve: _Curve) -> np.ndarray:
    """Return each unit's squared distance from each place of the curve, for one image."""
    x, y = observed.log_variance - 2 * log_sigma, observed.fisher_z
    squares = np.column_stack([x * x, x * y, y * y, x, y, np.ones_like(x)]) @ curve.coefficients
    return np.maximum(squares, 0, out=squares)


def _densities(
    squares: np.ndarray, curve: _Curve, n_effective: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's density at each place, over the exponential of the second result."""
    log_density = squares * (-n_effective / 2) - curve.log_root_det
    largest = log_density.max(axis=1)
    density = np.exp(log_density - largest[:, np.newaxis])
    return density, largest + np.log(n_effective / (2 * np.pi))


def _prior(population: Population, curve: _Curve) -> np.ndarray:
    """Return each component's probabilities at the places, (place, component)."""
    deviate = (curve.grid[:, np.newaxis] - population.mean) / population.spread
    prior = np.exp(-(deviate**2) / 2) * curve.width[:, np.newaxis]
    return prior / prior.sum(axis=0)


def _best_mixture(observed: Observed, *, held: bool) -> Estimate:
    best = _maximised(observed, _coarse(observed, held=held))
    while best.population.weight.size < MAX_COMPONENTS:
        start = best._replace(population=_split(best.population))
        more = _maximised(observed, start)
        # Three more parameters have to earn their keep by the Bayesian information criterion.
        if more.log_likelihood - best.log_likelihood < 1.5 * np.log(observed.fisher_z.size):
            break
        best = more
    return best


def _coarse(observed: Observed, *, held: bool) -> Estimate:
    """Return the best of a few starts: the curve's end at or beyond the largest values seen."""
    top_variance, top_z = (np.quantile(values, 0.9) for values in observed[:2])
    population = Population(np.ones(1), np.zeros(1), np.ones(1))
    most = float(observed.n_images or 1000)
    starts = [
        Estimate(
            float(top_variance / 2 + more),
            float(np.clip(top_z * factor, 0.05, 0.9 * MOST_Z)),
            most * part,
            held,
            population,
            -np.inf,
        )
        for more in (-0.1, 0.2, 0.6, 1.2)
        for factor in (0.8, 1.0, 1.3)
        for part in ((1.0, 0.2, 0.04) if held else (1.0,))
    ]
    evaluated = [_evaluated(observed, start) for start in starts]
    return max(evaluated, key=lambda estimate: estimate.log_likelihood)


def _maximised(observed: Observed, start: Estimate) -> Estimate:
    """Return the summit near the start; with errors held their number of images is free."""
    best = _evaluated(observed, start)
    most = np.log(observed.n_images or MOST_UNKNOWN)

    def position() -> np.ndarray:
        return np.array([best.log_sigma, best.fisher_rho, np.log(best.n_effective)])

    def cost(point: np.ndarray) -> float:
        nonlocal best
        if not LEAST_Z < point[1] < MOST_Z:
            return np.inf
        trial = best._replace(log_sigma=float(point[0]), fisher_rho=float(point[1]))
        if start.held:
            trial = trial._replace(n_effective=float(np.exp(np.clip(point[2], 0, most))))
        trial = _evaluated(observed, trial)
        if trial.log_likelihood > best.log_likelihood:
            best = trial
        return -trial.log_likelihood

    n_free = 3 if start.held else 2
    steps = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, -0.3]])[: n_free + 1, :n_free]
    # Started anew once: a simplex can shrink on a slope.
    for scale in (1.0, 0.3):
        simplex = position()[:n_free] + scale * steps
        options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-3}
        minimize(cost, simplex[0], method="Nelder-Mead", options=options)
    return best


def _evaluated(observed: Observed, estimate: Estimate) -> Estimate:
    """Return the estimate with the population, and its likelihood, that go with the rest of it."""
    curve = _curve(estimate.fisher_rho, observed.n_images, estimate.held)
    squares = _squares(observed, estimate.log_sigma, curve)
    density, log_scale = _densities(squares, curve, estimate.n_effective)
    population, total = _fitted_mixture(density, curve, estimate.population)
    return estimate._replace(population=population, log_likelihood=total + float(log_scale.sum()))


def _fitted_mixture(
    density: np.ndarray, curve: _Curve, population: Population
) -> tuple[Population, float]:
    """Return the most likely mixture, by expectation-maximisation, and its log likelihood."""
    previous = -np.inf
    for _ in range(MIXTURE_STEPS):
        prior = _prior(population, curve) * population.weight
        likelihood = np.maximum(density @ prior.sum(axis=1), LEAST_LIKELIHOOD)
        total = float(np.log(likelihood).sum())
        if total - previous < 1e-4:
            break
        previous = total
        counts = ((1 / likelihood) @ density)[:, np.newaxis] * prior
        share = np.maximum(counts.sum(axis=0), 1e-9)
        mean = curve.grid @ counts / share
        variance = ((curve.grid[:, np.newaxis] - mean) ** 2 * counts).sum(axis=0) / share
        spread = np.maximum(np.sqrt(variance), LEAST_SPREAD)
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
    return Population(weight, mean, np.maximum(spread, LEAST_SPREAD))


def _free_log_likelihood(observed: Observed, point: np.ndarray, estimate: Estimate) -> float:
    """Return the likelihood with the population that explains the units best of all."""
    if not LEAST_Z < point[1] < MOST_Z:
        return -np.inf
    curve = _curve(float(point[1]), observed.n_images, estimate.held)
    squares = _squares(observed, float(point[0]), curve)
    n_effective = estimate.n_effective
    density, log_scale = _densities(squares, curve, n_effective)
    weight = curve.width / curve.width.sum()
    for step in range(FREE_STEPS):
        likelihood = np.maximum(density @ weight, LEAST_LIKELIHOOD)
        if estimate.held and step % 10 == 9:
            scatter = float(((density * squares) @ weight / likelihood).sum()) / 2
            n_effective = min(len(squares) / scatter, float(observed.n_images or MOST_UNKNOWN))
            density, log_scale = _densities(squares, curve, n_effective)
            likelihood = np.maximum(density @ weight, LEAST_LIKELIHOOD)
        weight = weight * ((1 / likelihood) @ density) / len(density)
    return float(np.log(np.maximum(density @ weight, LEAST_LIKELIHOOD)).sum() + log_scale.sum())


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
