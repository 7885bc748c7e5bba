"""Integration: what a unit that sums rectified inputs makes of their invariance.

A downstream unit answers ``w · y`` to an image and ``w · y'`` to the shifted image, where ``y``
holds its rectified inputs. Its invariance is the correlation of the two across images, and hangs on
nothing but its weights and the covariances of the inputs, whatever their distribution.
"""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator, real_numbers
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.moments import rectified_moments

__all__ = [
    "diagonal_invariance",
    "integration_geometry",
    "output_invariance",
    "simulate_integration",
    "variance_share",
    "weight_share",
]

RHO = tuple(np.linspace(0.05, 0.95, 19).tolist())
# Of the sum of its terms' sizes: what rounding leaves of a variance where inputs cancel.
CANCELLED = 1e-12
# Rounding of a correlation that is 1.
BEYOND = 1e-9


def output_invariance(weights: Any, cov_reference: Any, cov_shifted: Any, cov_cross: Any) -> Any:
    r"""Return the invariance of units that sum their inputs, exact for any inputs.

    .. math:: \tilde\rho' = \frac{w^T C_\times w}{\sqrt{w^T C_0 w \cdot w^T C_1 w}}

    Parameters
    ----------
    weights : array_like or xarray.DataArray, (n) or (output, n)
        Weights on the n inputs; a convolution's kernel flattened, inputs at all its positions.
    cov_reference, cov_shifted : array_like, (n, n)
        Covariance across images of the inputs, to the images and to the shifted images.
    cov_cross : array_like, (n, n)
        Covariance across images between the inputs to the images (rows) and to the shifted ones.

    Returns
    -------
    float, numpy.ndarray or xarray.DataArray, () or (output)
        Labelled where `weights` is; NaN for a unit whose answers do not vary beyond rounding.

    Raises
    ------
    InputError
        If shapes do not fit or values are not finite.

    Warns
    -----
    ArtiphysWarning
        If some units' answers do not vary, or if the three matrices cannot be covariances of the
        same inputs: a variance is negative (NaN) or an invariance beyond ±1 (kept).

    Notes
    -----
    An identity, not a model: with the sample covariances of measured inputs it is the measured
    invariance to rounding. A variance is taken for 0 below 1e-12 of what it would be if no two
    inputs cancelled each other.

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32.

    Examples
    --------
    Two uncorrelated inputs; the one of three times the variance keeps all of its answer, the other
    none:

    >>> variance, cross = np.diag([3.0, 1.0]), np.diag([3.0, 0.0])
    >>> round(output_invariance([1.0, 1.0], variance, variance, cross), 4)
    0.75
    """
    rows = _rows(weights)
    n = rows.shape[1]
    shared = _quadratic(rows, _square(cov_cross, n, "cov_cross"))
    reference = _variance(rows, _square(cov_reference, n, "cov_reference"))
    shifted = _variance(rows, _square(cov_shifted, n, "cov_shifted"))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = shared / np.sqrt(reference) / np.sqrt(shifted)
    r[~((reference > 0) & (shifted > 0))] = np.nan
    _warn_of_units(
        {
            "do not vary: their invariance is NaN": (reference == 0) | (shifted == 0),
            "have a negative variance, which no covariance gives: their invariance is NaN": (
                (reference < 0) | (shifted < 0)
            ),
            "have an invariance beyond ±1, kept as it is: cov_cross exceeds what the other two"
            " covariances allow": np.abs(r) > 1 + BEYOND,
        }
    )
    return _along_output(r, weights, "output_invariance")


def variance_share(weights: Any, variance: Any) -> Any:
    r"""Return the share of each input in the variance of a unit that sums uncorrelated inputs.

    .. math:: c_i = \frac{w_i^2 \tilde\sigma_i^2}{\sum_j w_j^2 \tilde\sigma_j^2}

    Parameters
    ----------
    weights : array_like or xarray.DataArray, (n) or (output, n)
    variance : array_like, (n)
        Variance of each input across images.

    Returns
    -------
    numpy.ndarray or xarray.DataArray, (n) or (output, n)
        Labelled where `weights` is. Shares sum to 1; NaN for a unit that no varying input reaches.

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, or a variance is negative.

    Examples
    --------
    >>> variance_share([1.0, 2.0], [4.0, 1.0])
    array([0.5, 0.5])
    """
    rows = _rows(weights)
    parts = rows**2 * _variances(variance, rows.shape[1])
    total = parts.sum(axis=1, keepdims=True)
    share = np.divide(parts, total, out=np.full_like(parts, np.nan), where=total > 0)
    share = share.reshape(np.shape(weights))
    return weights.copy(data=share) if isinstance(weights, xr.DataArray) else share


def diagonal_invariance(weights: Any, variance: Any, invariance: Any) -> Any:
    r"""Return the paper's approximation of :func:`output_invariance`, for uncorrelated inputs.

    .. math:: \tilde\rho' \approx \sum_i c_i \tilde\rho_i

    with the shares `c` of :func:`variance_share`: inputs of large variance, which rectification
    makes the more invariant ones, weigh more.

    Parameters
    ----------
    weights : array_like or xarray.DataArray, (n) or (output, n)
    variance : array_like, (n)
        Variance of each input across images.
    invariance : array_like, (n)
        Invariance of each input; not looked at where the variance is 0.

    Returns
    -------
    float, numpy.ndarray or xarray.DataArray, () or (output)
        Labelled where `weights` is; NaN for a unit that no varying input reaches.

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, or a variance is negative.

    Examples
    --------
    >>> round(diagonal_invariance([1.0, 1.0], [3.0, 1.0], [1.0, 0.0]), 4)
    0.75
    """
    share = np.atleast_2d(np.asarray(variance_share(weights, variance)))
    values = np.where(np.asarray(variance) > 0, real_numbers(invariance, "invariance"), 0.0)
    values = _finite(values, "invariance, where variance is above 0,")
    return _along_output(share @ values, weights, "diagonal_invariance")


def weight_share(weights: Any) -> Any:
    r"""Return the share of weight magnitude on each input unit, averaged over output units.

    .. math:: s_i = \frac{1}{K} \sum_{k=1}^{K} \frac{\sum_x |w_{kix}|}{\sum_j \sum_x |w_{kjx}|}

    Parameters
    ----------
    weights : array_like or xarray.DataArray, (output, input, ...) or (input)
        Weights of every output unit on every input unit; trailing axes (the rows and columns of a
        convolution's kernel) are summed over. One dim alone is one output unit.

    Returns
    -------
    numpy.ndarray or xarray.DataArray, (input)
        Labelled where `weights` is. The shares sum to 1.

    Raises
    ------
    InputError
        If `weights` is empty, not finite, or zero throughout.

    Warns
    -----
    ArtiphysWarning
        If some output units have no weight at all; they have no shares and are left out.

    Notes
    -----
    Each output unit counts the same, however large its weights. In a convolution with groups the
    input axis of the kernel counts within a group: pass one group at a time.

    References
    ----------
    Pospisil & Bair (2019), The natural tendency of feed forward neural networks to favor invariant
    units, NeurIPS 32.

    Examples
    --------
    >>> weight_share([[1.0, -3.0], [10.0, 10.0]])
    array([0.375, 0.625])
    """
    values = _finite(weights, "weights")
    values = values[np.newaxis] if values.ndim == 1 else values
    magnitude = np.abs(values).reshape(*values.shape[:2], -1).sum(axis=-1)
    total = magnitude.sum(axis=1)
    n_empty = int((total == 0).sum())
    if n_empty == total.size:
        msg = f"weights must not all be zero; got {n_empty} output units without any"
        raise InputError(msg)
    if n_empty:
        msg = (
            f"{n_empty} of {total.size} output units have only zero weights: left out of the shares"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=2)
    share = (magnitude[total > 0] / total[total > 0, np.newaxis]).mean(axis=0)
    return _along_input(share, weights, "weight_share")


def _rows(weights: Any) -> np.ndarray:
    rows = _finite(weights, "weights")
    if rows.ndim > 2:
        msg = f"weights must be (n) or (output, n); got shape {rows.shape}; flatten the kernels"
        raise InputError(msg)
    return np.atleast_2d(rows)


def _square(cov: Any, n: int, name: str) -> np.ndarray:
    matrix = _finite(cov, name)
    if matrix.shape != (n, n):
        msg = f"{name} must be (n, n), n = {n} as in weights; got shape {matrix.shape}"
        raise InputError(msg)
    return matrix


def _variances(variance: Any, n: int) -> np.ndarray:
    values = _finite(variance, "variance")
    if values.shape != (n,):
        msg = f"variance must be (n), n = {n} as in weights; got shape {values.shape}"
        raise InputError(msg)
    if values.min() < 0:
        msg = f"variance must be at least 0; got {values.min():g}; drop those inputs"
        raise InputError(msg)
    return values


def _quadratic(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.einsum("on,on->o", rows @ matrix, rows)


def _variance(rows: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """Return ``w^T C w``, 0 where inputs cancel each other to rounding."""
    variance = _quadratic(rows, cov)
    variance[np.abs(variance) <= CANCELLED * _quadratic(np.abs(rows), np.abs(cov))] = 0.0
    return variance


def _warn_of_units(faults: dict[str, np.ndarray]) -> None:
    for fault, units in faults.items():
        if units.any():
            msg = f"{int(units.sum())} of {units.size} output units {fault}"
            warnings.warn(msg, ArtiphysWarning, stacklevel=3)


def integration_geometry(
    mu_over_sigma: tuple[float, float] = (1.0, -1.0), rho: float = 0.6
) -> xr.Dataset:
    """Return what a unit that sums two inputs makes of them, by the direction of its weights.

    Two rectified, uncorrelated inputs of one scale and input correlation differ in mu/sigma, and so
    in variance and invariance. Weights point from the first input (angle 0) to the second (90°).

    Parameters
    ----------
    mu_over_sigma : (float, float)
        Of the two inputs.
    rho : float
        Correlation of each input's values for image and shifted image, in [0, 1].

    Returns
    -------
    xarray.Dataset, (input) and (angle)
        ``variance`` and ``invariance`` of the inputs; ``share``, of the first input in the output's
        variance, and ``output_invariance``, by ``angle`` in degrees; ``mean_output_invariance``
        over all directions, ``mean_input_invariance`` over the two inputs.

    Raises
    ------
    InputError
        If `mu_over_sigma` is not two numbers, or rho lies outside [0, 1].

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32, Fig. 3A.

    Examples
    --------
    The sum of both is nearly as invariant as the input of large variance:

    >>> geometry = integration_geometry((1.0, -1.0), 0.6)
    >>> geometry["invariance"].values.round(2).tolist()
    [0.58, 0.41]
    >>> geometry["output_invariance"].sel(angle=45.0).round(2).item()
    0.57
    """
    m = real_numbers(mu_over_sigma, "mu_over_sigma")
    if m.shape != (2,):
        msg = f"mu_over_sigma must be two numbers, one an input; got shape {m.shape}"
        raise InputError(msg)
    if not (np.ndim(rho) == 0 and 0 <= real_numbers(rho, "rho") <= 1):
        msg = f"rho must be one number in [0, 1]; got {rho}"
        raise InputError(msg)
    moments = rectified_moments(m, m, 1.0, 1.0, rho)
    angle = np.linspace(0, 90, 91)
    weights = np.column_stack([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    output = diagonal_invariance(weights, moments.var1, moments.corr)
    return xr.Dataset(
        {
            "variance": ("input", moments.var1),
            "invariance": ("input", moments.corr),
            "share": ("angle", variance_share(weights, moments.var1)[:, 0]),
            "output_invariance": ("angle", output),
            "mean_output_invariance": np.trapezoid(output, angle) / 90,
            "mean_input_invariance": moments.corr.mean(),
        },
        coords={"mu_over_sigma": ("input", m), "angle": ("angle", angle, {"units": "degrees"})},
        attrs={"rho": float(rho)},
    )


def simulate_integration(
    rho: Any = RHO,
    *,
    mean: Any = (-2.0, -1.0, 0.0),
    spread: Any = (0.0, 0.5, 1.0),
    n_inputs: int = 100,
    n_outputs: int = 200,
    rng: Any = None,
) -> xr.Dataset:
    """Return how invariant units are that sum many inputs with random weights.

    Each unit's inputs have mu/sigma from a normal distribution, one scale and one correlation with
    their values for the shifted image, none with each other, so that the diagonal formula is exact;
    weights are standard normal. Nothing else is random: the moments of every input are exact.

    Parameters
    ----------
    rho : array_like, (rho)
        Correlation of each input's values for image and shifted image, in [-1, 1].
    mean, spread : array_like, (mean) and (spread)
        Mean and standard deviation of mu/sigma over a unit's inputs.
    n_inputs, n_outputs : int
        Inputs of a unit, and units.
    rng : int, numpy.random.Generator, ...
        Anything :func:`numpy.random.default_rng` takes.

    Returns
    -------
    xarray.Dataset, (mean, spread, rho)
        ``output_invariance``: mean over units, ``output_spread``: their standard deviation,
        ``input_invariance``: mean over inputs after rectification.

    Raises
    ------
    InputError
        If a spread is negative or there are no inputs or units.

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32, Fig. 3B.

    Examples
    --------
    Spread-out inputs lose less of the input correlation on the way:

    >>> result = simulate_integration([0.5], mean=[-1.0], spread=[0.0, 1.0], rng=0)
    >>> result["output_invariance"].squeeze().values.round(2).tolist()
    [0.31, 0.42]
    """
    named = {"rho": rho, "mean": mean, "spread": spread}
    rho, mean, spread = (np.atleast_1d(real_numbers(x, name)) for name, x in named.items())
    if spread.min() < 0:
        msg = f"spread must be at least 0; got {spread.min():g}"
        raise InputError(msg)
    if n_inputs < 1 or n_outputs < 1:
        msg = f"n_inputs and n_outputs must be at least 1; got {n_inputs} and {n_outputs}"
        raise InputError(msg)
    rng = generator(rng)
    # The same draws everywhere, so that curves differ by what they are for alone.
    deviate = rng.standard_normal((n_outputs, n_inputs))
    weights = rng.standard_normal((n_outputs, n_inputs))
    shape = (mean.size, spread.size, rho.size)
    outputs, inputs = np.empty((*shape, n_outputs)), np.empty(shape)
    for i, j in np.ndindex(shape[:2]):
        m = mean[i] + spread[j] * deviate
        for k, each in enumerate(rho):
            moments = rectified_moments(m, m, 1.0, 1.0, each)
            parts = weights**2 * moments.var1
            outputs[i, j, k] = (parts * moments.corr).sum(axis=1) / parts.sum(axis=1)
            inputs[i, j, k] = moments.corr.mean()
    dims = ("mean", "spread", "rho")
    return xr.Dataset(
        {
            "output_invariance": (dims, outputs.mean(axis=-1)),
            "output_spread": (dims, outputs.std(axis=-1)),
            "input_invariance": (dims, inputs),
        },
        coords={"mean": mean, "spread": spread, "rho": rho},
        attrs={"n_inputs": n_inputs, "n_outputs": n_outputs},
    )


def _finite(values: Any, name: str) -> np.ndarray:
    """Return `values` as floats with at least one dim and one element, all finite."""
    array = real_numbers(values, name)
    if array.ndim == 0 or array.size == 0:
        msg = f"{name} must have at least one dim and one value; got shape {array.shape}"
        raise InputError(msg)
    n_bad = int((~np.isfinite(array)).sum())
    if n_bad:
        msg = (
            f"{name} must be finite; {n_bad} of {array.size} are NaN or infinite; drop those units"
        )
        raise InputError(msg)
    return array


def _along_output(values: np.ndarray, weights: Any, name: str) -> Any:
    """Label `values`, one an output unit, as the output dim of `weights` is labelled, if it is."""
    if np.ndim(weights) == 1:
        return float(values[0])
    if not isinstance(weights, xr.DataArray):
        return values
    dim = weights.dims[0]
    coords = {key: c for key, c in weights.coords.items() if c.dims == (dim,)}
    return xr.DataArray(values, coords=coords, dims=(dim,), name=name)


def _along_input(values: np.ndarray, weights: Any, name: str) -> Any:
    """Label `values`, one an input unit, as the input dim of `weights` is labelled, if it is."""
    if not isinstance(weights, xr.DataArray):
        return values
    dim = weights.dims[0] if weights.ndim == 1 else weights.dims[1]
    coords = {key: c for key, c in weights.coords.items() if c.dims == (dim,)}
    return xr.DataArray(values, coords=coords, dims=(dim,), name=name)
