"""What the responses as measured would have said, noise and all."""

from typing import NamedTuple

import numpy as np

from artiphys.correlations.ranks import rank_correlation, t_p_value

__all__ = ["NaiveRelation", "naive_relation"]


class NaiveRelation(NamedTuple):
    """Fields of a :class:`artiphys.signatures.relation.Relation`."""

    spearman_naive: float
    p_value_naive: float


def naive_relation(dynamic_range: np.ndarray, invariance: np.ndarray) -> NaiveRelation:
    """Return the relation of two quantities (unit), nothing held constant; NaN is left out."""
    r = float(rank_correlation(dynamic_range, invariance))
    n_units = int((np.isfinite(dynamic_range) & np.isfinite(invariance)).sum())
    return NaiveRelation(r, t_p_value(r, n_units))
