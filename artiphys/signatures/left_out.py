"""Which units a signature from trials leaves out, and why."""

from collections.abc import Iterable

import numpy as np

from artiphys.estimators.held_out import MIN_IMAGES
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR, Cells

__all__ = [
    "ITS_REFERENCE",
    "LEFT_OUT",
    "of_one_repeat",
    "too_few_images",
    "used_and_counted",
    "why_left_out",
]

LEFT_OUT = {
    "n_too_noisy": "too noisy",
    "n_without_signal": "without signal",
    "n_without_repeats": "one repeat, which does not say how noisy it is",
    "n_few_images": f"fewer than {MIN_IMAGES} images",
    "n_not_measured": "not measured",
}
CONSTANT = 1e-12  # of the largest response: below it two differ by rounding
ITS_REFERENCE = "the unit's reference"  # has no invariance, and counts nowhere


def why_left_out(noise_error: np.ndarray, own: np.ndarray, once: np.ndarray) -> np.ndarray:
    """Return why the estimate on these images leaves each unit out (unit, position), "" if not.

    Parameters
    ----------
    noise_error : numpy.ndarray, (unit, position)
        Of a correlation, by noise; infinite without signal, NaN where it is not known.
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position.
    once : numpy.ndarray of bool, (unit, position)
        From :func:`of_one_repeat`.
    """
    unknown = np.isnan(noise_error)
    conditions = {
        "n_too_noisy": np.isfinite(noise_error) & (noise_error > MAX_NOISE_ERROR),
        "n_without_signal": np.isinf(noise_error),
        "n_without_repeats": unknown & once,
        "n_not_measured": unknown,
    }
    return _first_reason(conditions, own)


def too_few_images(cells: Cells, own: np.ndarray, once: np.ndarray) -> np.ndarray:
    """Return why the estimate for images at large leaves each unit out (unit, position).

    Noise is no reason: a noisy unit counts for little. The same response to all images is one.
    """
    shown = np.isfinite(cells.mean + cells.noise)
    at = np.maximum(own, 0)[:, None, None]
    both = shown & np.take_along_axis(shown, at, axis=2) & (own >= 0)[:, None, None]
    n_images = both.sum(1)
    constant = _constant(cells.mean)
    conditions = {
        "n_without_repeats": once & (n_images < MIN_IMAGES),
        "n_not_measured": n_images == 0,
        "n_few_images": n_images < MIN_IMAGES,
        "n_without_signal": constant | np.take_along_axis(constant, at[:, 0], axis=1),
    }
    return _first_reason(conditions, own)


def of_one_repeat(n: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return where units (unit, position) and their references were shown, one never twice.

    Parameters
    ----------
    n : numpy.ndarray, (unit, image, position)
        Trials in each cell.
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position.
    """
    shown, repeated = (n > 0).any(1), (n > 1).any(1)
    at = np.maximum(own, 0)[:, None]
    both_shown = shown & np.take_along_axis(shown, at, axis=1) & (own >= 0)[:, None]
    return both_shown & ~(repeated & np.take_along_axis(repeated, at, axis=1))


def used_and_counted(
    reason: np.ndarray, covariates: np.ndarray | None, names: Iterable[str]
) -> tuple[np.ndarray, dict[str, int]]:
    """Return which units are used (bool), and how many are left out for each reason.

    Parameters
    ----------
    reason : numpy.ndarray of str, (unit)
        From :func:`why_left_out` or :func:`too_few_images`, at one position.
    covariates : numpy.ndarray, (unit, covariate), or None
        A unit without one of them is not used.
    names : iterable of str
        Of :data:`LEFT_OUT`: the reasons to count.
    """
    well = used = reason == ""
    if covariates is not None:
        used = well & np.isfinite(covariates).all(1)
    counts = {name: int((reason == LEFT_OUT[name]).sum()) for name in names}
    return used, counts | {"n_without_covariate": int((well & ~used).sum())}


def _constant(mean: np.ndarray) -> np.ndarray:
    """Return where a unit (unit, position) has the same mean response to all images shown."""
    shown = np.isfinite(mean)
    highest = np.where(shown, mean, -np.inf).max(1)
    lowest = np.where(shown, mean, np.inf).min(1)
    with np.errstate(invalid="ignore"):  # of what was never shown
        return ~(highest - lowest > CONSTANT * np.maximum(np.abs(highest), np.abs(lowest)))


def _first_reason(conditions: dict[str, np.ndarray], own: np.ndarray) -> np.ndarray:
    """Return the first reason that holds; a unit's own reference has one of its own."""
    shape = next(iter(conditions.values())).shape
    at_reference = np.arange(shape[1]) == own[:, None]
    return np.select(
        [np.broadcast_to(at_reference, shape), *conditions.values()],
        [ITS_REFERENCE, *(LEFT_OUT[name] for name in conditions)],
        default="",
    )
