"""Images that are drawn again and again: what a loop over repeated images says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.estimators.moments import variance_and_correlation
from artiphys.estimators.resampled_images import ResampledImages


def made(seed, gaps):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, 12, 3)) + 100 * rng.normal(size=(4, 1, 1))
    if gaps:
        values[rng.random(values.shape) < 0.15] = np.nan
    return values


@given(seed=st.integers(0, 10**6), gaps=st.booleans())
@settings(max_examples=20, deadline=None)
def test_counts_say_what_repeated_images_say(seed, gaps):
    values = made(seed, gaps)
    draw = np.random.default_rng(seed).integers(12, size=12)
    counts = np.bincount(draw, minlength=12)[None]
    for ours, loop in zip(
        (
            of_resamples[0]
            for of_resamples in ResampledImages(values, 0).variance_and_correlation(counts)
        ),
        variance_and_correlation(values[:, draw], 0),
        strict=True,
    ):
        np.testing.assert_allclose(ours, loop, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("sign", [1, -1])
def test_equal_columns_are_perfectly_invariant_in_each_resample(sign):
    rng = np.random.default_rng(7)
    column = rng.lognormal(size=(500, 1, 1)) * (1 + rng.normal(size=(500, 37, 1)))
    counts = rng.multinomial(37, np.full(37, 1 / 37), size=20)
    images = ResampledImages(np.concatenate([column, sign * column], axis=2), 0)
    assert (images.variance_and_correlation(counts)[1][:, :, 1] == sign).all()


def test_a_resample_of_equal_responses_has_no_correlation():
    """Sums of squares about the mean of all images leave rounding, which must rank no unit."""
    values = np.random.default_rng(9).normal(size=(200, 12, 2))
    values[:, :6, 0] = values[:, :1, 0]
    counts = np.r_[2 * np.ones(6), np.zeros(6)][None]
    variance, correlation = ResampledImages(values, 0).variance_and_correlation(counts)
    assert (variance == 0).all()
    assert np.isnan(correlation).all()
