"""Halves of the trials that share none: of each cell its trials are dealt out, or whole images are.

The order is fixed, so that separate calls agree on the halves.
"""

import numpy as np

from artiphys.estimators.signal_moments import Cells, cells_of

__all__ = ["first_half", "halves_of", "splits_by_images"]

SEED = 20191217


def halves_of(values: np.ndarray, split: int) -> tuple[Cells, Cells]:
    """Return the cells of two halves of the trials, none in both.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    split : int
        Which of the many ways to halve them, as in :func:`first_half`.
    """
    first = first_half(~np.isnan(values), split)
    return cells_of(values, first), cells_of(values, ~first)


def first_half(measured: np.ndarray, split: int, by_images: np.ndarray | None = None) -> np.ndarray:
    """Return which trials are in the first half.

    The trials of each cell are dealt in a random order, the odd one at random; or all the trials of
    an image go into one half. The order is the same for all units, and for every call with the same
    sizes and the same `split`.

    Parameters
    ----------
    measured : numpy.ndarray of bool, (unit, image, position, trial)
    split : int
        Which of the many ways to halve them.
    by_images : numpy.ndarray of bool, (unit), optional
        The units whose images are halved; by default those of :func:`splits_by_images`.
    """
    rng = np.random.default_rng((SEED, split))
    n_unit, n_image, n_position, n_trial = measured.shape
    image_order = rng.permutation(n_image)
    odd = rng.integers(2, size=(n_image, n_position, 1)).astype(bool).reshape(-1)
    # Drawn last and trial by trial, so that further padding changes no half.
    order = rng.random((n_trial, n_image, n_position)).argsort(0).reshape(n_trial, -1)
    first = _dealt_out(measured.reshape(n_unit, -1), order, odd).reshape(measured.shape)
    if by_images is None:
        by_images = splits_by_images(measured.sum(-1))
    if by_images.any():
        shown = measured[by_images].any((2, 3))[:, image_order]
        half = np.zeros_like(shown)
        half[:, image_order] = np.cumsum(shown, axis=1) % 2 == 0
        first[by_images] = half[:, :, None, None]
    return first & measured


def _dealt_out(measured: np.ndarray, order: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """Return the trials (unit, cell * trial) in the first half, each cell's dealt in its order.

    One trial of every cell at a time: whose turn it is is a bit that each trial dealt turns over.

    Parameters
    ----------
    measured : numpy.ndarray of bool, (unit, cell * trial)
    order : numpy.ndarray of int, (trial, cell)
        Which trial of the cell is dealt first, second, ...
    odd : numpy.ndarray of bool, (cell)
        Whether the first trial of the cell goes into the first half.
    """
    n_trial, n_cell = order.shape
    cell = np.arange(n_cell)
    dealt = np.take(measured, cell * n_trial + order, axis=1)  # (unit, trial in order, cell)
    turn = np.zeros((len(measured), n_cell), dtype=bool)
    for trial in range(n_trial):
        turn ^= dealt[:, trial]
        dealt[:, trial] = turn == odd
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(n_trial)[:, None], axis=0)
    back = (place * n_cell + cell).T.ravel()
    return np.take(dealt.reshape(len(measured), -1), back, axis=1)


def splits_by_images(n: np.ndarray) -> np.ndarray:
    """Return for which units (unit) the halves must be of images, as their repeats are too few.

    Half of a cell's trials says its own noise where it has 2 trials, which both halves do if the
    typical cell has 4, at each of two positions.

    Parameters
    ----------
    n : numpy.ndarray of int, (unit, image, position)
        Trials in each cell.
    """
    n_cell = (n > 0).sum((1, 2))
    return 2 * (n >= 4).sum((1, 2)) <= n_cell
