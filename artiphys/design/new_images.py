"""What units would answer to images that were never shown."""

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from artiphys.design.moments import mean

__all__ = ["on_new_images"]


def on_new_images(
    tuning: np.ndarray,
    n_images: int,
    copy: np.ndarray,
    shared: np.random.Generator,
    own: np.random.Generator,
) -> np.ndarray:
    """Return standardised responses to new images (unit, image).

    Normal scores of the images shown are mixed at random, the same mixture for all units, so that
    new scores are normal, and correlated between units as the old ones are. As much of them is a
    unit's own that correlations between units are no larger than those recorded are beyond what few
    images make by chance. A unit's quantiles then make responses of the scores.

    Parameters
    ----------
    tuning : numpy.ndarray, (unit, image)
        NaN where not measured.
    n_images : int
    copy : numpy.ndarray of int, (unit)
        Copies of a unit, numbered, get mixtures that have nothing to do with each other.
    shared, own : numpy.random.Generator
        Of the mixtures, and of what is a unit's own.
    """
    scores = _normal_scores(tuning)
    share = _share_beyond_chance(scores[copy == 0])
    latent = np.sqrt(1 - share) * own.standard_normal((len(tuning), n_images))
    for number in np.unique(copy):
        mixture = shared.standard_normal((tuning.shape[1], n_images))
        latent[copy == number] += np.sqrt(share) * (scores[copy == number] @ mixture)
    return _quantiles(tuning, ndtr(latent))


def _normal_scores(tuning: np.ndarray) -> np.ndarray:
    """Return normal scores of unit length (unit, image), 0 where not measured."""
    known = np.isfinite(tuning)
    rank = stats.rankdata(np.where(known, tuning, np.inf), axis=1)  # ties alike
    chance = (rank - 0.5) / np.maximum(known.sum(1, keepdims=True), 1)
    scores = ndtri(np.where(known, chance, np.nan))
    scores = np.nan_to_num(scores - mean(scores)[:, None])
    length = np.sqrt((scores**2).sum(1, keepdims=True))
    return scores / np.where(length > 0, length, 1.0)


def _share_beyond_chance(scores: np.ndarray) -> float:
    """Return what correlations between units are to be multiplied by, 0 to 1.

    Their mean square is that of true correlations and 1 / (n - 1), which n images make of none.
    """
    scores = scores[scores.any(1)]
    n_units, n_images = scores.shape
    if n_units < 2 or n_images < 3:
        return 1.0
    pairs = n_units * (n_units - 1)
    square = (((scores @ scores.T) ** 2).sum() - n_units) / pairs
    chance = 1 / (n_images - 1)
    true = max(0.0, (square - chance) / (1 - chance))
    return float(np.sqrt(true / square)) if square > true else 1.0


def _quantiles(tuning: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return the quantiles of a unit's responses, on straight lines between them, standardised."""
    order = np.sort(tuning, axis=1)  # NaN last
    n = np.isfinite(tuning).sum(1, keepdims=True)
    place = np.clip(chance * n - 0.5, 0, np.maximum(n - 1, 0))
    below = place.astype(int)
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    low, high = (np.take_along_axis(order, at, axis=1) for at in (below, above))
    values = np.nan_to_num(low + (place - below) * (high - low))
    centre, scale = _moments_of_lines(order, n[:, 0])
    return (values - centre[:, None]) / np.where(scale > 0, scale, np.inf)[:, None]


def _moments_of_lines(order: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of quantiles drawn at random on those lines (unit).

    The lines between n responses have 1 / n of the chances each, and either end half of that.
    """
    low, high = order[:, :-1], order[:, 1:]
    last = np.take_along_axis(order, np.maximum(n - 1, 0)[:, None], axis=1)[:, 0]
    first, last = np.nan_to_num(order[:, 0]), np.nan_to_num(last)
    n = np.maximum(n, 1)
    centre = (np.nansum(low + high, axis=1) + first + last) / 2 / n
    squares = np.nansum(low**2 + low * high + high**2, axis=1) / 3
    squares = (squares + (first**2 + last**2) / 2) / n
    return centre, np.sqrt(np.maximum(squares - centre**2, 0.0))
