"""Units that are not independent of each other, as they share their tuning."""

from typing import NamedTuple

import numpy as np
from scipy import sparse, stats

from artiphys.estimators.blocks import some_units
from artiphys.estimators.signal_moments import Cells

__all__ = ["NONE_SHARED", "SharedTuning", "share_tuning"]

SAME_TUNING = 0.7  # a signal correlation; two units of one column have less
BY_CHANCE = 0.05  # partners of each unit by chance; and, to be told, pairs among all units
AT_ONCE = 2**19  # pairs of units
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
    pairs, n_sharing = [], 0
    for rows in some_units(own.size, own.size**2, AT_ONCE):
        of_places = zip(*(_correlations(of, rows) for of in places), strict=True)
        of_means, of_signals = ((first + second) / 2 for first, second in of_places)
        of_signals[np.arange(len(of_signals)), unit[rows]] = 0.0
        one, other = np.nonzero(of_signals > SAME_TUNING)
        reach = 1 / np.sqrt(np.maximum(np.minimum(n[rows][one], n[other]) - 3.0, 1.0))
        likely, sure = (of_means[one, other] > np.tanh(reach * z) for z in by_chance)
        pairs.append(np.stack([one[likely] + rows.start, other[likely]]))
        n_sharing += np.unique(one[sure]).size
    of_pairs = np.concatenate(pairs, axis=1)
    together = sparse.coo_array((np.ones(of_pairs.shape[1]), tuple(of_pairs)), (own.size, own.size))
    return SharedTuning(together.tocsr() + sparse.eye_array(own.size), n_sharing)


class _Tuning(NamedTuple):
    """Of each unit at one place."""

    deviation: np.ndarray  # (unit, image), of its means from their mean, over their SD
    shown: np.ndarray  # (unit, image), 1 or 0
    excess: np.ndarray  # (unit), SD of its means over that of its signal


def _tuning(mean: np.ndarray, noise: np.ndarray) -> _Tuning:
    shown = np.isfinite(mean + noise)
    n = np.maximum(shown.sum(1), 1)
    known = np.where(shown, mean, 0.0)
    deviation = np.where(shown, known - (known.sum(1) / n)[:, None], 0.0)
    deviation = np.where(shown, deviation - _common(deviation, shown), 0.0)
    total = (deviation**2).sum(1) / np.maximum(shown.sum(1) - 1, 1)
    by_noise = np.where(shown, noise, 0.0).sum(1) / n
    signal = np.maximum(total - by_noise, LEAST_SIGNAL * total)
    varies = np.where(total > 0, total, np.inf)
    deviation /= np.sqrt(varies)[:, None]
    return _Tuning(deviation, shown.astype(float), np.sqrt(total / np.where(total > 0, signal, 1)))


def _common(deviation: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return each unit's part (unit, image) in what all do alike, which makes no two of them one.

    The error knows of it already, as it is over images too.
    """
    size = np.sqrt((deviation**2).sum(1, keepdims=True))
    of_all = np.divide(deviation, size, out=np.zeros_like(deviation), where=size > 0)
    alike = of_all.sum(0) / np.maximum(shown.sum(0), 1)
    total = (alike**2).sum()
    return np.outer(deviation @ alike, alike) / total if total > 0 else np.zeros_like(deviation)


def _correlations(of: _Tuning, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of means and of signals, of some units with all (row, unit).

    Over images shown to both.
    """
    shared = of.shown.shape[1] if of.shown.all() else of.shown[rows] @ of.shown.T
    of_means = of.deviation[rows] @ of.deviation.T / np.maximum(shared - 1, 1)
    return of_means, of_means * np.outer(of.excess[rows], of.excess)
