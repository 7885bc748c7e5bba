"""Recordings of populations whose dynamic range and invariance are known."""

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats
from scipy.special import ndtri

from artiphys.arguments import Faults, generator, real_number, whole_number
from artiphys.errors import InputError
from artiphys.estimators.moments import variance_and_correlation
from artiphys.rectification.moments import rectified_moments
from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance

__all__ = ["Relation", "SimulatedRecording", "related", "simulate_responses"]

Relation = Literal["rectification", "none"] | float

SPREAD_OF_RATES = 0.8  # SD across units of the log mean rate
SPREAD_OF_SIGMA = 0.3  # SD across units of the log SD of the input to the threshold
SPREAD_OF_GAIN = 0.3  # SD across units and positions of the log gain away from the reference
TUNING = (0.6, 0.4)  # coefficient of variation across images: median, and SD of its log
MU_OVER_SIGMA = (0.0, 0.7)  # mean and SD across units
MAX_SIZE = 1e6  # of a rate or a window: far beyond it spikes cannot be counted
MAX_FANO = 100  # beyond it nearly all counts are 0
RHO_RECTIFICATION = (45.0, 15.0)  # beta distributions of the correlation one position away
RHO_NONE = (2.0, 1.5)


class SimulatedRecording(NamedTuple):
    """A response array, and the truth behind it."""

    responses: xr.DataArray
    truth: xr.Dataset


def simulate_responses(
    *,
    relation: Relation = "rectification",
    n_units: int = 80,
    n_images: int = 60,
    n_positions: int = 2,
    repeats: int | Sequence[int] = 5,
    rate: float = 10.0,
    window: float = 0.2,
    fano: float = 1.0,
    n_sessions: int = 1,
    area: str = "simulated",
    rng: Any = None,
) -> SimulatedRecording:
    r"""Return a simulated recording and its truth.

    With ``relation="rectification"`` a unit's rate is a rectified Gaussian,

    .. math:: \lambda_{uip} = \max(0, \mu_u + \sigma_u S_{uip}), \quad
              \operatorname{corr}(S_{ui0}, S_{uip}) = \rho_u^p

    with μ/σ differing among units, so that those of wide dynamic range are the invariant ones. With
    ``relation="none"`` mean, shape and correlation of the rates (a gamma distribution each) are
    drawn independently, so that dynamic range and invariance are independent. A number asks for
    such rates with this Spearman correlation between dynamic range and invariance, over all units
    and images there could be. Spikes are then counted in a window.

    Parameters
    ----------
    relation : {"rectification", "none"} or float
    n_units, n_images, n_positions : int
        Positions are labelled 0, 1, ..., at as many degrees; 0 is the reference.
    repeats : int or (int, int)
        Trials in each cell, or the fewest and the most, drawn for each image and position of a
        session.
    rate : float
        Median over units of the mean rate ("none") or of σ ("rectification"), in spikes/s: the
        signal-to-noise ratio of Poisson counts is in proportion to it. At most a million.
    window : float
        In seconds, at most a million.
    fano : float
        Variance of the counts over their mean: 1 for Poisson, above it, to 100, for negative
        binomial.
    n_sessions : int
        Units are shared out among them; each has its own numbers of repeats.
    area : str
    rng : seed or numpy.random.Generator

    Returns
    -------
    SimulatedRecording
        ``responses``, a valid response array in spikes/s, and ``truth``, a Dataset of ``rate``
        (unit, image, position), which is one too but for its name (``rename("response")`` to save
        it), ``dynamic_range`` (unit) and ``invariance`` (unit, position) of these rates, that is on
        these images, and ``expected_dynamic_range`` and ``expected_invariance`` over all images
        there could be.

    Raises
    ------
    InputError
        If an argument is no number or out of range; every fault is listed.

    References
    ----------
    de la Rocha, J., Doiron, B., Shea-Brown, E., Josić, K. & Reyes, A. (2007). Correlation between
    neural spike trains increases with firing rate. Nature 448, 802-806.
    https://doi.org/10.1038/nature06028

    Examples
    --------
    >>> responses, truth = simulate_responses(n_units=3, n_images=8, repeats=(2, 4), rng=0)
    >>> dict(responses.sizes)
    {'unit': 3, 'image': 8, 'position': 2, 'trial': 4}
    >>> truth["rate"].dims
    ('unit', 'image', 'position')
    """
    fewest, most = _range(repeats)
    sizes = {
        "n_units": n_units, "n_images": n_images, "n_positions": n_positions,
        "n_sessions": n_sessions, "repeats": fewest,
    }  # fmt: skip
    _check(relation, sizes, rate, window, fano)
    seed = rng if isinstance(rng, int | None) else str(rng)
    rng = generator(rng)
    sizes_drawn = n_units, n_images, n_positions
    if relation == "rectification":
        rates = _rectified_rates(rng, *sizes_drawn, rate)
    else:
        rates = _gamma_rates(rng, *sizes_drawn, rate, None if relation == "none" else relation)
    session = np.arange(n_units) * n_sessions // n_units
    n_trials = rng.integers(fewest, most, (n_sessions, n_images, n_positions), endpoint=True)
    counts = _counts(rng, rates.rate * window, n_trials[session], fano)
    arguments = {
        "relation": relation, "n_units": n_units, "n_images": n_images,
        "n_positions": n_positions, "repeats": [fewest, most], "rate": rate, "window": window,
        "fano": fano, "n_sessions": n_sessions, "area": area, "rng": seed,
    }  # fmt: skip
    responses = response_array(
        counts / window,
        unit=[f"simulated_{s}/{u}" for u, s in enumerate(session)],
        image=[f"image_{i}" for i in range(n_images)],
        position=range(n_positions),
        x=range(n_positions),
        y=[0.0] * n_positions,
        displacement_units="deg",
        area=area,
        source=[f"simulated_{s}" for s in session],
        units="spikes/s",
        reference=0,
        provenance=provenance("artiphys.simulate_responses", arguments=arguments),
    )
    return SimulatedRecording(responses, _truth(responses, rates))


def related(x: np.ndarray, y: np.ndarray, spearman: float, noise: np.ndarray) -> np.ndarray:
    r"""Return an order of `y` in which it has a given rank correlation with `x`, over all draws.

    Both are the ranks of a bivariate normal, whose correlation is

    .. math:: r = 2 \sin(\pi r_s / 6)

    Parameters
    ----------
    x, y : numpy.ndarray, (unit)
    spearman : float
        Spearman's correlation over units at large; that of the units at hand varies about it as
        that of a sample does.
    noise : numpy.ndarray, (unit)
        Standard normal, what the order hangs on beside `x`.

    Returns
    -------
    numpy.ndarray of int, (unit)
        ``y[index]`` goes with ``x``.

    References
    ----------
    Pearson, K. (1907). On further methods of determining correlation. Drapers' Company Research
    Memoirs, Biometric Series IV.
    """
    r = 2 * np.sin(np.pi * spearman / 6)
    score = ndtri((stats.rankdata(x) - 0.5) / max(len(x), 1))
    mixed = r * score + np.sqrt(1 - r**2) * noise
    index = np.empty(len(x), dtype=int)
    index[np.argsort(mixed)] = np.argsort(y)
    return index


class _Rates(NamedTuple):
    rate: np.ndarray  # (unit, image, position)
    dynamic_range: np.ndarray  # (unit), expected
    invariance: np.ndarray  # (unit, position), expected
    parameters: dict[str, np.ndarray]  # (unit)


def _rectified_rates(
    rng: np.random.Generator, n_unit: int, n_image: int, n_position: int, rate: float
) -> _Rates:
    ratio = rng.normal(*MU_OVER_SIGMA, n_unit)
    sigma = rate * np.exp(rng.normal(0.0, SPREAD_OF_SIGMA, n_unit))
    rho = rng.beta(*RHO_RECTIFICATION, n_unit)
    shared = rho[:, None] ** np.arange(n_position)
    drive = rng.normal(size=(n_unit, n_image, n_position))
    drive = shared[:, None] * drive[:, :, :1] + np.sqrt(1 - shared**2)[:, None] * drive
    rates = sigma[:, None, None] * np.maximum(0.0, ratio[:, None, None] + drive)
    moments = rectified_moments(ratio[:, None], ratio[:, None], 1.0, 1.0, shared)
    parameters = {"mu_over_sigma": ratio, "sigma": sigma, "rho": rho}
    return _Rates(rates, sigma**2 * moments.var1[:, 0], moments.corr, parameters)


def _gamma_rates(
    rng: np.random.Generator,
    n_unit: int,
    n_image: int,
    n_position: int,
    rate: float,
    spearman: float | None,
) -> _Rates:
    """Gamma rates: a beta share of the one at the reference, and a gamma part of its own."""
    mean = rate * np.exp(rng.normal(0.0, SPREAD_OF_RATES, n_unit))
    tuning = TUNING[0] * np.exp(rng.normal(0.0, TUNING[1], n_unit))
    rho = rng.beta(*RHO_NONE, n_unit)
    if spearman is not None:
        rho = rho[related((mean * tuning) ** 2, rho, spearman, rng.standard_normal(n_unit))]
    shape = (tuning**-2)[:, None, None]
    shared = (rho[:, None] ** np.arange(1, n_position))[:, None]
    at_reference = rng.gamma(shape, size=(n_unit, n_image, 1))
    share = rng.beta(shared * shape, (1 - shared) * shape, (n_unit, n_image, n_position - 1))
    own = rng.gamma((1 - shared) * shape, size=share.shape)
    gain = np.exp(rng.normal(0.0, SPREAD_OF_GAIN, (n_unit, 1, n_position - 1)))
    elsewhere = gain * (share * at_reference + own)
    rates = mean[:, None, None] / shape * np.concatenate([at_reference, elsewhere], axis=2)
    invariance = rho[:, None] ** np.arange(n_position)
    parameters = {"mean_rate": mean, "tuning": tuning, "rho": rho}
    return _Rates(rates, (mean * tuning) ** 2, invariance, parameters)


def _counts(
    rng: np.random.Generator, expected: np.ndarray, n_trials: np.ndarray, fano: float
) -> np.ndarray:
    trial = np.arange(n_trials.max())
    mean = np.broadcast_to(expected[..., None], (*expected.shape, trial.size))
    if fano > 1:
        mean = (fano - 1) * rng.gamma(np.maximum(mean, np.finfo(float).tiny) / (fano - 1))
    return np.where(trial < n_trials[..., None], rng.poisson(mean), np.nan)


def _truth(responses: xr.DataArray, rates: _Rates) -> xr.Dataset:
    variance, correlation = variance_and_correlation(rates.rate, 0)
    away = np.arange(rates.rate.shape[2]) > 0
    truth = xr.Dataset(
        {
            "rate": (("unit", "image", "position"), rates.rate, responses.attrs),
            "dynamic_range": ("unit", variance),
            "expected_dynamic_range": ("unit", rates.dynamic_range),
            **{name: ("unit", values) for name, values in rates.parameters.items()},
        },
        coords=responses.coords,
        attrs={"reference": 0, "provenance": responses.attrs["provenance"]},
    )
    # The reference has no invariance; with NaN there, one position label serves all variables.
    for name, values in (("invariance", correlation), ("expected_invariance", rates.invariance)):
        truth[name] = (("unit", "position"), np.where(away, values, np.nan))
    return truth


def _range(repeats: Any) -> tuple[int, int]:
    """Return the fewest and the most trials; that they are enough is checked with the rest."""
    pair = isinstance(repeats, Sequence | np.ndarray) and not isinstance(repeats, str)
    ends = tuple(repeats) if pair and np.ndim(repeats) == 1 else (repeats, repeats)
    try:
        fewest, most = (whole_number(end, "repeats", -(2**62)) for end in ends)
    except ValueError:
        fewest, most = 1, 0
    if fewest > most:
        msg = f"repeats must be a whole number, or the fewest and the most; got {repeats!r}"
        raise InputError(msg)
    return fewest, most


def _check(relation: Any, sizes: dict[str, Any], rate: Any, window: Any, fano: Any) -> None:
    faults = Faults()
    if isinstance(relation, Real):
        faults.of(real_number, relation, "relation", least=-1, most=1)
    elif relation not in ("rectification", "none"):
        faults.add(f"relation must be 'rectification', 'none' or a number; got {relation!r}")
    for name, size in sizes.items():
        faults.of(whole_number, size, name, 1)
    faults.of(real_number, rate, "rate", least=0, above=True, most=MAX_SIZE)
    faults.of(real_number, window, "window", least=0, above=True, most=MAX_SIZE)
    faults.of(real_number, fano, "fano (1 for Poisson)", least=1, most=MAX_FANO)
    if not faults.found and sizes["n_sessions"] > sizes["n_units"]:
        faults.add(
            f"n_sessions must not exceed the {sizes['n_units']} units; got {sizes['n_sessions']}"
        )
    faults.refuse()
