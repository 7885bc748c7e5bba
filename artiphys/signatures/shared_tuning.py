"""Units that are not independent of each other, as they share their tuning."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from artiphys.estimators.signal_moments import Cells

__all__ = ["SharedTuning", "share_tuning"]

SAME_TUNING = 0.7  # a signal correlation; two units of one column have less
BY_CHANCE = 0.05  # partners of each unit by chance; and, to be told, pairs among all units
LEAST_SIGNAL = 0.25  # of the variance of a unit's means: with less, its signal is not known


class SharedTuning(NamedTuple):
    """Which units go together, and of how many that is beyond doubt."""

    together: np.ndarray  # (unit, unit), 1 or 0; each with itself
    n_units: int  # that share theirs with another, beyond what chance does among all pairs


def share_tuning(cells: Cells, own: np.ndarray, position: int) -> SharedTuning:
    r"""Return which units share their tuning: a signal correlation above 0.7.

    .. math:: r_{uv} = \frac{\mathrm{cov}_i(m_{ui}, m_{vi})}{\sqrt{\hat V_u \hat V_v}}

    over images at the reference and over those at the position, the mean of the two, with m the
    mean of a cell's trials and V the signal variance. Two clusters of one cell have 1. The
    correlation of the means themselves must be beyond chance too.

    Parameters
    ----------
    cells : Cells
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position.
    position : int
    """
    at, unit = np.maximum(own, 0), np.arange(own.size)
    places = [(cells.mean[unit, :, at], cells.noise[unit, :, at])]
    places.append((cells.mean[:, :, position], cells.noise[:, :, position]))
    of_means, of_signals = np.mean([_correlations(*place) for place in places], axis=0)
    n = np.isfinite(places[0][0]).sum(1)
    reach = 1 / np.sqrt(np.maximum(np.minimum(n[:, None], n[None]) - 3.0, 1.0))
    same = of_signals > SAME_TUNING
    np.fill_diagonal(same, False)
    n_unit = max(own.size, 2)
    likely, sure = (
        same & (of_means > np.tanh(reach * stats.norm.isf(BY_CHANCE / n_pairs)))
        for n_pairs in (n_unit, n_unit**2)
    )
    return SharedTuning(likely.astype(float) + np.eye(own.size), int(sure.any(1).sum()))


def _common(deviation: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return each unit's part (unit, image) in what all do alike, which makes no two of them one.

    The error knows of it already, as it is over images too.
    """
    size = np.sqrt((deviation**2).sum(1, keepdims=True))
    of_all = np.divide(deviation, size, out=np.zeros_like(deviation), where=size > 0)
    alike = of_all.sum(0) / np.maximum(shown.sum(0), 1)
    total = (alike**2).sum()
    return np.outer(deviation @ alike, alike) / total if total > 0 else np.zeros_like(deviation)


def _correlations(mean: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the correlations of means and of signals over images shown to both (2, unit, unit)."""
    shown = np.isfinite(mean + noise)
    n = shown.sum(1)
    known = np.where(shown, mean, 0.0)
    deviation = np.where(shown, known - (known.sum(1) / np.maximum(n, 1))[:, None], 0.0)
    deviation = np.where(shown, deviation - _common(deviation, shown), 0.0)
    of_both = shown.astype(float) @ shown.T.astype(float)
    covariance = deviation @ deviation.T / np.maximum(of_both - 1, 1)
    total = np.diag(covariance)
    by_noise = np.where(shown, noise, 0.0).sum(1) / np.maximum(n, 1)
    signal = np.maximum(total - by_noise, LEAST_SIGNAL * total)
    scales = np.stack([np.sqrt(np.outer(of, of)) for of in (total, signal)])
    return np.divide(covariance, scales, out=np.zeros_like(scales), where=scales > 0)
