"""How likely a measured signal variance is, by the choice of images and by noise."""

import numpy as np

__all__ = ["log_likelihood_of_variance"]

TINY = 1e-12
# Roots of shapes of gamma distributions: one as good as normal, and the most skewed that is used.
NORMAL, EXPONENTIAL = 1e5, 1.0
AT_END = 1e-9  # of a, from the end of the gamma distribution
NOISE_BELOW = 2.0  # SDs of noise below 0
MOST_NOISE = 1e60  # relative variance by noise, of a variance next to nothing


def log_likelihood_of_variance(
    measured: np.ndarray, true: np.ndarray, by_images: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    r"""Return the log-likelihood of measured signal variances, were the true ones those of a grid.

    By the choice of images a variance follows a gamma distribution, and noise is normal, its
    variance a line in that of the images shown. The distribution with these three moments is taken
    to be a gamma distribution of shape a², shifted, with z what is measured less the mean, in SDs:

    .. math:: (a^2 - 1) \log(1 + z / a) - a z - \log \sigma - \frac{1}{12 a^2}

    but for a constant (Stirling). Where noise is all it is a normal distribution. A variance below
    0 is noise: towards the end of the gamma distribution, at z = -a, it goes on as noise does.

    Parameters
    ----------
    measured : numpy.ndarray, (fold, unit)
    true : numpy.ndarray, (fold, grid)
    by_images : numpy.ndarray, (fold, unit or 1, grid)
        Relative variance by the choice of images. All is relative to the true variance here.
    noise : numpy.ndarray, (fold, unit or 1, grid or 1, 2)
        As in :class:`artiphys.estimators.held_out.Others`.

    Returns
    -------
    numpy.ndarray, (fold, unit, grid)
    """
    true = true[:, None]
    with np.errstate(over="ignore", divide="ignore"):  # of variances next to nothing
        alone, per_signal = noise[..., 0] / true / true, noise[..., 1] / true
    alone, per_signal = (np.minimum(of, MOST_NOISE) for of in (alone, per_signal))
    variance = by_images + alone + per_signal
    sd = np.sqrt(variance)
    a = 2 * variance * sd / (by_images * (2 * by_images + 3 * per_signal))
    a = np.clip(a, EXPONENTIAL, NORMAL)
    found = measured[..., None] / true
    least = np.maximum(-NOISE_BELOW * np.sqrt(alone), (1 - a * sd) / 2)
    z = (np.maximum(found, least) - 1) / sd
    likelihood = (a**2 - 1) * np.log(np.maximum(1 + z / a, AT_END)) - a * z
    likelihood -= np.log(sd) + np.log(true) + 1 / (12 * a**2)
    below = found < least
    if below.any():
        alone, least = (np.broadcast_to(of, below.shape)[below] for of in (alone, least))
        likelihood[below] -= (found[below] ** 2 - least**2) / (2 * np.maximum(alone, TINY))
    return likelihood
