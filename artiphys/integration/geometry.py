"""The picture of integration: two inputs in a plane, and many under random weights."""

from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator, real_numbers
from artiphys.errors import InputError
from artiphys.integration.weights import diagonal_invariance, variance_share
from artiphys.rectification.moments import rectified_moments

__all__ = ["integration_geometry", "simulate_integration"]

RHO = tuple(np.linspace(0.05, 0.95, 19).tolist())


def integration_geometry(
    mu_over_sigma: tuple[float, float] = (1.0, -1.0), rho: float = 0.6
) -> xr.Dataset:
    """Return what a unit that sums two inputs makes of them, by the direction of its weights.

    Two rectified, uncorrelated inputs with the same sigma and input correlation differ in mu/sigma,
    and so in variance and invariance. Weights point from the first input (0°) to the second (90°).

    Parameters
    ----------
    mu_over_sigma : (float, float)
        Of the two inputs.
    rho : float
        Correlation of each input's values for image and shifted image, in [0, 1].

    Returns
    -------
    xarray.Dataset, (input) and (angle)
        ``variance`` and ``invariance`` of the inputs, variances in units of sigma²; by ``angle``,
        in degrees, ``share``, of the first input in the output's variance, ``output_variance`` of
        weights whose squares sum to 1, and ``output_invariance``; ``mean_output_invariance`` over
        all directions, ``mean_input_invariance`` over the two inputs.

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
            "output_variance": ("angle", weights**2 @ moments.var1),
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

    Each unit's inputs have mu/sigma from a normal distribution, the same sigma and the same
    correlation with their values for the shifted image. They are uncorrelated with each other, so
    that the diagonal formula is exact; weights are standard normal. Nothing else is random: the
    moments of every input are exact.

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

    Examples
    --------
    Inputs that differ in mu/sigma lose less of the input correlation:

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
    # The same draws for all settings, so that curves differ by the settings alone.
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
