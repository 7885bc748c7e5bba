"""The population that a recording is of: its units, freed of the noise of their trials."""

from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.stats import norm

from artiphys.design.moments import correlation, mean, standardised
from artiphys.design.noise import noise_of
from artiphys.design.population import Population
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance

__all__ = ["population_of"]

MIN_UNITS = 3  # with a known error, to tell differences between units from it
SMALLEST_ERROR = 1e-6  # of an invariance: responses without any noise


def population_of(responses: xr.DataArray, at: int) -> Population:
    """Return the population that a recording is of.

    Dynamic range and invariance have the noise taken off. Where that leaves so little variance that
    it might be none, or less, it is taken to be what is expected of a positive one. What noise adds
    to the differences *between* units in invariance is taken off too: each is drawn towards the
    mean, by as much as it is uncertain, until the variance across units is that of invariance
    itself. Otherwise units of one and the same invariance would come out as units of many.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        The units of one group.
    at : int
        Index of the reference position.
    """
    known = responses.notnull().values
    n = known.sum(-1)
    total = np.where(known, responses.values, 0.0).sum(-1)
    cells = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    variance, found = _corrected(responses, at)
    tuning, own_tuning = _tunings(cells, at)
    population = Population(
        mean=mean(cells),
        deviation=np.sqrt(np.maximum(np.nan_to_num(variance), 0.0)),
        invariance=found,
        tuning=tuning,
        own_tuning=own_tuning,
        n=n,
        noise=noise_of(responses.values),
        at=at,
        copy=np.zeros(len(cells), dtype=int),
    )
    population = replace(population, deviation=_positive_deviation(population, variance))
    return population.with_invariance(_without_error(population))


def _corrected(responses: xr.DataArray, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Return signal variance and signal correlation with the reference (unit, position)."""
    labels = responses["position"].values.tolist()
    variance = [
        dynamic_range(responses, reference=label, noise="corrected").values for label in labels
    ]
    away = invariance(responses, reference=labels[at], noise="corrected").values
    return np.stack(variance, axis=1), np.insert(away, at, 1.0, axis=1)


def _tunings(cells: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the standardised tuning at the reference, and what is beside it elsewhere."""
    tuning = np.broadcast_to(cells[:, :, [at]], cells.shape)
    both = ~np.isnan(cells + tuning)
    tuning = standardised(np.where(both, tuning, np.nan))
    own = _beside(np.where(both, cells, np.nan), tuning)
    # Responses that are those at the reference to the last digit leave nothing: any other serves.
    other = _beside(np.where(both, np.roll(np.nan_to_num(tuning), 1, axis=1), np.nan), tuning)
    nothing = ~(np.abs(np.nan_to_num(own)).max(1, keepdims=True) > 0)
    return tuning[:, :, at], np.where(nothing, other, own)


def _beside(values: np.ndarray, tuning: np.ndarray) -> np.ndarray:
    """Return the standardised part of values that is uncorrelated with a standardised tuning."""
    values = standardised(values)
    rest = values - correlation(values, tuning)[:, None] * tuning
    return standardised(np.where(np.abs(rest) > SMALLEST_ERROR, rest, 0.0 * rest))


def _positive_deviation(population: Population, variance: np.ndarray) -> np.ndarray:
    r"""Return the standard deviation of signals, none of them 0 where noise could hide one.

    .. math:: E[V \mid \hat V, V > 0] = \hat V + e \, \phi(\hat V / e) / \Phi(\hat V / e)

    with e the standard error of the variance that was found. A unit without any signal has no
    invariance; were there some among those of narrow dynamic range, as negative variances would
    suggest, they would make a relation of their own.
    """
    found = np.nan_to_num(variance)
    error = np.zeros_like(found)
    for position in range(found.shape[1]):
        at_reference = position == population.at
        tuning = population.tuning if at_reference else population.own_tuning[:, :, position]
        noise, squared = _noise(population, position, tuning)
        signal = (population.deviation[:, position, None] * tuning) ** 2
        n = np.isfinite(tuning).sum(1)
        total = np.nansum(4 * signal * noise + 2 * squared, axis=1)
        error[:, position] = np.sqrt(total) / np.maximum(n - 1, 1)
    known = error > 0
    ratio = np.where(known, found / np.where(known, error, 1.0), 0.0)
    expected = found + error * np.exp(norm.logpdf(ratio) - norm.logcdf(ratio))
    return np.sqrt(np.maximum(np.where(known & np.isfinite(variance), expected, found), 0.0))


def _without_error(population: Population) -> np.ndarray:
    """Return invariances with the variance across units that their errors do not explain."""
    shrunk = np.ones_like(population.invariance)
    for position, found in enumerate(population.invariance.T):
        if position != population.at:
            shrunk[:, position] = _shrunk(found, population, position)
    return np.clip(shrunk, -1.0, 1.0)


def _shrunk(found: np.ndarray, population: Population, position: int) -> np.ndarray:
    typical = float(np.nanmedian(np.clip(found, -1, 1))) if np.isfinite(found).any() else 0.0
    error = _error(population, position, typical)
    known = np.isfinite(found) & np.isfinite(error)
    if known.sum() < MIN_UNITS:
        return np.where(np.isfinite(found), found, typical)
    centre, between = _between_units(found[known], error[known])
    factor = np.zeros(len(found))
    factor[known] = np.sqrt(between / (between + error[known] ** 2))
    return centre + factor * (np.where(known, found, centre) - centre)


def _between_units(effect: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of effects without their errors (Paule and Mandel)."""
    from statsmodels.stats.meta_analysis import combine_effects  # slow to load

    found = combine_effects(effect, np.maximum(error, SMALLEST_ERROR) ** 2, method_re="iterated")
    return float(found.mean_effect_re), max(0.0, float(found.tau2))


def _error(population: Population, position: int, rho: float) -> np.ndarray:
    r"""Return the standard error of signal correlations around `rho` (unit).

    To second order in the noise v of cells, with the standardised signals z and z',

    .. math:: \frac{1}{(n - 1)^2} \sum_i \left[\frac{v_i}{V} (z'_i - \rho z_i)^2
              + \frac{v'_i}{V'} (z_i - \rho z'_i)^2 + \frac{v_i v'_i}{V V'}
              + \frac{\rho^2}{2} \left(\frac{v_i^2}{V^2} + \frac{v'^2_i}{V'^2}\right)\right]

    the last term larger by 1 / (m - 1), as v is itself estimated from m trials. Infinite where no
    signal was seen. One `rho` for all, or units that came out near 1 by chance would seem certain.
    """
    one = population.tuning
    other = rho * one + np.sqrt(1 - rho**2) * population.own_tuning[:, :, position]
    (noise, noise_squared), (noise_away, noise_away_squared) = (
        _relative_noise(population, p, tuning)
        for p, tuning in ((population.at, one), (position, other))
    )
    with np.errstate(invalid="ignore"):  # without signal the noise is infinitely more
        terms = noise * (other - rho * one) ** 2 + noise_away * (one - rho * other) ** 2
        terms += noise * noise_away + rho**2 / 2 * (noise_squared + noise_away_squared)
    shown = np.isfinite(one + other)
    total = np.where(shown, terms, 0.0).sum(1)
    return np.sqrt(np.where(np.isfinite(total), total, np.inf)) / np.maximum(shown.sum(1) - 1, 1)


def _relative_noise(
    population: Population, position: int, tuning: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return :func:`_noise` over the signal variance, and over its square."""
    noise, squared = _noise(population, position, tuning)
    variance = population.deviation[:, position, None] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return noise / variance, squared / variance**2


def _noise(
    population: Population, position: int, tuning: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance v of cells' means, and v² with what its own estimate adds."""
    rates = population.mean[:, position, None] + population.deviation[:, position, None] * tuning
    if population.noise.is_positive:
        rates = np.maximum(rates, 0.0)
    trials = population.n[:, :, position]
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = population.noise.variance(rates[..., None])[..., 0] / trials
    return noise, noise**2 * (1 + 1 / np.maximum(trials - 1, 1))
