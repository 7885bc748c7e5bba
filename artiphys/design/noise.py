"""The noise of trials: how it goes with the mean response, and trials drawn with it.

Spike counts vary by more than their mean, and the more so the higher it is: variance = a mean +
b mean², a Fano factor at low rates and a gain that fluctuates from trial to trial at high ones.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["TrialNoise", "noise_of"]

WHOLE = 1e-3  # of a count: what rounding in spikes/s leaves


@dataclass(frozen=True)
class TrialNoise:
    r"""How the variance of a trial goes with the mean response of its cell.

    .. math:: \sigma^2_{uip} = c_u + a_u \lambda_{uip} + b_u \lambda_{uip}^2

    Attributes
    ----------
    linear, quadratic, constant : numpy.ndarray, (unit)
        a, b and c, in units of response; c only where mean responses are partly negative.
    spike : float or numpy.ndarray, (unit)
        What one spike adds to a response: 1, or 1 / window for rates. NaN if they are no counts.
    """

    linear: np.ndarray
    quadratic: np.ndarray
    constant: np.ndarray
    spike: np.ndarray

    @property
    def is_counts(self) -> bool:
        """Whether trials are spike counts, or rates made of them."""
        return bool(np.isfinite(self.spike).all())

    @property
    def is_positive(self) -> bool:
        """Whether mean responses cannot be negative."""
        return not self.constant.any()

    def of_units(self, index: np.ndarray) -> "TrialNoise":
        """Return the noise of some units, by number."""
        return TrialNoise(
            *(each[index] for each in (self.linear, self.quadratic, self.constant, self.spike))
        )

    def variance(self, rates: np.ndarray) -> np.ndarray:
        """Return the variance of a trial around `rates` (unit, image, position)."""
        linear, quadratic, constant = (
            each[:, None, None] for each in (self.linear, self.quadratic, self.constant)
        )
        return constant + linear * rates + quadratic * rates**2

    def trials(
        self, rates: np.ndarray, measured: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return trials drawn around rates.

        Parameters
        ----------
        rates : numpy.ndarray, (unit, image, position)
            NaN where there is nothing to draw.
        measured : numpy.ndarray of bool, (unit, image, position, trial)
        rng : numpy.random.Generator

        Returns
        -------
        numpy.ndarray, (unit, image, position, trial)
            NaN where not measured.
        """
        measured = measured & np.isfinite(rates)[..., None]
        rates = np.nan_to_num(rates)
        shape = measured.shape
        if self.is_counts:
            spike = self.spike[:, None, None]
            variance = self.variance(rates) / spike**2
            drawn = _counts(rates / spike, variance, shape, rng) * spike[..., None]
        else:
            drawn = rng.standard_normal(shape)
            drawn *= np.sqrt(self.variance(rates))[..., None]
            drawn += rates[..., None]
        return np.where(measured, drawn, np.nan)


def noise_of(values: np.ndarray) -> TrialNoise:
    """Return the noise of a recording's trials.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured. Some cell must have 2 trials.

    Returns
    -------
    TrialNoise
        Of a unit without a cell of 2 trials that of the median unit; as much of it over all of a
        unit's cells as was measured.
    """
    sums = _power_sums(values)
    n, total = sums[:2]
    if (total < 0).any():
        none = np.zeros(len(values))
        constant = _filled(_mean_over(_variance(sums), n > 1, n - 1))
        return TrialNoise(none, none, constant, np.full(len(values), np.nan))
    linear, quadratic = _mean_variance_line(sums)
    return TrialNoise(linear, quadratic, np.zeros(len(values)), _spikes(values))


def _power_sums(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the number of trials of each cell, and the sums of their first three powers."""
    known = ~np.isnan(values)
    values = np.where(known, values, 0.0)
    return known.sum(-1), values.sum(-1), (values**2).sum(-1), (values**3).sum(-1)


def _variance(sums: tuple[np.ndarray, ...]) -> np.ndarray:
    n, first, second, _ = sums
    return (second - first**2 / np.maximum(n, 1)) / np.maximum(n - 1, 1)


def _mean_variance_line(sums: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    r"""Return a and b of each unit, neither negative: least squares of variance on mean and mean².

    .. math:: \sum \sigma^2 = a \sum \lambda + b \sum \lambda^2, \quad
              \sum \sigma^2 \lambda = a \sum \lambda^2 + b \sum \lambda^3

    over cells. Products are of distinct trials, so that no noise is multiplied with itself: with
    few trials it would make low rates look too noisy.
    """
    n, first, second, third = sums
    variance = _variance(sums)
    pairs, triples = np.maximum(n * (n - 1), 1), np.maximum(n * (n - 1) * (n - 2), 1)
    squared = (first**2 - second) / pairs
    cubed = (first**3 - 3 * first * second + 2 * third) / triples
    product = (first * second - third) / pairs - cubed
    mean = first / np.maximum(n, 1)

    two, three = n > 1, n > 2
    v, m, mm = (_mean_over(each, two, n - 1) for each in (variance, mean, squared))
    vm, m2, m3 = (_mean_over(each, three, n - 1) for each in (product, squared, cubed))
    with np.errstate(invalid="ignore", divide="ignore"):
        quadratic = (vm * m - v * m2) / (m3 * m - mm * m2)
        most = np.where(mm > 0, v / mm, 0.0)  # all of the noise there is
        quadratic = np.where(np.isfinite(quadratic), np.clip(quadratic, 0.0, most), 0.0)
        linear = np.where(m > 0, np.maximum(v - quadratic * mm, 0.0) / m, np.nan)
    return _filled(linear), _filled(np.where(np.isfinite(linear), quadratic, np.nan))


def _mean_over(values: np.ndarray, cells: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Return each unit's mean over some cells, weighted by degrees of freedom; NaN without any."""
    weight = np.where(cells, freedom, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weight * values).sum((1, 2)) / weight.sum((1, 2))


def _filled(of_unit: np.ndarray) -> np.ndarray:
    """Return numbers of units, those unknown as in the median unit."""
    known = np.isfinite(of_unit)
    return np.where(known, of_unit, np.median(of_unit[known]) if known.any() else 0.0)


def _spikes(values: np.ndarray) -> np.ndarray:
    """Return what a spike adds to the responses of each unit; all NaN if one has no counts.

    The smallest difference between two responses of a unit, of which all are then multiples; as
    the windows of sessions may differ.
    """
    spikes = np.full(len(values), np.nan)
    for unit, of_unit in enumerate(values):
        steps = np.diff(np.unique(np.append(of_unit[~np.isnan(of_unit)], 0.0)))
        steps = steps[steps > WHOLE * steps.max(initial=0.0)]
        if steps.size:
            counts = of_unit / steps.min()
            if np.nanmax(np.abs(counts - np.round(counts))) > WHOLE:
                return np.full(len(values), np.nan)
            spikes[unit] = steps.min()
    return _filled(spikes) if np.isfinite(spikes).any() else spikes


def _counts(
    mean: np.ndarray, variance: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Return counts of that mean and variance: negative binomial above Poisson, binomial below.

    The number of a binomial is made whole at random, and its mean kept by that.
    """
    mean, variance = mean[..., None], variance[..., None]
    excess = variance - mean
    over, under = excess > 0, excess < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(over & (mean > 0), excess / mean, 1.0)
        chance = np.where(under, -excess / mean, 1.0)
    gamma = rng.gamma(np.where(over, mean / scale, 0.0), scale, size=shape)
    counts = rng.poisson(np.where(over, gamma, mean))
    if under.any():
        number = np.floor(mean / chance + rng.random(shape)).astype(int)
        counts = np.where(under, rng.binomial(number, np.broadcast_to(chance, shape)), counts)
    return counts.astype(float)
