"""Each unit left out or replaced in turn, against doing just that."""

import numpy as np
import pytest

from artiphys.correlations.jackknife import (
    rank_correlations_with_each_replaced,
    rank_correlations_without_each,
)
from artiphys.correlations.ranks import rank_correlations
from made_up_trials import quantities


@pytest.mark.parametrize("ties", [False, True])
def test_each_unit_left_out_is_each_unit_left_out(ties):
    values, keep = quantities(1, ties=ties)
    found = rank_correlations_without_each(values, keep)
    for unit in range(values.shape[-1]):
        others = keep & (np.arange(values.shape[-1]) != unit)
        np.testing.assert_allclose(found[:, unit], rank_correlations(values, others), atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_each_unit_replaced_is_each_unit_replaced(ties):
    values, keep = quantities(3, ties=ties)
    replaced, _ = quantities(4, ties=ties)
    found = rank_correlations_with_each_replaced(values, keep, replaced)
    for unit in range(values.shape[-1]):
        changed = np.where(np.arange(values.shape[-1]) == unit, replaced, values)
        np.testing.assert_allclose(found[:, unit], rank_correlations(changed, keep), atol=1e-12)
