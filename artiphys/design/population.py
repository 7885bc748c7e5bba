"""Units as they are without noise, taken apart so that one part can be exchanged for another.

A unit's response away from the reference is a part that follows its response at the reference and a
tuning of its own. Its invariance is the share of the two, and changes alone.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from artiphys.design.moments import correlation, deviation, mean, standardised
from artiphys.design.new_images import on_new_images
from artiphys.design.noise import TrialNoise

__all__ = ["Population"]

N_IMAGES_LARGE = 250  # enough to tell what cutting rates off at 0 does to them at large
N_STEPS = 20  # of the search for rates whose moments are right once they are cut off
CLOSE = 5e-3  # of a correlation, or of a moment as a share of the standard deviation


@dataclass(frozen=True)
class Population:
    r"""Units as they are without noise, and their noise.

    .. math:: \lambda_{uip} = m_{up} + s_{up} \left(\rho_{up} z_{ui}
                              + \sqrt{1 - \rho_{up}^2}\, z^\perp_{uip}\right)

    Attributes
    ----------
    mean, deviation : numpy.ndarray, (unit, position)
        m and s, of the signal across images; s is 0 where none was seen.
    invariance : numpy.ndarray, (unit, position)
        ρ; 1 at the reference.
    tuning : numpy.ndarray, (unit, image)
        z at the reference, of mean 0 and variance 1 across images; NaN where not measured.
    own_tuning : numpy.ndarray, (unit, image, position)
        z⊥, likewise, and uncorrelated with z.
    n : numpy.ndarray of int, (unit, image, position)
        Trials of each cell.
    noise : TrialNoise
    at : int
        The reference position.
    copy : numpy.ndarray of int, (unit)
        Which copy of a recorded unit it is; the first is 0.
    """

    mean: np.ndarray
    deviation: np.ndarray
    invariance: np.ndarray
    tuning: np.ndarray
    own_tuning: np.ndarray
    n: np.ndarray
    noise: TrialNoise
    at: int
    copy: np.ndarray

    def of_units(self, index: np.ndarray) -> "Population":
        """Return some units, by number; what is named more than once becomes copies."""
        parts = ("mean", "deviation", "invariance", "tuning", "own_tuning", "n")
        taken = {name: getattr(self, name)[index] for name in parts}
        copy = np.array([np.sum(index[:at] == unit) for at, unit in enumerate(index)], dtype=int)
        return replace(self, **taken, noise=self.noise.of_units(index), copy=copy)

    def with_invariance(self, invariance: np.ndarray) -> "Population":
        """Return the same units with another invariance (unit, position)."""
        return replace(self, invariance=invariance)

    def rates(self) -> np.ndarray:
        """Return the rates to the images that were shown (unit, image, position).

        Rates cannot be negative. Those that would be are cut off, and the rest moved until mean,
        variance and correlation are what they were, as far as positive rates can have them.
        """
        return self._positive(_Parts.of(self, self.tuning, self.own_tuning))

    def rates_on_new_images(self, n_images: int, rng: np.random.Generator) -> np.ndarray:
        """Return rates to images that were never shown (unit, image, position).

        A unit's standardised responses have the distribution that they had on the images shown, and
        units whose tunings went together still do. The population's moments hold over images at
        large. Copies of a unit are tuned independently of each other.
        """
        n = max(n_images, N_IMAGES_LARGE)
        seed = int(rng.integers(2**63))  # one for all positions, whose own tunings go together
        own = np.zeros((len(self.mean), n, self.mean.shape[1]))  # none at the reference
        for position in np.flatnonzero(np.arange(own.shape[2]) != self.at):
            shared, tuning = np.random.default_rng(seed), self.own_tuning[:, :, position]
            own[:, :, position] = on_new_images(tuning, n, self.copy, shared, rng)
        tuning = on_new_images(self.tuning, n, self.copy, rng, rng)
        return self._positive(_Parts.of(self, tuning, own))[:, :n_images]

    def _positive(self, parts: "_Parts") -> np.ndarray:
        rates = parts.rates()
        if self.noise.is_positive:
            below = np.flatnonzero(np.nanmin(rates, axis=(1, 2), initial=0.0) < 0)
            rates[below] = _cut_off(rates[below], parts.of_units(below), self.at)
        return rates


class _Parts(NamedTuple):
    """What rates are made of; see :class:`Population`."""

    mean: np.ndarray
    deviation: np.ndarray
    invariance: np.ndarray
    tuning: np.ndarray
    own_tuning: np.ndarray

    @classmethod
    def of(cls, units: Population, tuning: np.ndarray, own_tuning: np.ndarray) -> "_Parts":
        return cls(units.mean, units.deviation, units.invariance, tuning, own_tuning)

    def of_units(self, index: np.ndarray) -> "_Parts":
        return _Parts(*(part[index] for part in self))

    def rates(self) -> np.ndarray:
        own = np.sqrt(1 - self.invariance**2)[:, None] * self.own_tuning
        shared = self.invariance[:, None] * self.tuning[..., None]
        return self.mean[:, None] + self.deviation[:, None] * (shared + own)


def _cut_off(rates: np.ndarray, parts: _Parts, at: int) -> np.ndarray:
    """Return rates without negative ones, of the same moments: parts are moved until they agree."""
    aim = _moments(rates, at)
    scale = np.where(aim[1] > 0, aim[1], 1.0)
    rates = rates.copy()
    left = np.arange(len(rates))  # the units that are not close yet
    for _ in range(N_STEPS):
        moved = np.maximum(parts.rates(), 0.0)
        rates[left] = moved
        found = _moments(moved, at)
        off = [wanted[left] - came for wanted, came in zip(aim, found, strict=True)]
        far = np.max([np.abs(off[0]), np.abs(off[1]), np.abs(off[2]) * scale[left]], axis=0)
        still = (far > CLOSE * scale[left]).any(1)
        if not still.any():
            break
        wider = np.where(found[1] > 0, aim[1][left] / np.where(found[1] > 0, found[1], 1.0), 1.0)
        parts = parts._replace(
            mean=parts.mean + off[0],
            deviation=parts.deviation * wider,
            invariance=np.clip(parts.invariance + off[2], -1.0, 1.0),
        ).of_units(still)
        left = left[still]
    return rates


def _moments(rates: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, standard deviation and correlation with the reference (unit, position)."""
    standard = standardised(rates)
    return mean(rates), deviation(rates), correlation(standard, standard[:, :, [at]])
