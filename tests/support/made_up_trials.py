"""Values (unit, image, position, trial) that tests of noise share, and values to rank."""

import numpy as np

__all__ = ["quantities", "spiking", "trials"]


def trials(seed, n_unit=4, n_image=9, n_position=3, n_trial=6, gaps=0.3):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_unit, n_image, n_position, n_trial)) + 5 * rng.normal(
        size=(n_unit, n_image, 1, 1)
    )
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def spiking(rng, mean_rate, n_unit, n_image, repeats, tuning=0.7):
    """Return counts of units that answer to few images much, and at both positions alike."""
    rate = mean_rate * np.exp(tuning * rng.normal(size=(n_unit, n_image, 1)) - tuning**2 / 2)
    counts = rng.poisson(np.broadcast_to(rate[..., None], (n_unit, n_image, 2, max(repeats))))
    n = rng.integers(repeats[0], repeats[1] + 1, (1, n_image, 2, 1))
    return np.where(np.arange(max(repeats)) < n, counts, np.nan)


def quantities(seed, n_unit=25, ties=False):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, 4, n_unit)) + rng.normal(size=n_unit)
    keep = rng.random((3, n_unit)) < 0.9
    return (np.round(values, 0) if ties else values), keep
