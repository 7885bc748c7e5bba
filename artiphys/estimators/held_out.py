"""Moments of the signal from some images, and unbiased scores of the images held out.

What is measured on the images held out shares neither noise nor images with what the others say of
the unit, so that the errors of the two have nothing in common.
"""

from collections.abc import Callable
from itertools import product
from math import comb
from typing import NamedTuple

import numpy as np

from artiphys.estimators.blocks import in_blocks
from artiphys.estimators.signal_moments import Cells

__all__ = ["MIN_IMAGES", "N_FOLDS", "HeldOut", "Others", "images_held_out"]

N_FOLDS = 20
MIN_IMAGES = 6  # of which five train: fewer do not say how far a variance may be off
SEED = 20191217
DIGITS = 12  # of what is summed: beyond them there is rounding


class Others(NamedTuple):
    """What all the images but those of a fold say of each unit.

    The three moments are the signal variance at the reference, that at the other position, and the
    covariance of the two. Units that were shown fewer than :data:`MIN_IMAGES` images at both
    positions have NaN.
    """

    moments: np.ndarray  # (fold, unit, 3)
    errors: np.ndarray  # (fold, unit, 3, 3), covariance of these by noise and by choice of images
    noise: np.ndarray  # (fold, unit, 2), variance of the first by noise: without signal; per signal
    halves: np.ndarray  # (fold, unit, 2), the first again, from two halves of these images
    n_halves: np.ndarray  # (fold, unit, 2), how many images these are
    n_image: np.ndarray  # (fold, unit)

    def of_folds(self, some: slice) -> "Others":
        """Return those of some folds."""
        return Others(*(of[some] for of in self))


class HeldOut(NamedTuple):
    """Images that are each held out once."""

    scores: np.ndarray  # (3, unit, image), whose mean is each moment
    fold: np.ndarray  # (image), with which others it is held out
    others: Others


def images_held_out(
    cells: Cells,
    own: np.ndarray,
    position: int,
    n_folds: int = N_FOLDS,
    groups: np.ndarray | None = None,
) -> HeldOut:
    r"""Return unbiased scores of all images, and what the others say of each unit.

    With m and v the mean of a cell's trials and the variance of that mean, and the bar a mean over
    the N images that are not held out, the score of image i for the variance is

    .. math:: \frac{N}{N + 1} \Bigl( (m_i - \bar m)^2 - v_i - \overline{v} / N \Bigr)

    and that for the covariance has the product of the two deviations, and no noise to take off as
    trials at two positions are independent. Each has the moment as its expectation.

    Parameters
    ----------
    cells : Cells
        Of all the trials.
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position; a negative one marks a unit without.
    position : int
        Index of the other position.
    n_folds : int
        As many as there are images, if these are fewer. The folds are the same in every call, and
        whatever the order of the images.
    groups : numpy.ndarray of int, (image), optional
        Images that are alike, and held out together; by default each is its own.

    Returns
    -------
    HeldOut
        A score is 0 where the image was not shown to the unit at both positions, or where fewer
        than four others were; NaN of units that were shown fewer than :data:`MIN_IMAGES`.
    """
    mean, noise, shown = _pairs(cells, own, position)
    n_trial = cells.n[np.arange(own.size), :, np.maximum(own, 0)]
    n_image = shown.shape[1]
    groups = np.unique(np.arange(n_image) if groups is None else groups, return_inverse=True)[1]
    fold = _dealt(mean[0], shown, groups, min(n_folds, groups.max() + 1))
    *of_others, scores = in_blocks(_of_units, *mean, *noise, shown, n_trial, fold=fold)
    moments, errors, mean_noise, by_noise, halves, n_halves, n = (
        np.ascontiguousarray(of.swapaxes(0, 1)) for of in of_others
    )
    alone, with_signal = np.moveaxis(by_noise, -1, 0)
    per_signal = 4 * mean_noise / (n - 1)
    of_folds = zip(moments[..., 0], with_signal, per_signal, strict=True)
    factor = np.array([_noise_with_signal(*of_fold) for of_fold in of_folds])
    line = np.stack([alone, factor[:, None] * per_signal], axis=-1)
    return HeldOut(
        scores.transpose(1, 0, 2), fold, Others(moments, errors, line, halves, n_halves, n)
    )


def _dealt(mean: np.ndarray, shown: np.ndarray, groups: np.ndarray, n_folds: int) -> np.ndarray:
    """Return the fold of each image (image), its group dealt at random in order of mean responses.

    So the answer does not hang on the order in which the images are listed.
    """
    middle = mean.sum(1) / np.maximum(shown.sum(1), 1)
    response = np.where(shown, mean - middle[:, None], 0.0)
    total, square, n = (np.bincount(groups, of.sum(0)) for of in (response, response**2, shown))
    # Rounded, or the order of units would decide between images that tie.
    keys = (_rounded(of / np.maximum(n, 1)) for of in (square, total))
    order = np.lexsort(list(keys))
    fold = np.empty(order.size, dtype=int)
    fold[order] = np.random.default_rng(SEED).permutation(order.size) % n_folds
    return fold[groups]


def _rounded(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max(initial=0.0)
    return np.round(values / largest, DIGITS) if largest > 0 else values


def _pairs(
    cells: Cells, own: np.ndarray, position: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means and noise (2, unit, image) at the reference and the position, and what is shown.

    Means are from the unit's median, which no single image moves; 0 where not shown at both.
    """
    at, unit = np.maximum(own, 0), np.arange(own.size)
    mean, noise = (
        np.stack([of[unit, :, at], of[:, :, position]]) for of in (cells.mean, cells.noise)
    )
    shown = np.isfinite(mean + noise).all(0) & (own >= 0)[:, None]
    mean, noise = np.where(shown, mean, 0.0), np.where(shown, noise, 0.0)
    in_order = np.sort(np.where(shown, mean, np.inf), axis=-1)
    middle = np.maximum(shown.sum(-1) - 1, 0) // 2
    median = np.take_along_axis(in_order, np.stack([middle, middle])[..., None], axis=-1)
    return np.where(shown, mean - np.where(shown, median, 0.0), 0.0), noise, shown


def _of_units(
    a: np.ndarray,
    b: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    shown: np.ndarray,
    n_trial: np.ndarray,
    fold: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Return moments, errors, noise, halves and numbers (unit, fold, ...) of the others; scores.

    Of means a and b at the two positions, whose noise is p and q (unit, image).
    """
    rest = _Rest(a, b, p, q, shown, fold)
    of_halves = [_variance(a, p, shown, half) for half in _halves(fold)]
    halves, n_halves = (np.stack(of, axis=-1) for of in zip(*of_halves, strict=True))
    moments, errors = rest.moments_and_errors()
    mean_noise, noise = rest.by_p(0, 0) / rest.n, rest.noise(n_trial)
    return moments, errors, mean_noise, noise, halves, n_halves, rest.n, rest.scores()


class _Rest:
    """Sums over the others of each fold (unit, fold), about their own mean.

    Parameters
    ----------
    a, b : numpy.ndarray, (unit, image)
        Means at the two positions.
    p, q : numpy.ndarray, (unit, image)
        Their noise.
    shown : numpy.ndarray of bool, (unit, image)
    fold : numpy.ndarray of int, (image)
    """

    def __init__(
        self,
        a: np.ndarray,
        b: np.ndarray,
        p: np.ndarray,
        q: np.ndarray,
        shown: np.ndarray,
        fold: np.ndarray,
    ) -> None:
        self._a, self._b, self._p, self._q, self._shown, self._fold = a, b, p, q, shown, fold
        self._others = (fold[:, None] != np.arange(fold.max() + 1)).astype(float)  # (image, fold)
        self._n_shown = shown @ self._others
        self.n = np.maximum(self._n_shown, MIN_IMAGES - 2)
        self.n[shown.sum(1) < MIN_IMAGES] = np.nan
        self._centre = self._sum(a) / self.n, self._sum(b) / self.n
        self._m = self._about_centre(shown, order=4)
        self.by_p, self._by_q = (self._about_centre(of, order=2) for of in (p, q))

    def moments_and_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the moments (unit, fold, 3) and their covariance (unit, fold, 3, 3).

        The covariance is of sums of terms, each a product of two deviations less its noise.
        """
        n, m, by_p, by_q = self.n, self._m, self.by_p, self._by_q
        p, q = self._p, self._q
        left = 1 - 1 / n  # of the noise, as the centre was taken from these images too
        variances = [_freed(m(2, 0), left * by_p(0, 0)), _freed(m(0, 2), left * by_q(0, 0))]
        sums = np.stack([*variances, m(1, 1)], axis=-1)
        pp, pq, qq = (left**2 * self._sum(of) for of in (p * p, p * q, q * q))
        products = np.empty((*n.shape, 3, 3))
        products[..., 0, 0] = m(4, 0) - 2 * left * by_p(2, 0) + pp
        products[..., 1, 1] = m(0, 4) - 2 * left * by_q(0, 2) + qq
        products[..., 2, 2] = m(2, 2)
        products[..., 0, 1] = m(2, 2) - left * (by_p(0, 2) + by_q(2, 0)) + pq
        products[..., 0, 2] = m(3, 1) - left * by_p(1, 1)
        products[..., 1, 2] = m(1, 3) - left * by_q(1, 1)
        for one, other in ((1, 0), (2, 0), (2, 1)):
            products[..., one, other] = products[..., other, one]
        of_means = (2 / n - self._n_shown / n**2)[..., None, None]
        products -= of_means * sums[..., None] * sums[..., None, :]
        squares = np.einsum("ufaa->ufa", products)
        np.maximum(squares, 0.0, out=squares)
        errors = products / (n * (n - 1) * (1 - 1 / n) ** 3)[..., None, None]
        return sums / (n - 1)[..., None], errors

    def noise(self, n_trial: np.ndarray) -> np.ndarray:
        """Return the variance of the first moment by noise: without a signal, and with (..., 2).

        With t trials the square of an estimated noise is too large by (t + 1) / (t - 1), and what
        is taken off a variance for noise errs by 2 / (t - 1) of that square, which adds to that of
        the means.
        """
        squared, several = self._p**2, n_trial > 1
        of_square = np.where(several, (n_trial - 1) / (n_trial + 1), 1.0) * squared
        of_both = np.where(several, n_trial / (n_trial + 1), 1.0) * squared
        alone = 2 * self._sum(of_both)
        with_signal = np.maximum(4 * (self.by_p(2, 0) - self._sum(of_square)), 0.0)
        return np.stack([alone, with_signal], axis=-1) / ((self.n - 1) ** 2)[..., None]

    def scores(self) -> np.ndarray:
        """Return the scores of the images held out (unit, 3, image)."""
        n, fold = self.n, self._fold
        da, db = self._a - self._centre[0][:, fold], self._b - self._centre[1][:, fold]
        of_p = self._p + (self.by_p(0, 0) / n**2)[:, fold]
        of_q = self._q + (self._by_q(0, 0) / n**2)[:, fold]
        scores = np.stack([da**2 - of_p, db**2 - of_q, da * db], axis=1)
        known = self._n_shown >= MIN_IMAGES - 2  # else too few images are left to say anything
        return scores * ((known * n / (n + 1))[:, fold] * self._shown)[:, None]

    def _sum(self, of: np.ndarray) -> np.ndarray:
        return of @ self._others

    def _about_centre(self, weight: np.ndarray, order: int) -> Callable[[int, int], np.ndarray]:
        r"""Return what gives sums of products about the centre (unit, fold).

        .. math:: \sum w \, (a - A)^i \, (b - B)^j, \qquad i + j \le \text{order}

        from those about 0, of which one matrix product makes those of all folds.
        """
        of_a, of_b = _powers(self._a, order), _powers(self._b, order)
        by_a, by_b = (_powers(-of, order) for of in self._centre)
        about_0 = {
            (i, j): self._sum(weight * of_a[i] * of_b[j])
            for i, j in product(range(order + 1), repeat=2)
            if i + j <= order
        }

        def about_centre(i: int, j: int) -> np.ndarray:
            parts = (
                comb(i, k) * by_a[i - k] * comb(j, h) * by_b[j - h] * about_0[k, h]
                for k, h in product(range(i + 1), range(j + 1))
            )
            return np.sum(list(parts), axis=0)

        return about_centre


def _halves(fold: np.ndarray) -> list[np.ndarray]:
    """Return two halves of the others of each fold (image, fold): every second fold, in turn."""
    n_folds = fold.max() + 1
    after = (fold[:, None] - np.arange(n_folds)) % n_folds
    return [((after > 0) & (after % 2 == half)).astype(float) for half in (0, 1)]


def _variance(
    mean: np.ndarray, noise: np.ndarray, shown: np.ndarray, some: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal variance over some of the images (unit, fold), and how many these are.

    NaN of fewer than two.
    """
    n = shown @ some
    n[n < 2] = np.nan
    squares = mean**2 @ some - (mean @ some) ** 2 / n
    return _freed(squares, (1 - 1 / n) * (noise @ some)) / (n - 1), n


def _freed(squares: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return squares less their noise, 0 where that is all but rounding."""
    left = squares - noise
    return np.where(np.abs(left) <= 10.0**-DIGITS * noise, 0.0, left)


def _powers(of: np.ndarray, order: int) -> list[np.ndarray]:
    powers = [np.ones_like(of)]
    for _ in range(order):
        powers.append(powers[-1] * of)
    return powers


def _noise_with_signal(
    variance: np.ndarray, with_signal: np.ndarray, per_signal: np.ndarray
) -> float:
    """Return what noise adds with a signal, over what the mean noise says: the median of units.

    Of one unit it is hardly known, as it is from the same few trials as the variance itself.
    """
    told = (variance > 0) & (per_signal * variance > 0)  # which may underflow
    if not told.any():
        return 1.0
    return float(np.median(with_signal[told] / (per_signal * variance)[told]))
