"""Units that are not independent of each other, as they share their tuning."""

from typing import NamedTuple

import numpy as np
from scipy import sparse, stats

from artiphys.estimators.signal_moments import Cells

__all__ = ["NONE_SHARED", "SharedTuning", "share_tuning"]

SAME_TUNING = 0.7  # a signal correlation; two units of one column have less
BY_CHANCE = 0.05  # partners of each unit by chance; and, to be told, pairs among all units
AT_ONCE = 2**21  # pairs of units
LEAST_SIGNAL = 0.25  # of the variance of a unit's means: with less, its signal is not known


class SharedTuning(NamedTuple):
    """Which units go together, and of how many that is beyond doubt."""

    together: sparse.csr_array  # (unit, unit), 1 or 0; each with itself
    n_units: int  # that share theirs with another, beyond what chance does among all pairs


NONE_SHARED = SharedTuning(sparse.csr_array((0, 0)), 0)


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
    places = [
        _tuning(cells.mean[unit, :, at], cells.noise[unit, :, at]),
        _tuning(cells.mean[:, :, position], cells.noise[:, :, position]),
    ]
    n = places[0].shown.sum(1)
    n_unit = max(own.size, 2)
    by_chance = stats.norm.isf(BY_CHANCE / np.array([n_unit, n_unit**2]))
    blocks, n_sharing = [], 0
    step = max(1, AT_ONCE // n_unit)
    for start in range(0, own.size, step):
        rows = slice(start, start + step)
        of_means, of_signals = np.mean([_correlations(of, rows) for of in places], axis=0)
        reach = 1 / np.sqrt(np.maximum(np.minimum(n[rows, None], n) - 3.0, 1.0))
        same = of_signals > SAME_TUNING
        same[np.arange(len(same)), unit[rows]] = False
        likely, sure = (same & (of_means > np.tanh(reach * z)) for z in by_chance)
        blocks.append(sparse.csr_array(likely.astype(float)))
        n_sharing += int(sure.any(1).sum())
    return SharedTuning(sparse.vstack(blocks).tocsr() + sparse.eye_array(own.size), n_sharing)


class _Tuning(NamedTuple):
    """Of each unit at one place."""

    deviation: np.ndarray  # (unit, image), of its means from their mean, less what all units do
    shown: np.ndarray  # (unit, image), 1 or 0
    total: np.ndarray  # (unit), variance of its means
    signal: np.ndarray  # (unit), that of its signal


def _tuning(mean: np.ndarray, noise: np.ndarray) -> _Tuning:
    shown = np.isfinite(mean + noise)
    n = np.maximum(shown.sum(1), 1)
    known = np.where(shown, mean, 0.0)
    deviation = np.where(shown, known - (known.sum(1) / n)[:, None], 0.0)
    deviation = np.where(shown, deviation - _common(deviation, shown), 0.0)
    total = (deviation**2).sum(1) / np.maximum(shown.sum(1) - 1, 1)
    by_noise = np.where(shown, noise, 0.0).sum(1) / n
    signal = np.maximum(total - by_noise, LEAST_SIGNAL * total)
    return _Tuning(deviation, shown.astype(float), total, signal)


def _common(deviation: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return each unit's part (unit, image) in what all do alike, which makes no two of them one.

    The error knows of it already, as it is over images too.
    """
    size = np.sqrt((deviation**2).sum(1, keepdims=True))
    of_all = np.divide(deviation, size, out=np.zeros_like(deviation), where=size > 0)
    alike = of_all.sum(0) / np.maximum(shown.sum(0), 1)
    total = (alike**2).sum()
    return np.outer(deviation @ alike, alike) / total if total > 0 else np.zeros_like(deviation)


def _correlations(of: _Tuning, rows: slice) -> np.ndarray:
    """Return the correlations of means and of signals, of some units with all (2, row, unit).

    Over images shown to both.
    """
    of_both = of.shown[rows] @ of.shown.T
    covariance = of.deviation[rows] @ of.deviation.T / np.maximum(of_both - 1, 1)
    scales = np.stack([np.sqrt(np.outer(v[rows], v)) for v in (of.total, of.signal)])
    return np.divide(covariance, scales, out=np.zeros_like(scales), where=scales > 0)
