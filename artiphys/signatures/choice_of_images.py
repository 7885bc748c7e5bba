"""How far a signal variance may be off because other images might have been chosen."""

from typing import NamedTuple

import numpy as np

from artiphys.estimators.held_out import Others

__all__ = ["ChoiceOfImages", "choice_of_images"]

MOST_NOISE = 0.1  # relative variance by noise of a variance that tells what images do to it
MIN_TELLING = 6  # units
MEAN_PRIOR = 3.0  # SD of the mean, over what a normal distribution says
SLOPE_PRIOR = 0.3  # SD of the slope, over the mean
LEAST_OF_NORMAL = 0.5
LEAST_OF_MEAN, MOST_OF_MEAN, MOST = 1 / 3, 3.0, 0.45
LEAST_SPREAD = 1e-6
FARTHEST = 2.0  # SDs: beyond it a line has been seen of too few


class ChoiceOfImages(NamedTuple):
    """The squared difference of the variances from two halves of the images, over their sum's.

    A line in the log of the variance: units of wide dynamic range are often those of sparse tuning,
    whose variance hangs more on which images were chosen.
    """

    mean: float
    slope: float = 0.0
    middle: float = 0.0  # mean and SD of the log variance
    spread: float = np.inf

    def relative_variance(self, variance: np.ndarray) -> np.ndarray:
        r"""Return the relative variance that the choice of images gives a true variance.

        Over choices of images it is taken to follow a gamma distribution, of shape k and relative
        variance 1 / k. That of half of the images has shape k / 2, so that

        .. math:: E\Bigl[\Bigl(\frac{V_a - V_b}{V_a + V_b}\Bigr)^2\Bigr] = \frac{1}{k + 1}

        whatever the sum of the two: that units are taken by what was measured does no harm.
        """
        distance = (np.log(variance) - self.middle) / self.spread
        line = self.mean + self.slope * np.clip(distance, -FARTHEST, FARTHEST)
        squared = np.clip(line, LEAST_OF_MEAN * self.mean, min(MOST_OF_MEAN * self.mean, MOST))
        return squared / (1 - squared)


def choice_of_images(others: Others) -> ChoiceOfImages:
    """Return what the units that are well measured tell of it, in all folds.

    It is drawn towards that of responses of a normal distribution, and the slope towards 0, by what
    the number of units leaves open.
    """
    variance, (first, second) = others.moments[..., 0], np.moveaxis(others.halves, -1, 0)
    alone, per_signal = np.moveaxis(others.noise, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_noise = (alone + per_signal * variance) / variance**2
        squared = np.clip((first - second) / (first + second), -1.0, 1.0) ** 2 - by_noise
        well = (variance > 0) & (by_noise < MOST_NOISE) & np.isfinite(squared)
    normal = float(2 / (np.nanmean(others.n_image) + 1))
    if well.sum(1).min() < MIN_TELLING:
        return ChoiceOfImages(normal)
    x, y = np.log(variance[well]), squared[well]
    middle, spread = float(x.mean()), max(float(x.std()), LEAST_SPREAD)
    x = (x - middle) / spread
    mean, slope = float(y.mean()), float(x @ y / x.size)
    error = float((y - mean - slope * x).std() / np.sqrt(well.sum(1).mean()))
    trust = 1 / (1 + (error / (MEAN_PRIOR * normal)) ** 2)
    mean = max(trust * mean + (1 - trust) * normal, LEAST_OF_NORMAL * normal)
    slope /= 1 + (error / (SLOPE_PRIOR * mean)) ** 2
    return ChoiceOfImages(mean, slope, middle, spread)
