"""Resamples in each of which the values differ, against a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys.correlations.drawn_ranks import spearman_of_drawn


@given(seed=st.integers(0, 10**6), ties=st.booleans(), gaps=st.sampled_from([0.0, 0.1, 0.8]))
@settings(max_examples=40, deadline=None)
def test_each_resample_is_scipys(seed, ties, gaps):
    rng = np.random.default_rng(seed)
    x, ys = rng.normal(size=(6, 20)), rng.normal(size=(3, 6, 20))
    if ties:
        x[1], ys[1, 2:4] = np.round(x[1]), np.round(ys[1, 2:4])
        ys[2, 0] = 1.0
    for values in (x[:3], ys[0], ys[1, 3:]):
        values[rng.random(values.shape) < gaps] = np.nan
    units = rng.integers(20, size=(6, 20))
    found = spearman_of_drawn(x, ys, units)
    for column, y in enumerate(ys):
        for resample, drawn in enumerate(units):
            pairs = x[resample, drawn], y[resample, drawn]
            known = ~np.isnan(pairs[0] + pairs[1])
            a, b = (of[known] for of in pairs)
            expected = np.nan
            if known.sum() >= 3 and np.ptp(a) > 0 and np.ptp(b) > 0:
                expected = stats.spearmanr(a, b).statistic
            assert found[resample, column] == pytest.approx(expected, abs=1e-12, nan_ok=True)
