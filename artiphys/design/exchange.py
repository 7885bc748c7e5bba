"""Invariance exchanged between units, so that it goes with dynamic range as one wants."""

import numpy as np
from scipy import stats

from artiphys.design.population import Population
from artiphys.simulation import related

__all__ = ["exchanged", "true_relation"]


def exchanged(
    units: Population,
    relation: float,
    rng: np.random.Generator,
    within: np.ndarray | None = None,
    alike: np.ndarray | None = None,
) -> Population:
    """Return units of which each has got the invariance of another, at all positions.

    Dynamic range, mean responses, noise and tuning at the reference stay. Units in which no signal
    was seen take no part.

    Parameters
    ----------
    units : Population
    relation : float
        Spearman's correlation that dynamic range and invariance get, over all ways to exchange; of
        several positions, their mean rank of invariance.
    rng : numpy.random.Generator
    within : numpy.ndarray, (unit), optional
        Units exchange with those of the same value alone.
    alike : numpy.ndarray, (unit), optional
        Units of the same value get invariances as much alike as theirs were.
    """
    invariance = units.invariance.copy()
    groups = np.zeros(len(invariance)) if within is None else within
    takes_part = units.deviation[:, units.at] > 0
    rank = _mean_rank(units, takes_part)
    noise = _noise(rank, takes_part, alike, rng)
    for group in np.unique(groups):
        members = np.flatnonzero((groups == group) & takes_part)
        dynamic_range = units.deviation[members, units.at]
        order = related(dynamic_range, rank[members], relation, noise[members])
        invariance[members] = units.invariance[members[order]]
    return units.with_invariance(invariance)


def true_relation(units: Population) -> np.ndarray:
    """Return Spearman's correlation of dynamic range and invariance without noise (position).

    Over the units with a signal at the reference and there; NaN with fewer than 3, and at the
    reference.
    """
    found = np.full(units.mean.shape[1], np.nan)
    signal = units.deviation > 0
    for position in range(found.size):
        both = signal[:, units.at] & signal[:, position]
        if position != units.at and both.sum() > 2:
            pair = units.deviation[both, units.at], units.invariance[both, position]
            found[position] = _spearman(*pair)
    return found


def _mean_rank(units: Population, takes_part: np.ndarray) -> np.ndarray:
    """Return the rank of each unit's invariance, mean over positions (unit); 0 of the others."""
    away = np.arange(units.mean.shape[1]) != units.at
    rank = np.zeros(len(takes_part))
    rank[takes_part] = stats.rankdata(units.invariance[takes_part][:, away], axis=0).mean(1)
    return rank


def _noise(
    rank: np.ndarray, takes_part: np.ndarray, alike: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Return normal numbers (unit) as much alike within groups as the ranks are."""
    own = rng.standard_normal(len(rank))
    if alike is None:
        return own
    labels, group = np.unique(alike, return_inverse=True)
    share = _intraclass_correlation(rank[takes_part], group[takes_part])
    shared = rng.standard_normal(len(labels))[group]
    return np.sqrt(share) * shared + np.sqrt(1 - share) * own


def _intraclass_correlation(values: np.ndarray, group: np.ndarray) -> float:
    """Return how much alike values of one group are, by analysis of variance; 0 to 1."""
    n = np.bincount(group)
    n, sums = n[n > 0], np.bincount(group, values)[n > 0]
    k, total = len(n), len(values)
    if k < 2 or k == total:  # nothing to compare with, or within
        return 0.0
    between = (sums**2 / n).sum() - values.sum() ** 2 / total
    within = (values**2).sum() - (sums**2 / n).sum()
    between, within = between / (k - 1), within / (total - k)
    size = (total - (n**2).sum() / total) / (k - 1)
    spread = between + (size - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else 0.0


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    ranks = np.stack([stats.rankdata(x), stats.rankdata(y)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return np.nan
    return float(np.corrcoef(ranks)[0, 1])
