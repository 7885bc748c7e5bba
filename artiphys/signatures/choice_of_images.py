"""How far a signal variance may be off because other images might have been chosen."""

from typing import NamedTuple

import numpy as np

from artiphys.estimators.held_out import Others

__all__ = ["ChoiceOfImages", "choice_of_images"]

MOST_NOISE = 0.1  # relative variance by noise of a variance that tells what images do to it
MIN_TELLING = 6  # units in each fold
# Times as for a normal distribution: SD of what is found, and the least; and the slope's SD.
MEAN_PRIOR, LEAST, SLOPE_PRIOR = 3.0, 0.5, 0.3
LEAST_OF_MEAN, MOST_OF_MEAN = 1 / 3, 3.0  # what a line may say beside its mean
MOST = 0.9  # of a relative variance: with more its distribution has no mode
FARTHEST = 2.0  # SDs of the log variance: beyond it a line has been seen of too few
LEAST_SPREAD = 1e-6


class ChoiceOfImages(NamedTuple):
    r"""How much more the choice of images does than for responses of a normal distribution.

    Over choices of n images a signal variance then has the relative variance

    .. math:: \frac{2 c}{n - 1}

    with c a line in the log of the variance, 1 for a normal distribution: units of wide dynamic
    range are often those of sparse tuning, whose variance hangs more on which images were chosen.
    """

    mean: float = 1.0
    slope: float = 0.0
    middle: float = 0.0  # mean and SD of the log variance
    spread: float = np.inf

    def relative_variance(self, variance: np.ndarray, n_image: np.ndarray) -> np.ndarray:
        """Return that of true variances (fold, grid), of units shown so many images (fold, unit).

        Returns
        -------
        numpy.ndarray, (fold, unit, grid)
            Of one unit where all were shown as many.
        """
        distance = (np.log(variance) - self.middle) / self.spread
        line = self.mean + self.slope * np.clip(distance, -FARTHEST, FARTHEST)
        line = np.clip(line, LEAST_OF_MEAN * self.mean, MOST_OF_MEAN * self.mean)
        if (n_image == n_image[:, :1]).all():
            n_image = n_image[:, :1]
        return np.minimum(2 * line[:, None] / (n_image[..., None] - 1), MOST)


def choice_of_images(others: Others) -> ChoiceOfImages:
    r"""Return what the units that are well measured tell of it, from two halves of the images.

    Over choices of images a variance is taken to follow a gamma distribution. Then

    .. math:: E\Bigl[\Bigl(\frac{V_a - V_b}{V_a + V_b}\Bigr)^2\Bigr] = \frac{c}{h + c}, \qquad
              \frac{2}{h} = \frac{1}{n_a - 1} + \frac{1}{n_b - 1}

    whatever the sum of the two: that units are taken by what was measured does no harm. The halves
    of all folds are averaged. The line is drawn towards 1 and level by what the number of units
    leaves open.

    References
    ----------
    Lukacs, E. (1955). A characterization of the gamma distribution. Ann. Math. Stat. 26(2),
    319-324. https://doi.org/10.1214/aoms/1177728549
    """
    variance, (first, second) = others.moments[..., 0], np.moveaxis(others.halves, -1, 0)
    alone, per_signal = np.moveaxis(others.noise, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        by_noise = (alone / variance + per_signal) / variance
        squared = np.clip((first - second) / (first + second), -1.0, 1.0) ** 2 - by_noise
        well = (variance > 0) & (by_noise < MOST_NOISE) & np.isfinite(squared)
        freedom = 2 / (1 / (others.n_halves - 1)).sum(-1)
    if well.sum(1).min() < MIN_TELLING:
        return ChoiceOfImages()
    log_variance, squared, freedom = np.log(variance[well]), squared[well], freedom[well]
    middle, spread = float(log_variance.mean()), max(float(log_variance.std()), LEAST_SPREAD)
    x = (log_variance - middle) / spread
    mean = float((squared * freedom).mean() / (1 - squared.mean()))
    of_unit = squared * (freedom + mean)  # their mean is that
    slope = float(x @ of_unit / x.size)
    error = float((of_unit - mean - slope * x).std() / np.sqrt(well.sum(1).mean()))
    trust = 1 / (1 + (error / MEAN_PRIOR) ** 2)
    mean = max(trust * mean + 1 - trust, LEAST)
    slope /= 1 + (error / (SLOPE_PRIOR * mean)) ** 2
    return ChoiceOfImages(mean, slope, middle, spread)
