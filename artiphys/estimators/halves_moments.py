r"""Moments of the signal in the halves of many splits at once, by sums over trials and images.

A half is a 0/1 mask over the trials, so that the sums and the sums of squares of the cells of all
splits are one matrix product of the trials with their masks; those of the other halves are what is
left of the whole. The noise of a cell's mean enters a signal variance linearly, so that it is
summed over images beside the rest and no cell's noise is ever formed:

.. math:: \hat V = \frac{1}{I - 1} \Bigl( \sum_i m_i^2 - \frac{(\sum_i m_i)^2}{I} \Bigr)
          - \frac1I \sum_i \frac{q_i - n_i m_i^2}{n_i (n_i - 1)}

with m, q and n the mean, the sum of squares and the number of the trials of a cell, and I images.
It is what :func:`artiphys.estimators.signal_moments.signal_moments` returns of each half.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from artiphys.estimators.halves import first_half
from artiphys.estimators.moments import CONSTANT, MIN_IMAGES_VARIANCE

__all__ = ["HalvesMoments", "moments_of_halves"]

BLOCK = 2**20  # numbers at a time in a working array: cells of all splits, or their masks
ROUNDING = 1e-13  # of the mean square of trials: a variance below it is none


class HalvesMoments(NamedTuple):
    """Of units that were measured on the same trials, the first half of each split, then the other.

    The moments are those of :class:`artiphys.estimators.signal_moments.SignalMoments`.
    """

    units: np.ndarray  # (unit), which these are
    splits: slice  # which of the splits
    n: np.ndarray  # (half, split, 1, image, position), trials in each cell
    variance: np.ndarray  # (half, split, unit, position)
    variance_reference: np.ndarray
    covariance: np.ndarray
    n_image: np.ndarray  # (half, split, 1, position)


def moments_of_halves(
    values: np.ndarray, splits: Sequence[int], at: int
) -> Iterator[HalvesMoments]:
    """Yield the moments of both halves of each split, for some units and splits at a time.

    Units with the same trials, as those of a session have, are halved alike and go together.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    splits : sequence of int
        Which of the many ways to halve them, as in :func:`artiphys.estimators.halves.first_half`.
    at : int
        Index of the reference position.
    """
    for task in _tasks(values, splits):
        yield _of_units(values[task.units], task, at)


class _Task(NamedTuple):
    """Units of equal trials, to be halved alike."""

    units: np.ndarray  # (unit), which these are
    splits: slice  # which of the splits
    first: np.ndarray  # (image, position, split, trial), whether it is in the first half


def _patterns(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a unit for each set of trials that units were measured on, and each unit's set."""
    bits = np.packbits(~np.isnan(values.reshape(len(values), -1)), axis=1)
    _, leader, pattern = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return leader, pattern.ravel()


def _tasks(values: np.ndarray, splits: Sequence[int]) -> Iterator[_Task]:
    leader, pattern = _patterns(values)
    _, n_image, n_position, n_trial = values.shape
    n_cell = n_image * n_position
    n_splits = max(1, min(len(splits), BLOCK // (n_cell * n_trial)))
    n_patterns = max(1, 8 * BLOCK // (n_splits * n_cell * n_trial))  # of masks a byte a trial
    n_units = max(1, BLOCK // (n_splits * n_cell))
    for first_split in range(0, len(splits), n_splits):
        some = slice(first_split, min(first_split + n_splits, len(splits)))
        for first_pattern in range(0, leader.size, n_patterns):
            measured = ~np.isnan(values[leader[first_pattern : first_pattern + n_patterns]])
            first = np.stack([first_half(measured, split) for split in splits[some]], axis=-2)
            for number, halved in enumerate(first, first_pattern):
                members = np.flatnonzero(pattern == number)
                for start in range(0, members.size, n_units):
                    units = members[start : start + n_units]
                    yield _Task(units, some, halved)


class _Sums(NamedTuple):
    """Of each cell's trials (image, position, split, unit), less the unit's mean there."""

    n: np.ndarray  # (image, position, split)
    total: np.ndarray
    squares: np.ndarray
    centre: np.ndarray  # (position, unit), what was taken off
    positive: np.ndarray  # (position, unit), whether no trial was negative
    least: np.ndarray  # (position, unit), below which a variance is rounding

    @property
    def smallest(self) -> np.ndarray:
        """Mean responses (position, 1, unit) of this size are 0 but for rounding."""
        return np.sqrt(self.least)[:, None]

    def at(self, position: int) -> "_Sums":
        """Return those of one position, which stays a dim."""
        p = slice(position, position + 1)
        return _Sums(
            self.n[:, p],
            self.total[:, p],
            self.squares[:, p],
            self.centre[p],
            self.positive[p],
            self.least[p],
        )


def _of_units(values: np.ndarray, task: _Task, at: int) -> HalvesMoments:
    known = np.ascontiguousarray(values.transpose(1, 2, 3, 0))
    measured = ~np.isnan(known[..., 0])
    known[~measured] = 0.0
    n_all = measured.sum(-1)[..., None]
    n_trials = np.maximum(n_all.sum(0), 1)  # (position, 1)
    lowest, highest = known.min((0, 2)), known.max((0, 2))
    centre = known.sum((0, 2)) / n_trials
    powers = np.empty((2, *known.shape))
    np.subtract(known, centre[:, None], out=powers[0])
    powers[0][~measured] = 0.0
    np.square(powers[0], out=powers[1])
    whole = powers.sum(3, keepdims=True)
    least = ROUNDING * whole[1].sum((0, 2)) / n_trials
    least += (CONSTANT * np.maximum(highest, -lowest)) ** 2
    masks = task.first.astype(float)
    n, parts = masks.sum(-1), np.matmul(masks, powers)
    halves: list[tuple[np.ndarray, ...]] = []
    for of_half in (n, n_all - n):
        if halves:
            np.subtract(whole, parts, out=parts)
        halves.append(_moments(_Sums(of_half, parts[0], parts[1], centre, lowest >= 0, least), at))
    n_halves = np.stack([n, n_all - n]).transpose(0, 3, 1, 2)[:, :, None]
    return HalvesMoments(
        task.units,
        task.splits,
        n_halves,
        *(np.stack(of).transpose(0, 2, 3, 1) for of in zip(*halves, strict=True)),
    )


def _moments(sums: _Sums, at: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return variance, that at the reference, covariance and number of images of one half.

    Each (position, split, unit), over the images shown at a position and at the reference.
    """
    reference = sums.at(at)
    shown = ((sums.n > 0) & (reference.n > 0)).astype(float)
    n_image = shown.sum(0)[..., None]
    variance = _signal_variance(sums, shown)
    variance_reference = variance[[at]]
    if not (sums.n > 0).all():
        variance_reference = _signal_variance(reference, shown)
    variance_reference = np.broadcast_to(variance_reference, variance.shape)

    each, of_reference = (shown / np.maximum(of.n, 1) for of in (sums, reference))
    mean, mean_reference = _summed(each, sums.total), _summed(of_reference, reference.total)
    product = sums.total * reference.total
    covariance = _summed(each / np.maximum(reference.n, 1), product)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance -= mean * mean_reference / n_image
        covariance /= np.where(n_image >= MIN_IMAGES_VARIANCE, n_image - 1, np.nan)
    return variance, variance_reference, covariance, n_image


def _signal_variance(sums: _Sums, shown: np.ndarray) -> np.ndarray:
    """Return the signal variance (position, split, unit) over images that are 1 in `shown`."""
    n, n_image = np.maximum(sums.n, 1), shown.sum(0)
    several = sums.n > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(n_image >= MIN_IMAGES_VARIANCE, n_image - 1, np.nan)
        noisy = np.where(several, shown / (n_image * n * np.maximum(n - 1, 1)), 0.0)
        of_square = shown / freedom + n * noisy
    squared = sums.total**2
    mean = _summed(shown / n, sums.total)
    variance = _summed(of_square / n**2, squared) - _summed(noisy, sums.squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance -= mean**2 / (n_image * freedom)[..., None]
        single = np.where(several, 0.0, shown / n_image)
        if single.any():
            variance -= _noise_of_single_trials(sums, squared, single)
    return np.where(np.abs(variance) <= sums.least[:, None], 0.0, variance)


def _noise_of_single_trials(sums: _Sums, squared: np.ndarray, single: np.ndarray) -> np.ndarray:
    """Return the noise of cells of one trial, by what the unit's other cells at a position say.

    As :func:`artiphys.estimators.signal_moments.cells_of` has it, summed with weights `single`.
    """
    n = np.maximum(sums.n, 1)
    freedom, several = n - 1.0, (n > 1).astype(float)
    total = freedom.sum(0)[..., None]
    scatter = _summed(several, sums.squares) - _summed(several / n, squared)
    centre = sums.centre[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = scatter / total
        level = _summed(freedom / n, sums.total) / total + centre
        share = (_summed(single, sums.total) + centre * single.sum(0)[..., None]) / level
    as_spikes = (level > sums.smallest) & (sums.positive[:, None] | _none_negative(sums))
    return pooled * np.where(as_spikes, share, single.sum(0)[..., None])


def _none_negative(sums: _Sums) -> np.ndarray:
    """Return where no cell's mean is negative but for rounding (position, split, unit)."""
    if sums.positive.all():
        return np.ones((1, 1, 1), dtype=bool)
    mean = sums.total / np.maximum(sums.n, 1)[..., None] + sums.centre[:, None]
    return ((mean >= -sums.smallest) | (sums.n == 0)[..., None]).all(0)


def _summed(weight: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return weighted sums over images (position, split, unit).

    Parameters
    ----------
    weight : numpy.ndarray, (image, position, split)
    cells : numpy.ndarray, (image, position or 1, split, unit)
    """
    if cells.shape[1] == 1:
        return (weight.transpose(2, 1, 0) @ cells[:, 0].transpose(1, 0, 2)).transpose(1, 0, 2)
    return (weight.transpose(1, 2, 0)[:, :, None] @ cells.transpose(1, 2, 0, 3))[:, :, 0]
