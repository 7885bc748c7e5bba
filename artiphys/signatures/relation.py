"""The relation in one group of units at one position: one record, whatever way it was estimated.

Its fields are the variables of the result; one that an estimate does not have is None throughout.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.correlations.inference import BoundedCorrelation, RankCorrelation

__all__ = ["Relation", "dataset_of", "relation_from"]

NOT_VARIABLES = (*("lower", "upper", "correlation", "lower_over_sessions", "upper_over_sessions"),)


class Relation(NamedTuple):
    """Spearman's correlation of dynamic range and invariance over units, and what it rests on."""

    spearman: float
    lower: float
    upper: float
    p_value: float
    n_units: int
    n_sessions: int | None = None
    n_effective: float | None = None
    n_sharing_tuning: int | None = None
    curvature: float | None = None
    lower_over_sessions: float | None = None
    upper_over_sessions: float | None = None
    spearman_attenuated: float | None = None
    reliability_dynamic_range: float | None = None
    reliability_invariance: float | None = None
    spearman_naive: float | None = None
    p_value_naive: float | None = None
    n_undefined: int | None = None
    n_too_noisy: int | None = None
    n_without_signal: int | None = None
    n_without_repeats: int | None = None
    n_few_images: int | None = None
    n_not_measured: int | None = None
    n_without_covariate: int | None = None
    caution: str | None = None
    correlation: RankCorrelation | BoundedCorrelation | None = (
        None  # what an interval of any level is made from
    )

    @property
    def n_all(self) -> int:
        """All the units of the group, those that were left out too."""
        left_out = (
            self.n_undefined, self.n_too_noisy, self.n_without_signal, self.n_without_repeats,
            self.n_few_images, self.n_not_measured, self.n_without_covariate,
        )  # fmt: skip
        return self.n_units + sum(n or 0 for n in left_out)


def relation_from(
    correlation: RankCorrelation | BoundedCorrelation,
    n_units: int,
    *,
    level: float = 0.95,
    **more: Any,
) -> Relation:
    """Return the relation that a correlation and its error say; `more` are further fields."""
    lower, upper = correlation.interval(1 - level)
    return Relation(
        spearman=correlation.estimate,
        lower=lower,
        upper=upper,
        p_value=correlation.p_value,
        n_units=n_units,
        correlation=correlation,
        **more,
    )


def dataset_of(
    rows: Sequence[Sequence[Relation]], by: str, groups: np.ndarray, positions: dict[str, Any]
) -> xr.Dataset:
    """Return relations (group, position) as a Dataset, `positions` the coordinates along them."""
    dims = (by, "position")
    data: dict[str, Any] = {}
    for name in Relation._fields:
        values = [[getattr(relation, name) for relation in row] for row in rows]
        if name not in NOT_VARIABLES and values[0][0] is not None:
            data[name] = (dims, np.array(values))
    bounds = [[(relation.lower, relation.upper) for relation in row] for row in rows]
    spearman, rest = data.pop("spearman"), data
    return xr.Dataset(
        {"spearman": spearman, "interval": ((*dims, "ci_bound"), np.array(bounds)), **rest},
        coords={by: groups, "ci_bound": ["lower", "upper"], **positions},
    )
