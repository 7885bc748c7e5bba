"""Each unit left out in turn, against doing just that."""

import numpy as np
import pytest

from artiphys.correlations.jackknife import rank_correlations_without_each
from artiphys.correlations.ranks import rank_correlations
from made_up_trials import quantities


@pytest.mark.parametrize("ties", [False, True])
def test_each_unit_left_out_is_each_unit_left_out(ties):
    values, keep = quantities(1, ties=ties)
    found = rank_correlations_without_each(values, keep)
    for unit in range(values.shape[-1]):
        others = keep & (np.arange(values.shape[-1]) != unit)
        np.testing.assert_allclose(found[:, unit], rank_correlations(values, others), atol=1e-12)
