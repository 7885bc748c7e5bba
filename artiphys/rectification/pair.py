r"""The kernel of all rectified moments: a pair of standard normal inputs, exact and fast.

By Price's theorem the covariance of ``max(0, Z1 + h)`` and ``max(0, Z2 + k)`` grows with the
correlation of the inputs at the rate of the probability that both are above threshold, so that

.. math:: c(\rho) = \int_0^\rho \Phi_2(h, k; r)\,dr
          = \rho\,\Phi(h)\Phi(k) + \int_0^\rho (\rho - r)\,\varphi_2(h, k; r)\,dr .

Nothing cancels in it for a positive correlation, however rare the responses, where the textbook
closed form (a product of means taken from a second moment) loses every digit. With ``r = tanh w``
the integrand becomes analytic up to ``w = ± iπ/2`` and decays as ``exp(-3 w)``: a handful of
Gauss-Legendre nodes gives it to 13 digits, for a correlation of 1 too.
"""

import math
import threading
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, ndtr, owens_t

__all__ = ["CHUNK", "Marginal", "correlation", "marginal", "probability_both_above", "standardised"]

# Below this mu/sigma one input's moments come from a continued fraction, scaled to survive
# underflow, and two inputs' integrand is a narrow peak, for a rule that crowds its nodes.
FAR_BELOW = -6.0
# The integrand's tail beyond tanh(W_MAX) holds less than 1e-14 of sqrt(var1 var2).
W_MAX = 11.0
# Numbers of nodes to choose from; the last is enough up to W_MAX.
ORDERS = (3, 5, 7, 9, 12, 16, 24, 40, 78)
# Values a temporary holds: few enough for the processor's cache, enough to make NumPy's calls cheap
# and let threads work side by side.
CHUNK = 131_072
# Where |mu/sigma| stands for infinity: its fourth power is still finite.
INFINITE = 1e70
ROOT_2PI = np.sqrt(2 * np.pi)
_arrays = threading.local()


class Marginal(NamedTuple):
    """One rectified standard input, ``max(0, Z + h)``.

    The scaled fields are over exp(-h²/4) where h is below FAR_BELOW, lest they underflow.
    """

    excess: np.ndarray  # mean less max(0, h)
    deviation: np.ndarray  # standard deviation, scaled
    active: np.ndarray  # probability of being above threshold, Φ(h), scaled
    level: np.ndarray  # exp(-h²/4), scaled
    true_deviation: np.ndarray  # standard deviation


def standardised(mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return mu/sigma, at sigma = 0 its limit."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        h = mu / sigma
    if not sigma.all():
        h[(mu == 0) & (sigma == 0)] = 0.0
    return np.clip(h, -INFINITE, INFINITE)


def marginal(h: np.ndarray) -> Marginal:
    """Return the moments of single rectified inputs."""
    x, density, beyond, variance = _workspace("marginal", (4, h.size))
    np.abs(h, out=x)
    level = h * h
    np.exp(np.multiply(level, -0.25, out=level), out=level)
    np.multiply(level, level, out=density)
    density /= ROOT_2PI
    ndtr(np.negative(x, out=beyond), out=beyond)
    # The mean of max(0, Z - |h|). With it the variance needs no difference of large squares.
    excess = x * beyond
    np.subtract(density, excess, out=excess)
    # 1 - beyond above 0, beyond below, without np.where, whose branches cost four times as much.
    active = ~np.signbit(h) - np.copysign(beyond, h)
    np.add(x, excess, out=variance)
    variance *= excess
    np.subtract(active, variance, out=variance)
    tail = np.flatnonzero(h < FAR_BELOW)
    if tail.size:
        root, density = level[tail], density[tail]
        mills, ratio1, ratio2 = _mills_ratios(x[tail])
        excess[tail] = density * mills * ratio1
        variance[tail] = mills * ratio1 * (ratio2 - density * mills * ratio1) / ROOT_2PI
        active[tail] = root * mills / ROOT_2PI
        level[tail] = 1.0
    deviation = np.sqrt(variance)
    true_deviation = deviation
    if tail.size:
        true_deviation = deviation.copy()
        true_deviation[tail] *= root
    return Marginal(excess, deviation, active, level, true_deviation)


def correlation(
    h: np.ndarray,
    k: np.ndarray,
    rho: np.ndarray,
    deviations: np.ndarray,
    levels: np.ndarray,
    actives: np.ndarray,
) -> np.ndarray:
    """Return the correlation of ``max(0, Z1 + h)`` and ``max(0, Z2 + k)`` where Z1, Z2 have rho.

    The last three are products of the two marginals' deviation, level and active.
    """
    corr = _density_integral(h, k, rho, deviations)
    corr *= levels
    corr += rho * actives
    corr /= deviations
    np.clip(corr, -1, 1, out=corr)
    if (rho == 1).any():
        corr[(rho == 1) & (h == k)] = 1.0
    return corr


def probability_both_above(mu_over_sigma: Any, rho: float) -> Any:
    """Return the probability that both of two inputs of one mu/sigma are above threshold."""
    return ndtr(mu_over_sigma) - 2 * owens_t(mu_over_sigma, np.sqrt((1 - rho) / (1 + rho)))


def _mills_ratios(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``J0/φ(x), J1/J0, J2/J1`` for ``Jn = E[max(0, Z - x)^n]`` by Laplace's fraction.

    ``n J(n-1) = x J(n) + J(n+1)``, which upwards loses digits as x grows, holds them downwards.
    """
    ratio = np.zeros_like(x)
    for order in range(24, 1, -1):
        ratio = order / (x + ratio)
    ratio1 = 1 / (x + ratio)
    return 1 / (x + ratio1), ratio1, ratio


def _density_integral(
    h: np.ndarray, k: np.ndarray, rho: np.ndarray, deviations: np.ndarray
) -> np.ndarray:
    """Return ``∫ (rho - r) φ2(h, k; r) dr`` from 0 to rho, over ``exp(-(h² + k²)/4)``."""
    size = np.abs(rho)
    with np.errstate(divide="ignore"):
        end = np.log((1 + size) / (1 - size)) / 2
    # φ2(h, k; -r) = φ2(h, -k; r). No np.where, whose branches cost six times as much.
    signed = k * np.copysign(1.0, rho)
    arguments = (size, end, (h - signed) ** 2 / 8, (h + signed) ** 2 / 8)
    if rho.size > 1 and size[0] == size[-1] and (size == size[0]).all() and h.min() >= FAR_BELOW:
        return _common_correlation(float(size[0]), float(end[0]), *arguments[2:])
    # Fewer where the integral adds no more than exp(-smallness) to the correlation.
    smallness = np.maximum(h * h, k * k) / 2 + np.log(deviations)
    needed = _nodes_needed(end) * np.clip(1.2 - smallness / 25, 0, 1)
    kind = np.zeros(h.shape, dtype=np.uint8)
    for nodes in ORDERS[:-1]:
        kind += needed > nodes
    kind[np.minimum(h, k) < FAR_BELOW] = len(ORDERS)
    rules: list[Callable[..., np.ndarray]] = [
        *(partial(_gauss_legendre, nodes) for nodes in ORDERS),
        _narrow_peak,
    ]
    counts = np.bincount(kind, minlength=len(rules))
    if counts.max() == kind.size:
        return rules[kind[0]](*arguments)
    order = np.argsort(kind, kind="stable")
    in_order = _workspace("in order", (len(arguments), order.size))
    for values, target in zip(arguments, in_order, strict=True):
        np.take(values, order, out=target, mode="clip")  # a mode that spares a copy
    result = np.empty_like(h)
    stop = 0
    for rule, count in zip(rules, counts, strict=True):
        start, stop = stop, stop + count
        if count:
            result[order[start:stop]] = rule(*(values[start:stop] for values in in_order))
    return result


def _nodes_needed(end: Any) -> Any:
    """Return the number of nodes that gives a correlation to 2e-11, found by trial."""
    return 4.3 + 6.6 * np.minimum(end, W_MAX)


def _gauss_legendre(
    n: int, rho: np.ndarray, end: np.ndarray, rising: np.ndarray, falling: np.ndarray
) -> np.ndarray:
    """Sum ``(rho - tanh w) sech w exp(-rising e^2w - falling e^-2w) / 2π`` over n nodes."""
    nodes, weights = _legendre(n)
    end = np.minimum(end, W_MAX) / 2
    offset = (rho - 1) / 2
    rising, falling = -rising, -falling
    result = np.empty_like(rho)
    width = max(1, CHUNK // n)
    for start in range(0, rho.size, width):
        some = slice(start, start + width)
        power, square, factor = _workspace("nodes", (3, n, rho[some].size))
        np.exp(np.multiply(nodes, end[some], out=power), out=power)
        np.multiply(power, power, out=square)
        # With q = 1 / (1 + e^2w), rho - tanh w = 2 (q + offset) and sech w = 2 q e^w.
        np.divide(1, np.add(square, 1, out=factor), out=factor)
        power *= factor
        factor += offset[some]
        power *= factor
        np.divide(falling[some], square, out=factor)
        square *= rising[some]
        factor += square
        power *= np.exp(factor, out=factor)
        np.matmul(weights, power, out=result[some])
    result *= end
    return result


def _common_correlation(
    rho: float, end: float, rising: np.ndarray, falling: np.ndarray
) -> np.ndarray:
    """Do the same where all pairs share one correlation: a node's factors are scalars then."""
    end = min(end, W_MAX) / 2
    nodes, weights = _legendre(int(np.ceil(_nodes_needed(2 * end))))
    square = np.exp(2 * end * nodes)
    factors = (rho - np.tanh(end * nodes)) / np.cosh(end * nodes)
    factors = factors[:, 0] * weights * (end / 4)
    result = np.empty_like(rising)
    width = max(1, CHUNK // len(nodes))
    for start in range(0, rising.size, width):
        some = slice(start, start + width)
        log, other = _workspace("nodes", (2, len(nodes), rising[some].size))
        np.multiply(square, rising[some], out=log)
        log += np.divide(falling[some], square, out=other)
        result[some] = factors @ np.exp(np.negative(log, out=log), out=log)
    return result


@cache
def _legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes on (0, 2), one a row, and weights, the constant 2 / π included."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes[:, np.newaxis] + 1, weights * (2 / np.pi)


def _narrow_peak(
    rho: np.ndarray, end: np.ndarray, rising: np.ndarray, falling: np.ndarray
) -> np.ndarray:
    """Do the same where the integrand is a narrow peak: on each side of its maximum in turn."""
    # Where tanh is 1 to rounding.
    end = np.minimum(end, 20.0)
    # The peak is where rising e^2w + falling e^-2w + 3w is least; as far as 40 times the way to
    # its growing by 1, or at most to its growing by 40, there is something to be summed.
    top = 2 * falling / (1.5 + np.sqrt(2.25 + 4 * rising * falling))
    peak = np.clip(np.log(np.maximum(top, 1)) / 2, 0, end)
    right, left = rising * np.exp(2 * peak), falling * np.exp(-2 * peak)
    far = 40 / (np.abs(2 * (right - left) + 3) + 2 * np.sqrt(right + left))
    with np.errstate(divide="ignore"):
        to_right = np.minimum(far, np.arccosh(1 + 20 / right) / 2)
        to_left = np.minimum(far, np.arccosh(1 + 20 / left) / 2)
    result = np.zeros_like(rho)
    for reach in (-np.minimum(to_left, peak), np.minimum(to_right, end - peak)):
        for part, weight in _double_exponential():
            w = peak + part * reach
            growth = rising * np.exp(2 * w) + falling * np.exp(-2 * w)
            # rho - tanh w without cancellation near the end, where the peak often is.
            rest = np.sinh(end - peak - part * reach) / (np.cosh(end) * np.cosh(w) ** 2)
            result += weight * np.abs(reach) * rest * np.exp(-growth)
    return result / (2 * np.pi)


@cache
def _double_exponential() -> tuple[tuple[float, float], ...]:
    """Return nodes on (0, 1) and weights of the double exponential rule."""
    step = 0.06
    t = step * np.arange(-60, 61)
    part = expit(np.pi * np.sinh(t))
    weight = step * np.pi * np.cosh(t) * part * (1 - part)
    return tuple(zip(part.tolist(), weight.tolist(), strict=True))


def _workspace(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of this thread to work in, its values left over from the last time.

    Memory of this size, freed and allocated anew page by page, costs more than the arithmetic.
    """
    size = math.prod(shape)
    array = getattr(_arrays, name, None)
    if array is None or array.size < size:
        array = np.empty(size)
        setattr(_arrays, name, array)
    return array[:size].reshape(shape)
