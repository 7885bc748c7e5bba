"""Integration: how a unit's weights and the covariances of its inputs set its invariance.

A downstream unit responds ``w · y`` to an image and ``w · y'`` to the shifted image, where ``y``
holds its rectified inputs. Its invariance is the correlation of the two across images; it depends
on nothing but the weights and the covariances of the inputs, whatever their distribution.
"""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import real_numbers
from artiphys.errors import ArtiphysWarning, InputError

__all__ = ["diagonal_invariance", "output_invariance", "variance_share", "weight_share"]

# Rounding of a variance where inputs cancel each other, relative to the sum of its terms' sizes.
CANCELLED = 1e-12
# Rounding of a correlation of 1.
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
        Labelled where `weights` is; NaN for a unit whose responses do not vary beyond rounding.

    Raises
    ------
    InputError
        If shapes do not fit or values are not finite.

    Warns
    -----
    ArtiphysWarning
        If some units' responses do not vary, or if the three matrices cannot be covariances of the
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
    Two uncorrelated inputs; the one of three times the variance is fully invariant, the other not
    at all:

    >>> variance, cross = np.diag([3.0, 1.0]), np.diag([3.0, 0.0])
    >>> round(output_invariance([1.0, 1.0], variance, variance, cross), 4)
    0.75
    """
    rows = _rows(weights)
    n = rows.shape[1]
    covariance = _quadratic(rows, _square(cov_cross, n, "cov_cross"))
    reference = _variance(rows, _square(cov_reference, n, "cov_reference"))
    shifted = _variance(rows, _square(cov_shifted, n, "cov_shifted"))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = covariance / np.sqrt(reference) / np.sqrt(shifted)
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
        Invariance of each input; ignored where the variance is 0.

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
    return _along(min(1, np.ndim(weights) - 1), share, weights, "weight_share")


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
    """Return ``w^T C w``, 0 where inputs cancel each other but for rounding."""
    variance = _quadratic(rows, cov)
    variance[np.abs(variance) <= CANCELLED * _quadratic(np.abs(rows), np.abs(cov))] = 0.0
    return variance


def _warn_of_units(faults: dict[str, np.ndarray]) -> None:
    for fault, units in faults.items():
        if units.any():
            msg = f"{int(units.sum())} of {units.size} output units {fault}"
            warnings.warn(msg, ArtiphysWarning, stacklevel=3)


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
    """Return `values`, one an output unit, as a number, or labelled where `weights` is."""
    return float(values[0]) if np.ndim(weights) == 1 else _along(0, values, weights, name)


def _along(axis: int, values: np.ndarray, weights: Any, name: str) -> Any:
    """Return `values` with the labels that `weights` has along an axis, if it has labels."""
    if not isinstance(weights, xr.DataArray):
        return values
    dim = weights.dims[axis]
    coords = {key: c for key, c in weights.coords.items() if c.dims == (dim,)}
    return xr.DataArray(values, coords=coords, dims=(dim,), name=name)
