"""The relation of variance and invariance after integration, exact and simulated.

A unit sums rectified inputs whose mu/sigma lie evenly in a neighbourhood, and the middle of the
neighbourhood is moved. As it goes up, variance and invariance of the sum go up together, as those
of one input do: on another curve, which depends on how the inputs are correlated with each other
and on how wide the neighbourhood is.
"""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.arguments import generator, real_numbers, whole_number
from artiphys.errors import InputError
from artiphys.integration.weights import output_invariance
from artiphys.rectification.covariance import rectified_covariance, rectified_cross_covariance
from artiphys.rectification.moments import rectified_moments

__all__ = ["integrated_relation", "simulate_integrated_relation"]

MEAN = tuple(np.linspace(-2.0, 2.0, 33).tolist())
SIMULATED_MEAN = (-1.5, -0.5, 0.5)
INPUT_CORRELATION = (0.0, 0.1, 0.3)
WIDTH = (0.0, 2.0, 4.0)
N_INPUTS = 50
N_BATCHES = 20
DIMS = ("input_correlation", "width", "mean")


class _Question(NamedTuple):
    """Arguments of both functions, checked."""

    mean: np.ndarray
    input_correlation: np.ndarray
    width: np.ndarray
    rho: float
    weights: np.ndarray

    @property
    def coords(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in DIMS}

    def ratios(self, width: float, mean: float) -> np.ndarray:
        """Return mu/sigma of the inputs: evenly within `width` about `mean`."""
        n = self.weights.size
        return mean + width * ((np.arange(n) + 0.5) / n - 0.5)


def integrated_relation(
    mean: Any = MEAN,
    *,
    input_correlation: Any = INPUT_CORRELATION,
    width: Any = WIDTH,
    rho: float = 0.6,
    n_inputs: int = N_INPUTS,
    weights: Any = None,
) -> xr.Dataset:
    r"""Return variance and Fisher z of a sum of rectified inputs along a sweep of their mu/sigma.

    .. math:: \tilde\sigma'^2 = w^T C_0 w, \qquad
              z = \operatorname{artanh} \frac{w^T C_\times w}{w^T C_0 w}

    with the exact covariances of the rectified inputs, within an image and between image and
    shifted image. Before rectification inputs are normal with sigma 1 and correlate by c, and an
    input with another one's value for the shifted image by rho c; with its own by rho.

    Parameters
    ----------
    mean : array_like, (mean)
        Middle of the neighbourhood of mu/sigma.
    input_correlation : array_like, (input_correlation)
        Correlation c of any two inputs before rectification, in [0, 1].
    width : array_like, (width)
        Width of the neighbourhood: mu/sigma of the inputs are evenly spaced within it.
    rho : float
        Correlation of each input's values for image and shifted image, in [0, 1).
    n_inputs : int
        Inputs of the unit; ignored where `weights` are given.
    weights : array_like, (input), optional
        Weights on the inputs, in ascending order of their mu/sigma. By default all equal and their
        squares sum to 1, so that the sum of uncorrelated inputs is as variable as one input.

    Returns
    -------
    xarray.Dataset, (input_correlation, width, mean)
        ``variance`` of the output in units of sigma², ``invariance`` and ``fisher_z``; and along
        mean alone ``input_variance``, ``input_invariance`` and ``input_fisher_z`` of one input.

    Raises
    ------
    InputError
        If a correlation lies outside its range, a width is negative, there are no inputs, or a
        value is not finite.

    Notes
    -----
    That correlated inputs add to the variance takes weights of one sign. Where weights have random
    signs, as in untrained networks, the correlation of inputs cancels in the sum on average.

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32, Fig. 3B.

    Examples
    --------
    >>> relation = integrated_relation([-1.0, 1.0], input_correlation=[0.0, 0.3], width=[0.0])
    >>> relation["variance"].sel(width=0.0).values.round(2).tolist()
    [[0.07, 0.75], [0.58, 11.3]]
    >>> relation["fisher_z"].sel(width=0.0).values.round(2).tolist()
    [[0.43, 0.67], [0.57, 0.69]]
    """
    asked = _question(mean, input_correlation, width, rho, n_inputs, weights)
    w = asked.weights
    shape = tuple(values.size for values in asked.coords.values())
    variance, invariance = np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        c, each, middle = (asked.coords[dim][at] for dim, at in zip(DIMS, place, strict=True))
        ratios, before = asked.ratios(each, middle), _equally_correlated(c, w.size)
        cov = rectified_covariance(ratios, before).cov
        ones = np.ones(w.size)
        cross = rectified_cross_covariance(ratios, ratios, ones, ones, asked.rho * before)
        variance[place] = w @ cov @ w
        invariance[place] = output_invariance(w, cov, cov, cross)
    single = rectified_moments(asked.mean, asked.mean, 1.0, 1.0, asked.rho)
    return xr.Dataset(
        {
            "variance": (DIMS, variance),
            "invariance": (DIMS, invariance),
            "fisher_z": (DIMS, np.arctanh(invariance)),
            "input_variance": ("mean", single.var1),
            "input_invariance": ("mean", single.corr),
            "input_fisher_z": ("mean", np.arctanh(single.corr)),
        },
        coords=asked.coords,
        attrs={"rho": asked.rho, "n_inputs": w.size},
    )


def simulate_integrated_relation(
    mean: Any = SIMULATED_MEAN,
    *,
    input_correlation: Any = INPUT_CORRELATION,
    width: Any = WIDTH,
    rho: float = 0.6,
    n_inputs: int = N_INPUTS,
    weights: Any = None,
    n_images: int = 20_000,
    rng: Any = None,
) -> xr.Dataset:
    """Return what :func:`integrated_relation` says, of inputs simulated image by image.

    Parameters
    ----------
    mean, input_correlation, width, rho, n_inputs, weights
        As in :func:`integrated_relation`.
    n_images : int
        Images shown, in 20 batches of equal size; at least 100.
    rng : int, numpy.random.Generator, ...
        Anything :func:`numpy.random.default_rng` takes.

    Returns
    -------
    xarray.Dataset, (input_correlation, width, mean)
        ``variance`` in units of sigma², and ``fisher_z``, over all images; ``variance_error`` and
        ``fisher_z_error``, their standard errors, from the batches.

    Raises
    ------
    InputError
        As :func:`integrated_relation`, and for fewer than 100 images.

    Examples
    --------
    >>> simulated = simulate_integrated_relation([0.0], rng=0)
    >>> exact = integrated_relation([0.0])
    >>> off = (simulated["fisher_z"] - exact["fisher_z"]) / simulated["fisher_z_error"]
    >>> bool((abs(off) < 4).all())
    True
    """
    asked = _question(mean, input_correlation, width, rho, n_inputs, weights)
    n_images = whole_number(n_images, "n_images", 100)
    rng = generator(rng)
    size = (N_BATCHES, n_images // N_BATCHES)

    def drawn(c: float) -> np.ndarray:
        common = rng.standard_normal((*size, 1))
        return np.sqrt(c) * common + np.sqrt(1 - c) * rng.standard_normal((*size, w.size))

    w = asked.weights
    shape = tuple(values.size for values in asked.coords.values())
    found = np.empty((*shape, 4))
    for place in np.ndindex(shape):
        c, each, middle = (asked.coords[dim][at] for dim, at in zip(DIMS, place, strict=True))
        first = drawn(c)
        second = asked.rho * first + np.sqrt(1 - asked.rho**2) * drawn(c)
        ratios = asked.ratios(each, middle)
        found[place] = _measured(*(np.maximum(s + ratios, 0) @ w for s in (first, second)))
    names = ("variance", "fisher_z", "variance_error", "fisher_z_error")
    return xr.Dataset(
        {name: (DIMS, found[..., number]) for number, name in enumerate(names)},
        coords=asked.coords,
        attrs={"rho": asked.rho, "n_inputs": w.size, "n_images": size[0] * size[1]},
    )


def _measured(reference: np.ndarray, shifted: np.ndarray) -> tuple[float, float, float, float]:
    """Return variance, Fisher z and the standard errors of responses, (batch, image)."""

    def quantities(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
        r = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
        # Both positions have one variance in truth: their mean is the better known.
        return float(one.var(ddof=1) + other.var(ddof=1)) / 2, float(np.arctanh(r))

    whole = quantities(reference, shifted)
    batches = np.array([quantities(*pair) for pair in zip(reference, shifted, strict=True)])
    errors = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
    return *whole, *errors.tolist()


def _equally_correlated(c: float, n: int) -> np.ndarray:
    cov = np.full((n, n), c)
    np.fill_diagonal(cov, 1.0)
    return cov


def _question(
    mean: Any, input_correlation: Any, width: Any, rho: Any, n_inputs: int, weights: Any
) -> _Question:
    named = {"mean": mean, "input_correlation": input_correlation, "width": width}
    values = {name: np.atleast_1d(real_numbers(x, name)) for name, x in named.items()}
    for name, array in values.items():
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
            msg = f"{name} must be one or more finite numbers; got shape {array.shape}"
            raise InputError(msg)
    c = values["input_correlation"]
    if c.min() < 0 or c.max() > 1:
        msg = f"input_correlation must lie in [0, 1]; got {c.min():g} to {c.max():g}"
        raise InputError(msg)
    if values["width"].min() < 0:
        msg = f"width must be at least 0; got {values['width'].min():g}"
        raise InputError(msg)
    if not (np.ndim(rho) == 0 and 0 <= real_numbers(rho, "rho") < 1):
        msg = f"rho must be one number in [0, 1); got {rho}"
        raise InputError(msg)
    if weights is None:
        n = whole_number(n_inputs, "n_inputs", 1)
        w = np.full(n, n**-0.5)
    else:
        w = real_numbers(weights, "weights")
        if w.ndim != 1 or w.size == 0 or not np.isfinite(w).all() or not w.any():
            msg = f"weights must be finite numbers along one dim, not all 0; got shape {w.shape}"
            raise InputError(msg)
    return _Question(**values, rho=float(rho), weights=w)
