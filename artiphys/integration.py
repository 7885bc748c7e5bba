"""Integration: what a unit that sums rectified inputs makes of their invariance.

A downstream unit answers ``w · y`` to an image and ``w · y'`` to the shifted image, where ``y`` holds
its rectified inputs. Its invariance is the correlation of the two across images, and hangs on nothing
but its weights and the covariances of the inputs, whatever their distribution.
"""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError

__all__ = ["weight_share"]


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
        msg = f"weights must not all be zero: shares are of their sum; got {n_empty} zero output units"
        raise InputError(msg)
    if n_empty:
        msg = (
            f"{n_empty} of {total.size} output units have only zero weights: left out of the shares"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=2)
    share = (magnitude[total > 0] / total[total > 0, np.newaxis]).mean(axis=0)
    return _along_input(share, weights, "weight_share")


def _finite(values: Any, name: str) -> np.ndarray:
    """Return `values` as floats with at least one dim and one element, all finite."""
    array = np.asarray(values, dtype=float)
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


def _along_input(values: np.ndarray, weights: Any, name: str) -> Any:
    """Label `values`, one an input unit, as the input dim of `weights` is labelled, if it is."""
    if not isinstance(weights, xr.DataArray):
        return values
    dim = weights.dims[0] if weights.ndim == 1 else weights.dims[1]
    coords = {key: c for key, c in weights.coords.items() if c.dims == (dim,)}
    return xr.DataArray(values, coords=coords, dims=(dim,), name=name)
