"""Populations of neurons that nobody tuned an estimator to, for the calibration tables.

A unit's rates at two positions are gamma distributed across images and share a part whose size
makes their correlation rho. Mean rate, width of tuning and rho differ among units; a Gaussian
copula relates rho to dynamic range, so that Spearman's correlation over units at large is what is
asked.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance

__all__ = ["POPULATIONS", "Population", "Recording", "draw", "shown_truth"]


@dataclass(frozen=True)
class Population:
    """What units are like, and how they are recorded."""

    units: int = 80
    images: int = 60
    repeats: tuple[int, int] = (5, 5)  # at the reference, and at the other position
    rate: float = 8.0  # median over units of the mean rate, in spikes/s
    window: float = 0.2  # in s
    spread_of_rates: float = 0.8  # SD over units of the log mean rate
    tuning: tuple[float, float] = (0.6, 0.4)  # coefficient of variation: median, SD of its log
    rho: tuple[float, float] = (2.0, 1.5)  # of a beta distribution
    same_rho: float | None = None  # of all units
    gain: float = 0.0  # SD of a gain drawn anew for each unit and trial
    shared_gain: float = 0.0  # of one drawn for each trial, that of all units
    drift: float = 0.0  # SD of the log of a gain that drifts from repeat to repeat
    fano: float = 1.0
    copies: int = 1  # units of each tuning
    share_copied: float = 1.0  # of the tunings
    sessions: int = 1
    of_sessions: float = 0.0  # share of the variance between units that is between sessions
    silent: float = 0.0  # share of units that hardly fire
    bend: float = 0.0  # of rho with how far dynamic range is from its median, either way


POPULATIONS = {
    "base": Population(),
    "low rates": Population(rate=2.5),
    "3 repeats": Population(repeats=(3, 3), rate=10.0),
    "2 repeats": Population(repeats=(2, 2), rate=15.0),
    "gain noise": Population(gain=0.4, rate=12.0, repeats=(6, 6)),
    "very invariant": Population(rho=(20.0, 3.0), rate=15.0, repeats=(6, 6)),
    "IT, low rates": Population(
        units=120, images=40, rate=4.0, repeats=(10, 10), tuning=(0.9, 0.4)
    ),
    "16 images": Population(images=16, rate=20.0, repeats=(8, 8)),
    "12 and 3 repeats": Population(repeats=(12, 3), rate=10.0),
    "3 and 12 repeats": Population(repeats=(3, 12), rate=10.0),
    "12 and 3, very invariant": Population(repeats=(12, 3), rho=(20.0, 3.0), rate=12.0),
    "3 and 12, very invariant": Population(repeats=(3, 12), rho=(20.0, 3.0), rate=12.0),
    "12 and 3, one invariance": Population(repeats=(12, 3), same_rho=0.85, rate=12.0),
    "3 repeats, very invariant": Population(repeats=(3, 3), rho=(20.0, 3.0), rate=15.0),
    "2 and 10 repeats": Population(repeats=(2, 10), rate=12.0),
    "10 and 2 repeats": Population(repeats=(10, 2), rate=12.0),
    "slow drift, one invariance": Population(repeats=(8, 8), drift=0.3, same_rho=0.85, rate=12.0),
    "shared gain": Population(shared_gain=0.3, rate=12.0),
    "Fano factor 2": Population(fano=2.0, rate=15.0, repeats=(6, 6)),
    "400 units, 30 images": Population(units=400, images=30, rate=20.0),
    "sparse, low": Population(units=150, images=30, rate=4.0, tuning=(1.6, 0.4)),
    "sparse, one invariance": Population(
        units=150, images=30, rate=6.0, tuning=(1.5, 0.4), same_rho=0.7
    ),
    "one dynamic range": Population(
        units=120, images=30, rate=20.0, spread_of_rates=0.05, tuning=(0.6, 0.05)
    ),
    "narrow dynamic range": Population(
        units=120, images=30, rate=40.0, spread_of_rates=0.2, tuning=(0.6, 0.15)
    ),
    "4 units a tuning": Population(units=100, copies=4, rate=15.0),
    "half the units doubled": Population(units=90, copies=2, share_copied=0.5, rate=15.0),
    "5 sessions that differ": Population(sessions=5, of_sessions=0.5, rate=15.0),
    "10 sessions that differ": Population(sessions=10, of_sessions=0.5, rate=15.0),
    "high at both ends": Population(bend=0.8),
    "high at both ends, high rates": Population(bend=0.8, rate=40.0),
    "low at both ends": Population(bend=-0.8),
    "half the units silent": Population(units=120, silent=0.5, rate=12.0),
    "30 units, 20 images": Population(units=30, images=20, rate=15.0),
    "200 units, 100 images": Population(
        units=200, images=100, rate=6.0, repeats=(10, 10), tuning=(0.8, 0.3)
    ),
}


@dataclass(frozen=True)
class Recording:
    """Responses, and the truth about their units over all images there could be."""

    responses: xr.DataArray
    dynamic_range: np.ndarray  # (unit)
    invariance: np.ndarray  # (unit)
    rates: np.ndarray  # (unit, image, position)


def draw(
    population: Population, relation: float, seed: int, *, on_these_images: bool = False
) -> Recording:
    """Return one recording; `relation` is Spearman's correlation over all units there could be.

    Of dynamic range and invariance for all images there could be, or on the images shown.
    """
    rng = np.random.default_rng(seed)
    tunings = _n_tunings(population)
    session = np.arange(tunings) % population.sessions
    mean, tuning, rho = _units(population, 0.0 if on_these_images else relation, session, rng)
    rates = _rates(population, mean, tuning, rho, rng)
    if on_these_images:
        size = _related_to_shown(rates, relation, rng)
        rates, mean = rates * size[:, None, None], mean * size
    copied = round(population.share_copied * tunings) if population.copies > 1 else 0
    of = np.concatenate(
        [np.repeat(np.arange(copied), population.copies), np.arange(copied, tunings)]
    )
    rates, session = rates[of], session[of]
    counts = _counts(population, rates * population.window, rng)
    responses = response_array(
        counts / population.window,
        unit=[f"unit_{u}" for u in range(of.size)],
        image=[f"image_{i}" for i in range(population.images)],
        position=[0, 1],
        x=[0.0, 1.0],
        y=[0.0, 0.0],
        displacement_units="deg",
        area="simulated",
        source=[f"session_{s}" for s in session],
        units="spikes/s",
        reference=0,
        provenance=provenance("benchmarks.populations", arguments={"seed": seed}),
    )
    return Recording(responses, ((mean * tuning) ** 2)[of], rho[of], rates)


def _n_tunings(population: Population) -> int:
    each = 1 + population.share_copied * (population.copies - 1)
    return round(population.units / each)


def _units(
    population: Population, relation: float, session: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean rate, width of tuning and correlation of each tuning."""
    n, between = session.size, population.of_sessions

    def normal() -> np.ndarray:
        of_session = rng.normal(size=population.sessions)[session]
        return np.sqrt(between) * of_session + np.sqrt(1 - between) * rng.normal(size=n)

    of_rate, of_tuning = normal(), rng.normal(size=n)
    mean = population.rate * np.exp(population.spread_of_rates * of_rate)
    tuning = population.tuning[0] * np.exp(population.tuning[1] * of_tuning)
    spreads = np.array([population.spread_of_rates, population.tuning[1]])
    of_range = spreads @ np.stack([of_rate, of_tuning]) / np.linalg.norm(spreads)
    pearson = 2 * np.sin(np.pi * relation / 6)
    distance = (np.abs(of_range) - np.sqrt(2 / np.pi)) / np.sqrt(1 - 2 / np.pi)
    rest = np.sqrt(max(1 - pearson**2 - population.bend**2, 0.0))
    of_rho = pearson * of_range + population.bend * distance + rest * normal()
    rho = stats.beta.ppf(stats.norm.cdf(of_rho), *population.rho)
    if population.same_rho is not None:
        rho = np.full(n, population.same_rho)
    hardly = rng.random(n) < population.silent
    mean = np.where(hardly, 0.02 * mean, mean)
    return mean, tuning, np.clip(rho, 1e-3, 1 - 1e-3)


def _rates(
    population: Population,
    mean: np.ndarray,
    tuning: np.ndarray,
    rho: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    shape, rho = (tuning**-2)[:, None], rho[:, None]
    size = (mean.size, population.images)
    first = rng.gamma(shape, size=size)
    share = rng.beta(rho * shape, (1 - rho) * shape, size)
    second = share * first + rng.gamma((1 - rho) * shape, size=size)
    gain = np.exp(0.3 * rng.normal(size=(mean.size, 1)))
    return np.stack([first, gain * second], axis=-1) * (mean[:, None] / shape)[..., None]


def _related_to_shown(rates: np.ndarray, relation: float, rng: np.random.Generator) -> np.ndarray:
    """Return by how much to multiply each unit's rates (unit) for it to be on the images shown.

    The units' dynamic ranges on these images are dealt out anew, by a Gaussian copula with their
    invariance on them, which no multiple of a unit's rates changes.
    """
    dynamic_range, invariance = shown_truth(rates)
    pearson = 2 * np.sin(np.pi * relation / 6)
    z = stats.norm.ppf((stats.rankdata(invariance) - 0.5) / invariance.size)
    rank = (pearson * z + np.sqrt(1 - pearson**2) * rng.normal(size=z.size)).argsort().argsort()
    return np.sqrt(np.sort(dynamic_range)[rank] / dynamic_range)


def shown_truth(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal variance and the invariance of each unit (unit) on the images shown."""
    deviation = rates - rates.mean(1, keepdims=True)
    squares = (deviation**2).sum(1)
    size = np.sqrt(squares)
    return squares[:, 0], (deviation[..., 0] * deviation[..., 1]).sum(1) / size.prod(1)


def _counts(population: Population, expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n_trial = max(population.repeats)
    mean = np.repeat(expected[..., None], n_trial, axis=-1)
    for spread, shape in (
        (population.gain, mean.shape),
        (population.shared_gain, (1, *mean.shape[1:])),
    ):
        if spread:
            mean = mean * rng.gamma(spread**-2, spread**2, shape)
    if population.drift:
        steps = rng.normal(size=(len(mean), 1, 1, n_trial)).cumsum(-1)
        mean = mean * np.exp(population.drift * steps / np.sqrt(n_trial))
    if population.fano > 1:
        scale = population.fano - 1
        mean = scale * rng.gamma(np.maximum(mean, np.finfo(float).tiny) / scale)
    counts = rng.poisson(mean).astype(float)
    for position, n in enumerate(population.repeats):
        counts[:, :, position, n:] = np.nan
    return counts
