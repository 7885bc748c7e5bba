"""Spearman's correlation within resamples in each of which the units' own values differ.

As where images are drawn anew beside the units: the order of the units is then another in each
resample and has to be sorted, but once, whatever units are drawn and however many columns go with
it; their ranks are counted, as :mod:`artiphys.correlations.counted_ranks` has it.
"""

import numpy as np

from artiphys.correlations.counted_ranks import counted
from artiphys.correlations.ranks import MIN_PAIRS, rank_correlation

__all__ = ["spearman_of_drawn"]


def spearman_of_drawn(x: np.ndarray, ys: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the correlations within each resample (resample, column), pairs with a NaN left out.

    Parameters
    ----------
    x : numpy.ndarray, (resample, unit)
        As it is in each resample.
    ys : numpy.ndarray, (column, resample, unit)
        Likewise.
    units : numpy.ndarray of int, (resample, draw)
        Which were drawn.

    Returns
    -------
    numpy.ndarray, (resample, column)
        NaN for fewer than 3 pairs, or where one of the two is constant.
    """
    counts, of_x, known = counted(units, x.shape[1]), _Sorted(x), ~np.isnan(x)
    whole = _ranked(of_x, counts)
    r = np.empty((len(x), len(ys)))
    for column, y in enumerate(ys):
        of_y, both = _Sorted(y), known & ~np.isnan(y)
        kept, ranked = counts, whole
        if not both.all():
            kept = np.where(both, counts, np.zeros_like(counts))
            ranked = _ranked(of_x, kept)
        n_draws, weighted, squares = ranked
        products = np.einsum("ru,ru->r", weighted, of_y.ranks(kept))
        with np.errstate(invalid="ignore", divide="ignore"):
            r[:, column] = np.where(n_draws >= MIN_PAIRS, products / squares, np.nan)
        tied = of_x.tied | of_y.tied
        if tied.any():  # so rarely that these may be sorted again
            drawn = (np.take_along_axis(of[tied], units[tied], axis=1) for of in (x, y))
            r[tied, column] = rank_correlation(*drawn)
    return r


def _ranked(of_x: "_Sorted", counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of draws (resample), ranks times counts, and the sum of squared ranks.

    The squares are those of the other quantity too, as no two units tie.
    """
    ranks = of_x.ranks(counts)
    weighted = np.multiply(counts, ranks, dtype=float)
    return counts.sum(1, dtype=int), weighted, np.einsum("ru,ru->r", weighted, ranks)


class _Sorted:
    """The units in order of what they are in each resample (resample, unit), NaN last."""

    def __init__(self, values: np.ndarray) -> None:
        self._place = np.argsort(values, axis=1)
        self._place += values.shape[1] * np.arange(len(values))[:, None]
        in_order = np.take(values, self._place)
        self.tied = (in_order[:, 1:] == in_order[:, :-1]).any(1)

    def ranks(self, counts: np.ndarray) -> np.ndarray:
        """Return doubled ranks less their mean (resample, unit), where no two units tie."""
        of_values = np.take(counts, self._place)
        ranks = np.cumsum(of_values, axis=1, dtype=np.int32)
        n_draws = ranks[:, -1:].copy()
        ranks *= 2
        ranks -= of_values
        ranks -= n_draws
        found = np.empty_like(ranks)
        np.put(found, self._place, ranks)
        return found
