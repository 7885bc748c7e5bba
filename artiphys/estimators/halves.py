"""Halves of the trials that share none: of each cell its trials are dealt out, or whole images are.

The order is fixed, so that separate calls agree on the halves.
"""

from collections.abc import Sequence

import numpy as np

from artiphys.estimators.signal_moments import Cells, cells_of, cells_of_sums

__all__ = ["first_half", "halves_of", "halves_of_splits", "splits_by_images"]

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


def halves_of_splits(values: np.ndarray, splits: Sequence[int]) -> tuple[Cells, Cells]:
    """Return :func:`halves_of` of several splits, as (split * unit, image, position).

    Units with the same trials, as those of a session have, are halved alike, and their sums over
    the halves of all splits are one matrix product.
    """
    measured = ~np.isnan(values)
    n_unit, n_image, n_position, _ = values.shape
    flat = np.packbits(measured.reshape(n_unit, -1), axis=1)
    _, leader, pattern = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    known = np.where(measured, values, 0.0)
    centre = known.mean((1, 2, 3), keepdims=True)  # any will do: it keeps digits in the squares
    known = np.where(measured, values - centre, 0.0).transpose(1, 2, 0, 3)
    shape = (2, len(splits), n_unit, n_image, n_position)
    n, total, squares = np.empty(shape), np.empty(shape), np.empty(shape)
    for p, one in enumerate(leader):
        members = np.flatnonzero(pattern.ravel() == p)
        trials = known[:, :, members]
        masks = np.stack([first_half(measured[[one]], split)[0] for split in splits])
        for h, half in enumerate((masks, measured[one] & ~masks)):
            weight = half.transpose(1, 2, 3, 0).astype(float)
            n[h][:, members] = half.sum(-1)[:, None]
            total[h][:, members] = (trials @ weight).transpose(3, 2, 0, 1)
            squares[h][:, members] = (trials**2 @ weight).transpose(3, 2, 0, 1)
    mean = total / np.maximum(n, 1)
    squares -= total * mean
    np.maximum(squares, 0.0, out=squares)
    mean += centre[..., 0]
    size = (2, len(splits) * n_unit, n_image, n_position)
    halves = zip(*(array.reshape(size) for array in (mean, n, squares)), strict=True)
    first, second = (cells_of_sums(*half) for half in halves)
    return first, second


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
    _, n_image, n_position, n_trial = measured.shape
    image_order = rng.permutation(n_image)
    odd = rng.integers(2, size=(n_image, n_position, 1))
    # Drawn last and trial by trial, so that further padding changes no half.
    order = rng.random((n_trial, n_image, n_position)).argsort(0).transpose(1, 2, 0)[None]
    dealt = np.take_along_axis(measured, order, axis=-1)
    first = np.empty_like(measured)
    in_turn = (np.cumsum(dealt, axis=-1) + odd) % 2 == 0
    np.put_along_axis(first, np.broadcast_to(order, first.shape), in_turn, axis=-1)
    if by_images is None:
        by_images = splits_by_images(measured.sum(-1))
    if by_images.any():
        shown = measured[by_images].any((2, 3))[:, image_order]
        half = np.zeros_like(shown)
        half[:, image_order] = np.cumsum(shown, axis=1) % 2 == 0
        first[by_images] = half[:, :, None, None]
    return first & measured


def splits_by_images(n: np.ndarray) -> np.ndarray:
    """Return for which units (unit) the halves must be of images, as their repeats are too few.

    Half of a cell's trials says its own noise where it has 2 trials, which half the cells do if the
    typical cell has 3.

    Parameters
    ----------
    n : numpy.ndarray of int, (unit, image, position)
        Trials in each cell.
    """
    n_cell = (n > 0).sum((1, 2))
    return 2 * (n >= 3).sum((1, 2)) < n_cell
