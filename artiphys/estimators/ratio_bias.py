r"""Ratio bias: noisy variances make the correlation that is divided by them too large.

With :math:`\hat C = C (1 + \delta_C)` and :math:`\hat V_q = V_q (1 + \delta_q)`, to second order

.. math:: \mathrm{E}\, \frac{\hat C}{\sqrt{\hat V_0 \hat V_p}} = r \Big[1 + \sum_q \tfrac38
          \mathrm{Var}\,\delta_q - \tfrac12 \mathrm{Cov}(\delta_C, \delta_q)\Big]
          = r \Big[1 + \sum_{q \in \{0, p\}} \tfrac12 A_q + \tfrac34 B_q\Big], \quad
          A = \frac{\sum_i d_i^2 v_i}{((n - 1) V)^2}, \quad B = \frac{\sum_i v_i^2}{((n - 1) V)^2}

with d the signal's deviation from its mean over n images and v the variance of a cell's mean. Noise
counts where the signal is (A): a neuron of a few favourite images, whose spikes vary most just
there, has twice the bias that its mean noise says.

That v is itself an estimate adds to B, and is left out. With it the mean would be right to second
order; but the estimate is skewed, the more the noisier, and ranks see its middle. In calibration
noisy units then came out as the less invariant ones.
"""

from typing import NamedTuple

import numpy as np

from artiphys.estimators.moments import centred
from artiphys.estimators.signal_moments import Cells, SignalMoments

__all__ = ["NoiseTerms", "noise_terms", "ratio_bias"]


class NoiseTerms(NamedTuple):
    """A and B from all the trials, (unit, position), and their number in each cell."""

    signal: np.ndarray
    square: np.ndarray
    n: np.ndarray  # (unit, image, position)


def noise_terms(cells: Cells, moments: SignalMoments, at: int) -> tuple[NoiseTerms, NoiseTerms]:
    """Return the terms at the reference `at`, and at every position; NaN without a signal."""
    shown = (cells.n > 0) & (cells.n[:, :, [at]] > 0)
    terms = []
    for where, variance in (
        (slice(at, at + 1), moments.variance_reference),
        (slice(None), moments.variance),
    ):
        mean, n, noise = (values[:, :, where] for values in cells)
        deviation = centred(np.broadcast_to(mean, shown.shape), shown, moments.n_image)
        noise = np.where(shown, noise, 0.0)
        # A measured square holds its own noise, and is too large by it.
        signal = np.maximum(((deviation**2 - noise) * noise).sum(1), 0.0)
        square = (noise**2 / np.where(n > 1, 1 + 2 / np.maximum(n - 1, 1), 1.0)).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = ((moments.n_image - 1) * np.where(variance > 0, variance, np.nan)) ** 2
            terms.append(NoiseTerms(signal / scale, square / scale, n))
    return terms[0], terms[1]


def ratio_bias(
    terms: tuple[NoiseTerms, NoiseTerms], part: np.ndarray, at: int, n_image: np.ndarray
) -> np.ndarray:
    """Return the relative bias of a correlation from part of the trials (..., unit, position).

    Parameters
    ----------
    terms : tuple of NoiseTerms
        From all the trials: those of the part are the noisy numbers whose noise makes the bias.
    part : numpy.ndarray, (..., unit, image, position)
        Its trials in each cell.
    at : int
        Index of the reference position.
    n_image : numpy.ndarray, (unit, position)
        Images measured at both positions, in all the trials.
    """
    shown = (part > 0) & (part[..., [at]] > 0)
    n_shown = np.maximum(shown.sum(-2), 1)
    bias = np.zeros(1)
    for of, trials in zip(terms, (part[..., [at]], part), strict=True):
        noisier = np.where(shown, of.n / np.maximum(trials, 1), 0.0).sum(-2) / n_shown
        fewer = n_image / n_shown
        bias = bias + noisier * fewer * (of.signal / 2 + 0.75 * noisier * of.square)
    return bias
