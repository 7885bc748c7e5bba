r"""Rectification: the moments of ``max(0, S)`` for jointly normal ``S``, exact and fast.

By Price's theorem the covariance of two rectified standard inputs ``max(0, Z1 + h)`` and
``max(0, Z2 + k)`` grows with their correlation at the rate of the quadrant's probability, so that

.. math:: c(\rho) = \int_0^\rho \Phi_2(h, k; r)\,dr
          = \rho\,\Phi(h)\Phi(k) + \int_0^\rho (\rho - r)\,\varphi_2(h, k; r)\,dr .

Nothing cancels in it for a positive correlation, however rare the responses, where the textbook
closed form (a product of means taken from a second moment) loses every digit. With ``r = tanh w``
the integrand becomes analytic up to ``w = ± iπ/2`` and decays as ``exp(-3 w)``: a handful of
Gauss-Legendre nodes gives it to 13 digits, for a correlation of 1 too.
"""

import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.special import expit, ndtr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError
from artiphys.rectification.covariance import (
    at_least_zero,
    checked_covariance,
    checked_deviations,
    correlations,
)

__all__ = [
    "RectifiedCovariance",
    "RectifiedMoments",
    "covariance_rectified",
    "rectified_covariance",
    "rectified_cross_covariance",
    "rectified_moments",
]

# Below this mu/sigma one input's moments come from a continued fraction, scaled to survive
# underflow, and two inputs' integrand is a narrow peak, for a rule that crowds its nodes.
LEFT = -6.0
# The integrand's tail beyond tanh(W_MAX) holds less than 1e-14 of sqrt(var1 var2).
W_MAX = 11.0
# Numbers of nodes to choose from; the last is enough up to W_MAX.
ORDERS = (3, 5, 7, 9, 12, 16, 24, 40, 78)
# Where |mu/sigma| stands for infinity: its fourth power is still finite.
INFINITE = 1e70
# Values a temporary holds: few enough for the processor's cache, enough to make NumPy's calls cheap
# and let threads work side by side.
CHUNK = 131_072
ROOT_2PI = np.sqrt(2 * np.pi)
_held = threading.local()


class RectifiedMoments(NamedTuple):
    """Moments of ``Y1 = max(0, S1)`` and ``Y2 = max(0, S2)``, each of the inputs' common shape."""

    mean1: Any
    mean2: Any
    var1: Any
    var2: Any
    cov: Any
    corr: Any


class RectifiedCovariance(NamedTuple):
    """Mean (n) and covariance (n, n) of ``max(0, S)``."""

    mean: np.ndarray
    cov: np.ndarray


def rectified_moments(mu1: Any, mu2: Any, sigma1: Any, sigma2: Any, rho: Any) -> RectifiedMoments:
    r"""Return means, variances, covariance and correlation of two rectified normal variables.

    .. math:: Y_i = \max(0, S_i), \quad (S_1, S_2) \sim N\left(
              \begin{bmatrix} \mu_1 \\ \mu_2 \end{bmatrix},
              \begin{bmatrix} \sigma_1^2 & \rho\sigma_1\sigma_2 \\
              \rho\sigma_1\sigma_2 & \sigma_2^2 \end{bmatrix} \right)

    Parameters
    ----------
    mu1, mu2 : array_like or xarray.DataArray
        Means, infinite ones included.
    sigma1, sigma2 : array_like or xarray.DataArray
        Standard deviations, at least 0.
    rho : array_like or xarray.DataArray
        Correlation, in [-1, 1].

    Returns
    -------
    RectifiedMoments
        ``mean1, mean2, var1, var2, cov, corr``, float64, of the arguments' common shape. NaN where
        an argument is NaN. DataArrays where arguments are: these broadcast by dims, and their
        labels must be the same in the same order; the other arguments must be numbers then.

    Raises
    ------
    InputError
        If a standard deviation is negative, a correlation beyond ±1, shapes do not broadcast,
        labels differ, or an argument is no number.

    Notes
    -----
    For `mu/sigma` from -6 to 8 the variances are accurate to 1e-11 relative and the covariance to
    2e-11 of ``sqrt(var1 var2)``. Further left the variance underflows to 0 at `mu/sigma` = -38,
    while the correlation, computed from scaled moments, stays accurate. Where a variance is 0
    (`sigma` = 0, or `mu` = -∞) the correlation is its limit. At `rho` > 0 both variance and
    correlation increase with `mu/sigma`. Long arrays use every core.

    References
    ----------
    Price (1958), IRE Trans. Inf. Theory 4:69, doi:10.1109/TIT.1958.1057444. de la Rocha et al.
    (2007), Nature 448:802, doi:10.1038/nature06028. Pospisil & Bair (2019), NeurIPS 32.

    Examples
    --------
    Half of a normal variable is left at a mean of 0, and nearly all of it at a mean of 8:

    >>> moments = rectified_moments([0, 8], [0, 8], 1, 1, 0.5)
    >>> moments.var1.round(4)
    array([0.3408, 1.    ])
    >>> moments.corr.round(4)
    array([0.4264, 0.5   ])
    """
    named = {"mu1": mu1, "mu2": mu2, "sigma1": sigma1, "sigma2": sigma2, "rho": rho}
    if any(isinstance(value, xr.DataArray) for value in named.values()):
        return _labelled_moments(named)
    values = [real_numbers(value, name) for name, value in named.items()]
    try:
        np.broadcast_shapes(*(value.shape for value in values))
    except ValueError:
        shapes = ", ".join(str(value.shape) for value in values)
        msg = f"mu1, mu2, sigma1, sigma2 and rho must broadcast together; got shapes {shapes}"
        raise InputError(msg) from None
    at_least_zero(values[2], "sigma1")
    at_least_zero(values[3], "sigma2")
    if np.any(np.abs(values[4]) > 1):
        worst = float(np.nanmax(np.abs(values[4])))
        msg = f"rho must lie in [-1, 1]; got |rho| = {worst:.17g}; clip it if rounding made it so"
        raise InputError(msg)
    return RectifiedMoments(*(result[()] for result in _in_chunks(_moments, 6, *values)))


def rectified_covariance(mean: Any, cov: Any) -> RectifiedCovariance:
    """Return mean and covariance of ``max(0, S)``, ``S ~ N(mean, cov)``, exact.

    Parameters
    ----------
    mean : array_like, (n)
    cov : array_like, (n, n)
        Symmetric and positive semi-definite; it may be singular, and variances may be 0.

    Returns
    -------
    RectifiedCovariance
        ``mean`` (n) and ``cov`` (n, n), which is exactly symmetric and, as each entry is exact to
        rounding, positive semi-definite to rounding.

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, or `cov` is no covariance matrix: it is not
        symmetric, a variance is negative, a correlation beyond ±1, an eigenvalue negative.

    Notes
    -----
    Takes n²/2 evaluations of :func:`rectified_moments`: a second or so for n = 2000. Rounding is
    allowed for: eigenvalues of the correlations down to ``-1e-6 n``, and 1e-12 of the largest
    variance in each entry.

    Examples
    --------
    >>> mean, cov = rectified_covariance([0.0, 0.0], [[1.0, -1.0], [-1.0, 1.0]])
    >>> mean.round(4)
    array([0.3989, 0.3989])
    >>> cov.round(4)
    array([[ 0.3408, -0.1592],
           [-0.1592,  0.3408]])
    """
    return covariance_rectified(*checked_covariance(mean, cov))


def covariance_rectified(
    mean: np.ndarray, cov: np.ndarray, sigma: np.ndarray
) -> RectifiedCovariance:
    """Return :func:`rectified_covariance` of what is known to be a covariance, and its deviations.

    Looking whether it is one takes a tenth of the time.
    """
    h = _standard(mean, sigma)
    margin = _margin(h)
    covariance = _outer_covariance((h, sigma, margin), (h, sigma, margin), cov, symmetric=True)
    np.fill_diagonal(covariance, (sigma * margin.true_deviation) ** 2)
    return RectifiedCovariance(np.maximum(mean, 0) + sigma * margin.excess, covariance)


def rectified_cross_covariance(
    mean1: Any, mean2: Any, variance1: Any, variance2: Any, cov: Any
) -> np.ndarray:
    """Return the covariance of ``max(0, S1)`` and ``max(0, S2)``, jointly normal vectors, exact.

    With :func:`rectified_covariance` of each it makes the covariance of both together, at a
    fraction of the memory: what an image and the shifted image do to a layer, say.

    Parameters
    ----------
    mean1, variance1 : array_like, (n)
    mean2, variance2 : array_like, (m)
        Means and variances of the inputs; variances may be 0.
    cov : array_like, (n, m)
        Covariance of S1 (rows) and S2 (columns). That it fits the covariances within either is not
        looked at.

    Returns
    -------
    numpy.ndarray, (n, m)

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, a variance is negative, or a covariance exceeds
        what its two variances allow.

    Examples
    --------
    >>> rectified_cross_covariance([0.0], [0.0, 8.0], [1.0], [1.0, 1.0], [[-1.0, 0.5]]).round(4)
    array([[-0.1592,  0.25  ]])
    """
    named = {"mean1": mean1, "mean2": mean2, "variance1": variance1, "variance2": variance2}
    vectors = {name: real_numbers(values, name) for name, values in named.items()}
    m1, m2, v1, v2 = vectors.values()
    cov = real_numbers(cov, "cov")
    if m1.ndim != 1 or m2.ndim != 1 or v1.shape != m1.shape or v2.shape != m2.shape:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in vectors.items())
        msg = f"means and variances must be vectors, as long by pairs; got {shapes}"
        raise InputError(msg)
    if cov.shape != (m1.size, m2.size) or cov.size == 0:
        msg = f"cov must be (n, m) = {(m1.size, m2.size)}, not empty; got shape {cov.shape}"
        raise InputError(msg)
    if not all(np.isfinite(values).all() for values in (*vectors.values(), cov)):
        msg = "means, variances and cov must be finite; drop the units with NaN or infinite values"
        raise InputError(msg)
    sigma1, sigma2 = checked_deviations(v1, "variance1"), checked_deviations(v2, "variance2")
    first, second = _standard(m1, sigma1), _standard(m2, sigma2)
    return _outer_covariance(
        (first, sigma1, _margin(first)), (second, sigma2, _margin(second)), cov, symmetric=False
    )


def _labelled_moments(named: dict[str, Any]) -> RectifiedMoments:
    """Return the moments of DataArrays, paired by their labels, and numbers."""
    for name, value in named.items():
        if not isinstance(value, xr.DataArray) and np.ndim(value):
            msg = (
                f"{name} must be a DataArray or a number where other arguments are DataArrays; got "
                f"shape {np.shape(value)}; name its dims: xr.DataArray({name}, dims=...)"
            )
            raise InputError(msg)
    try:
        xr.align(*(v for v in named.values() if isinstance(v, xr.DataArray)), join="exact")
    except ValueError as error:
        msg = (
            "DataArrays must have the same labels in the same order along the dims they share; use "
            f"xr.align; got {' '.join(str(error).split())}"
        )
        raise InputError(msg) from None
    # Dask's arrays go to the kernel as they are, which computes them.
    results = xr.apply_ufunc(
        rectified_moments,
        *named.values(),
        join="exact",
        dask="allowed",
        keep_attrs=False,
        output_core_dims=[()] * len(RectifiedMoments._fields),
    )
    pairs = zip(results, RectifiedMoments._fields, strict=True)
    return RectifiedMoments(*(result.rename(name) for result, name in pairs))


def _in_chunks(kernel: Any, n_out: int, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Apply `kernel`, from vectors to `n_out` vectors, to broadcast arrays, piece by piece.

    NumPy lets other threads run while it works on a piece, so that long arrays use every core.
    """
    n_in = len(arrays)
    operands: Any = [*arrays, *[None] * n_out]
    access: Any = [["readonly"]] * n_in + [["writeonly", "allocate"]] * n_out
    walk: Any = np.nditer(
        operands,
        flags=["buffered", "delay_bufalloc", "external_loop", "ranged", "zerosize_ok"],
        op_flags=access,
        op_dtypes=[float] * (n_in + n_out),
        buffersize=CHUNK,
    )

    def work(start: int, stop: int) -> None:
        with walk.copy() as part:
            part.iterrange = (start, stop)
            for pieces in part:
                for target, result in zip(pieces[n_in:], kernel(*pieces[:n_in]), strict=True):
                    target[...] = result

    n_threads = min(os.cpu_count() or 1, walk.itersize // (4 * CHUNK))
    if n_threads > 1:
        stops = np.linspace(0, walk.itersize, n_threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(n_threads) as threads:
            list(threads.map(work, stops[:-1], stops[1:]))
    elif walk.itersize:
        work(0, walk.itersize)
    return walk.operands[n_in:]


class _Margin(NamedTuple):
    """One standardised input, rectified; below LEFT in the unit exp(-h²/4), lest it underflow."""

    excess: np.ndarray  # mean less max(0, h)
    deviation: np.ndarray  # standard deviation / unit
    active: np.ndarray  # probability to be above 0, Φ(h) / unit
    level: np.ndarray  # exp(-h²/4) / unit
    true_deviation: np.ndarray


def _moments(
    mu1: np.ndarray, mu2: np.ndarray, sigma1: np.ndarray, sigma2: np.ndarray, rho: np.ndarray
) -> tuple[np.ndarray, ...]:
    h, k = _standard(mu1, sigma1), _standard(mu2, sigma2)
    first = _margin(h)
    second = first if np.array_equal(h, k) else _margin(k)
    scale = first.deviation * second.deviation
    corr = _correlation(h, k, rho, scale, first.level * second.level, first.active * second.active)
    root1, root2 = sigma1 * first.true_deviation, sigma2 * second.true_deviation
    mean1 = np.maximum(mu1, 0) + sigma1 * first.excess
    mean2 = np.maximum(mu2, 0) + sigma2 * second.excess
    return mean1, mean2, root1 * root1, root2 * root2, corr * root1 * root2, corr


def _correlation(
    h: np.ndarray,
    k: np.ndarray,
    rho: np.ndarray,
    scale: np.ndarray,
    level: np.ndarray,
    active: np.ndarray,
) -> np.ndarray:
    """Return the correlation after rectification; the last three are products of two margins."""
    corr = _excess_covariance(h, k, rho, scale)
    corr *= level
    corr += rho * active
    corr /= scale
    np.clip(corr, -1, 1, out=corr)
    if (rho == 1).any():
        corr[(rho == 1) & (h == k)] = 1.0
    return corr


def _outer_covariance(
    first: tuple[np.ndarray, np.ndarray, _Margin],
    second: tuple[np.ndarray, np.ndarray, _Margin],
    cov: np.ndarray,
    *,
    symmetric: bool,
) -> np.ndarray:
    """Return the covariance of all of the first with all of the second, after rectification.

    Either is its mu/sigma, its sigma and its margin, which is worked out once for all its pairs;
    `cov` is the covariance before. Of a `symmetric` one the half below the diagonal is mirrored.
    """
    h, sigma1, margin1 = first
    k, sigma2, margin2 = second
    covariance = np.empty(cov.shape)
    height = max(1, CHUNK // k.size)
    largest = float(sigma1.max() * sigma2.max())

    def fill(start: int) -> None:
        rows = slice(start, start + height)
        columns = slice(start if symmetric else 0, None)
        block = correlations(cov[rows, columns], sigma1[rows], sigma2[columns], largest)

        def outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.multiply.outer(a[rows], b[columns]).ravel()

        corr = _correlation(
            np.repeat(h[rows], block.shape[1]),
            np.tile(k[columns], block.shape[0]),
            block.ravel(),
            outer(margin1.deviation, margin2.deviation),
            outer(margin1.level, margin2.level),
            outer(margin1.active, margin2.active),
        )
        corr *= outer(sigma1 * margin1.true_deviation, sigma2 * margin2.true_deviation)
        covariance[rows, columns] = corr.reshape(block.shape)
        if symmetric:  # exactly, within the square on the diagonal too
            covariance[start:, rows] = covariance[rows, start:].T
            square = covariance[rows, rows]
            square[:] = np.tril(square) + np.tril(square, -1).T

    starts = range(0, h.size, height)
    n_threads = min(os.cpu_count() or 1, cov.size // (4 * CHUNK))
    if n_threads > 1:
        with ThreadPoolExecutor(n_threads) as threads:
            list(threads.map(fill, starts))
    else:
        for start in starts:
            fill(start)
    return covariance


def _standard(mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return mu/sigma, at sigma = 0 its limit."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        h = mu / sigma
    if not sigma.all():
        h[(mu == 0) & (sigma == 0)] = 0.0
    return np.clip(h, -INFINITE, INFINITE)


def _margin(h: np.ndarray) -> _Margin:
    x, density, beyond, variance = _workspace("margin", (4, h.size))
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
    tail = np.flatnonzero(h < LEFT)
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
    return _Margin(excess, deviation, active, level, true_deviation)


def _workspace(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of the thread's own to work in, with what it held the last time.

    A thread gives memory of this size back at once and gets it anew page by page, at a price above
    that of the arithmetic.
    """
    size = math.prod(shape)
    held = getattr(_held, name, None)
    if held is None or held.size < size:
        held = np.empty(size)
        setattr(_held, name, held)
    return held[:size].reshape(shape)


def _mills_ratios(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``J0/φ(x), J1/J0, J2/J1`` for ``Jn = E[max(0, Z - x)^n]`` by Laplace's fraction.

    ``n J(n-1) = x J(n) + J(n+1)``, which upwards loses digits as x grows, holds them downwards.
    """
    ratio = np.zeros_like(x)
    for order in range(24, 1, -1):
        ratio = order / (x + ratio)
    ratio1 = 1 / (x + ratio)
    return 1 / (x + ratio1), ratio1, ratio


def _excess_covariance(
    h: np.ndarray, k: np.ndarray, rho: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Return ``∫ (rho - r) φ2(h, k; r) dr`` from 0 to rho, over ``exp(-(h² + k²)/4)``."""
    size = np.abs(rho)
    with np.errstate(divide="ignore"):
        end = np.log((1 + size) / (1 - size)) / 2
    # φ2(h, k; -r) = φ2(h, -k; r). No np.where, whose branches cost six times as much.
    signed = k * np.copysign(1.0, rho)
    arguments = (size, end, (h - signed) ** 2 / 8, (h + signed) ** 2 / 8)
    if rho.size > 1 and size[0] == size[-1] and (size == size[0]).all() and h.min() >= LEFT:
        return _at_one_correlation(float(size[0]), float(end[0]), *arguments[2:])
    # Fewer where all that the integral adds to the correlation is exp(-smallness) at most.
    smallness = np.maximum(h * h, k * k) / 2 + np.log(scale)
    needed = _nodes_needed(end) * np.clip(1.2 - smallness / 25, 0, 1)
    kind = np.zeros(h.shape, dtype=np.uint8)
    for nodes in ORDERS[:-1]:
        kind += needed > nodes
    kind[np.minimum(h, k) < LEFT] = len(ORDERS)
    rules: list[Callable[..., np.ndarray]] = [
        *(partial(_gauss_legendre, nodes) for nodes in ORDERS),
        _peak,
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
    """Return the number of nodes that gives a correlation to 2e-11, found by counting."""
    return 4.3 + 6.6 * np.minimum(end, W_MAX)


def _gauss_legendre(
    n: int,
    rho: np.ndarray,
    end: np.ndarray,
    rising: np.ndarray,
    falling: np.ndarray,
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


def _at_one_correlation(
    rho: float, end: float, rising: np.ndarray, falling: np.ndarray
) -> np.ndarray:
    """Do the same for a correlation that all share: what hangs on the node alone is a number."""
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
    """Return nodes on (0, 2), one a row, and weights for the factors left out of the sum."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes[:, np.newaxis] + 1, weights * (2 / np.pi)


def _peak(
    rho: np.ndarray,
    end: np.ndarray,
    rising: np.ndarray,
    falling: np.ndarray,
) -> np.ndarray:
    """Do the same where the integrand is a narrow peak: apart on both sides of its summit."""
    # Where tanh is 1 to rounding.
    end = np.minimum(end, 20.0)
    # The summit is where rising e^2w + falling e^-2w + 3w is least; as far as 40 times the way to
    # its growing by 1, or at most to its growing by 40, there is something to be summed.
    top = 2 * falling / (1.5 + np.sqrt(2.25 + 4 * rising * falling))
    summit = np.clip(np.log(np.maximum(top, 1)) / 2, 0, end)
    right, left = rising * np.exp(2 * summit), falling * np.exp(-2 * summit)
    far = 40 / (np.abs(2 * (right - left) + 3) + 2 * np.sqrt(right + left))
    with np.errstate(divide="ignore"):
        to_right = np.minimum(far, np.arccosh(1 + 20 / right) / 2)
        to_left = np.minimum(far, np.arccosh(1 + 20 / left) / 2)
    result = np.zeros_like(rho)
    for reach in (-np.minimum(to_left, summit), np.minimum(to_right, end - summit)):
        for part, weight in _crowded_at_zero():
            w = summit + part * reach
            growth = rising * np.exp(2 * w) + falling * np.exp(-2 * w)
            # rho - tanh w without cancellation near the end, where the summit often is.
            rest = np.sinh(end - summit - part * reach) / (np.cosh(end) * np.cosh(w) ** 2)
            result += weight * np.abs(reach) * rest * np.exp(-growth)
    return result / (2 * np.pi)


@cache
def _crowded_at_zero() -> tuple[tuple[float, float], ...]:
    """Return nodes on (0, 1) and weights of the double exponential rule."""
    step = 0.06
    t = step * np.arange(-60, 61)
    part = expit(np.pi * np.sinh(t))
    weight = step * np.pi * np.cosh(t) * part * (1 - part)
    return tuple(zip(part.tolist(), weight.tolist(), strict=True))
