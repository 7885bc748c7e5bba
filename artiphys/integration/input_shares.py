"""Input shares: which inputs a unit's invariance comes from, and what its weights contribute.

Inputs of large variance are the invariant ones, and dominate a unit that sums them unless its
weights counteract. Weights are compared with controls of the same signs, whose magnitudes are
moved to other input channels, or made all equal.
"""

from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator
from artiphys.errors import InputError
from artiphys.integration.explained import checked_inputs

__all__ = ["input_shares"]

WEIGHTS = ("real", "shuffled", "equal")
FORMULAS = ("exact", "diagonal")


def input_shares(
    inputs: xr.DataArray, weights: Any, *, top: float = 0.1, n_shuffles: int = 10, rng: Any = None
) -> xr.Dataset:
    r"""Return the part of units' invariance that comes from the inputs of largest variance.

    The covariance of two responses is a sum over inputs, and so is its part from some of them,

    .. math:: \mathrm{Cov}(w \cdot y, w \cdot y') = \sum_i w_i \,
              \frac{\mathrm{Cov}(y_i, w \cdot y') + \mathrm{Cov}(w \cdot y, y'_i)}{2}
              \approx \sum_i w_i^2 \, \mathrm{Cov}(y_i, y'_i),

    the latter, diagonal, where inputs are uncorrelated: :math:`c_i \tilde\rho_i` but for a factor.

    Parameters
    ----------
    inputs, weights
        As for :func:`artiphys.integration.explained.explained_invariance`.
    top : float
        Share of the inputs that counts as those of largest variance, at the reference position.
    n_shuffles : int
        Times that weights are shuffled.
    rng : int, numpy.random.Generator, ...
        Anything :func:`numpy.random.default_rng` takes.

    Returns
    -------
    xarray.Dataset
        ``top_share`` (formula, unit, position): part of the responses' covariance that comes from
        the top inputs; *exact* parts may be negative or above 1, for inputs can cancel each other.
        ``top_weight`` (unit): their part of the sum of squared weights. ``input_invariance``
        (position): mean over inputs that vary. ``invariance`` (weights, formula, unit, position):
        with *real* weights, with magnitudes *shuffled* between channels (mean over shuffles), and
        with *equal* magnitudes. NaN for units that do not vary.

    Raises
    ------
    InputError
        As ``explained_invariance``; if `top` is not in (0, 1] or `n_shuffles` below 1.

    Examples
    --------
    Two inputs, of which the first has 9 times the variance and is the invariant one:

    >>> rng = np.random.default_rng(0)
    >>> first, second = 3 * rng.gamma(1, size=(1000, 1)), rng.gamma(1, size=(1000, 2))
    >>> values = np.stack([np.repeat(first, 2, axis=1), second], axis=-1)
    >>> inputs = xr.DataArray(values, dims=("image", "position", "input"),
    ...                       coords={"position": [0.0, 0.25]}, attrs={"reference": 0.0})
    >>> shares = input_shares(inputs, [[1.0, 1.0]], top=0.5, n_shuffles=1)
    >>> shares["top_share"].sel(formula="diagonal").round(1).values.tolist()
    [[1.0]]
    """
    if not 0 < top <= 1:
        msg = f"top must lie in (0, 1]; got {top}"
        raise InputError(msg)
    if n_shuffles < 1:
        msg = f"n_shuffles must be at least 1; got {n_shuffles}"
        raise InputError(msg)
    checked = checked_inputs(inputs, weights)
    rng = generator(rng)
    kernels = np.asarray(weights, dtype=float)
    rows = checked.rows
    responses = np.maximum(checked.values, 0)
    responses -= responses.mean(axis=1, keepdims=True)
    variance = np.einsum("pin,pin->pn", responses, responses)
    covariance = np.einsum("in,pin->pn", responses[0], responses[1:])
    first = np.argsort(-variance[0], kind="stable")[: int(np.ceil(top * rows.shape[1]))]
    invariance = np.zeros((len(WEIGHTS), len(FORMULAS), len(rows), len(checked.positions)))
    invariance[0] = _invariances(rows, responses, variance, covariance)
    for _ in range(n_shuffles):
        moved = _shuffled(kernels, rng).reshape(rows.shape)
        invariance[1] += _invariances(moved, responses, variance, covariance) / n_shuffles
    invariance[2] = _invariances(np.sign(rows), responses, variance, covariance)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_inputs = np.where(variance[1:] * variance[0] > 0, covariance, np.nan)
        of_inputs = of_inputs / np.sqrt(variance[0] * variance[1:])
        top_weight = (rows[:, first] ** 2).sum(axis=1) / (rows**2).sum(axis=1)
    return xr.Dataset(
        {
            "top_share": (
                ("formula", "unit", "position"),
                _parts(rows, responses, covariance, first),
            ),
            "top_weight": ("unit", top_weight),
            "input_invariance": (
                "position",
                np.ma.masked_invalid(of_inputs).mean(axis=1).filled(np.nan),
            ),
            "invariance": (("weights", "formula", "unit", "position"), invariance),
        },
        coords={"formula": list(FORMULAS), "weights": list(WEIGHTS), "position": checked.positions},
        attrs={"top": float(top), "n_shuffles": int(n_shuffles)},
    )


def _invariances(
    rows: np.ndarray, responses: np.ndarray, variance: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Return the invariance by each formula, (formula, unit, position)."""
    outputs = responses @ rows.T  # (position, image, unit)
    square = rows**2
    pairs = (
        (
            np.einsum("piu,piu->pu", outputs, outputs),
            np.einsum("iu,piu->pu", outputs[0], outputs[1:]),
        ),
        (variance @ square.T, covariance @ square.T),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.array([both / np.sqrt(own[0] * own[1:]) for own, both in pairs])
    return np.where(np.isfinite(r), r, np.nan).transpose(0, 2, 1)


def _parts(
    rows: np.ndarray, responses: np.ndarray, covariance: np.ndarray, top: np.ndarray
) -> np.ndarray:
    """Return the part of the outputs' covariance from the top inputs, by each formula."""
    outputs = responses @ rows.T
    part = responses[:, :, top] @ rows[:, top].T
    total = np.einsum("iu,piu->pu", outputs[0], outputs[1:])
    from_top = np.einsum("iu,piu->pu", part[0], outputs[1:])
    from_top = (from_top + np.einsum("iu,piu->pu", outputs[0], part[1:])) / 2
    square = rows**2
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.array(
            [from_top / total, (covariance[:, top] @ square[:, top].T) / (covariance @ square.T)]
        )
    return np.where(np.isfinite(parts), parts, np.nan).transpose(0, 2, 1)


def _shuffled(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return weights whose magnitudes are permuted over the channels of each unit, signs kept."""
    order = rng.permuted(np.tile(np.arange(kernels.shape[1]), (len(kernels), 1)), axis=1)
    order = order.reshape(order.shape + (1,) * (kernels.ndim - 2))
    return np.sign(kernels) * np.abs(np.take_along_axis(kernels, order, axis=1))
