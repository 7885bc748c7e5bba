"""Spearman's correlation, its interval and p-value against scipy's; Fisher's z."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys.correlations.spearman import fisher_z, spearman
from artiphys.errors import InputError


def pairs(seed, n, ties):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    return (np.round(x), np.round(2 * y) / 2) if ties else (x, y)


@given(seed=st.integers(0, 10**6), n=st.integers(3, 60), ties=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_estimate_is_scipys(seed, n, ties):
    x, y = pairs(seed, n, ties)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    found = spearman(x, y, n_resamples=1, rng=0).spearman
    np.testing.assert_allclose(found, stats.spearmanr(x, y).statistic, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
@pytest.mark.parametrize("ties", [False, True])
def test_the_interval_is_scipys(method, ties):
    x, y = pairs(3, 40, ties)
    ours = spearman(x, y, n_resamples=20_000, method=method, rng=1).interval.values

    def statistic(x, y):
        return stats.spearmanr(x, y).statistic

    theirs = stats.bootstrap(
        (x, y), statistic, paired=True, n_resamples=3000, method=method, vectorized=False, rng=2
    ).confidence_interval
    np.testing.assert_allclose(ours, theirs, atol=0.02)  # two streams of random numbers


def test_p_values_are_uniform_without_a_relation_and_not_with_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400, 25))
    dims = ("experiment", "unit")
    result = spearman(
        xr.DataArray(x, dims=dims), xr.DataArray(y, dims=dims), n_resamples=199, rng=1
    )
    assert stats.kstest(result.p_value, "uniform").pvalue > 0.01
    related = spearman(x[0], x[0] + y[0], n_resamples=199, rng=1)
    assert float(related.p_value) < 0.05


def test_the_interval_covers_as_it_says():
    """Bivariate normal: rho_s = 6/pi arcsin(rho/2) in the population."""
    rng = np.random.default_rng(5)
    rho, n, n_experiments = 0.5, 100, 300
    x, e = rng.normal(size=(2, n_experiments, n))
    y = rho * x + np.sqrt(1 - rho**2) * e
    dims = ("experiment", "unit")
    result = spearman(
        xr.DataArray(x, dims=dims), xr.DataArray(y, dims=dims), n_resamples=500, rng=1
    )
    truth = 6 / np.pi * np.arcsin(rho / 2)
    covered = (result.interval[:, 0] <= truth) & (truth <= result.interval[:, 1])
    assert stats.binomtest(int(covered.sum()), n_experiments, 0.95).pvalue > 0.001
    wrong = (result.interval[:, 0] <= 0) & (result.interval[:, 1] >= 0)
    assert wrong.mean() < 0.1  # the control: 0 is not covered


def test_columns_do_not_hang_on_each_other():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    dims = ("unit", "position")
    both = spearman(xr.DataArray(x, dims=dims), xr.DataArray(y, dims=dims), n_resamples=200, rng=7)
    for column in range(3):
        alone = spearman(x[:, column], y[:, column], n_resamples=200, rng=7)
        xr.testing.assert_equal(both.isel(position=column), alone)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_only_the_order_counts(seed):
    x, y = pairs(seed, 20, ties=True)
    before = spearman(x, y, n_resamples=50, rng=0)
    xr.testing.assert_equal(before, spearman(np.exp(x), y**3, n_resamples=50, rng=0))


def test_broadcasting_and_missing_pairs():
    x, y = pairs(0, 12, ties=False)
    carried = xr.DataArray(
        np.stack([y, -y], 1), dims=("unit", "position"), coords={"position": [1, 2]}
    )
    carried[3, 0] = np.nan
    result = spearman(xr.DataArray(x, dims="unit"), carried, n_resamples=10, rng=0)
    assert result.n.values.tolist() == [11, 12]
    keep = np.arange(12) != 3
    expected = [stats.spearmanr(x[keep], y[keep]).statistic, stats.spearmanr(x, -y).statistic]
    np.testing.assert_allclose(result.spearman, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("x", "y"), [([1, 2], [2, 1]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([np.nan] * 4, [1] * 4)]
)
def test_too_little_to_say(x, y):
    result = spearman(x, y, n_resamples=10, rng=0)
    for name in ("spearman", "interval", "p_value"):
        assert np.isnan(result[name].values).all()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"n_resamples": 0}, "n_resamples must be a whole number"),
        ({"method": "basic"}, "method must be 'percentile' or 'BCa'; got 'basic'"),
        ({"dim": "image"}, "x must have the dim 'image'"),
    ],
)
def test_bad_arguments(arguments, fault):
    x = xr.DataArray([1.0, 2, 3], dims="unit")
    with pytest.raises(InputError, match=fault):
        spearman(x, x, **arguments)


def test_labels_must_agree():
    x = xr.DataArray([1.0, 2, 3], dims="unit", coords={"unit": list("abc")})
    with pytest.raises(InputError, match="same labels along 'unit'"):
        spearman(x, x.assign_coords(unit=list("abd")))
    with pytest.raises(InputError, match="x must be a DataArray or have one dimension; got 2"):
        spearman(np.ones((2, 3)), np.ones((2, 3)))


def test_fisher_z():
    r = np.array([-1, -0.5, 0, 0.9, 1, 1.2])
    z = fisher_z(r)
    np.testing.assert_allclose(z[1:4], 0.5 * np.log((1 + r[1:4]) / (1 - r[1:4])), rtol=1e-14)
    assert z[0] == -np.inf
    assert z[4] == np.inf
    assert np.isnan(z[5])
    labelled = fisher_z(xr.DataArray(r, dims="unit", attrs={"formula": "Pearson"}))
    assert labelled.attrs == {"formula": "Pearson", "scale": "Fisher z"}


def test_whole_numbers_of_numpy_are_whole_numbers():
    x, y = pairs(0, 20, ties=False)
    asked = spearman(x, y, n_resamples=np.int64(50), level=np.float64(0.9), rng=np.uint8(3))
    xr.testing.assert_equal(asked, spearman(x, y, n_resamples=50, level=0.9, rng=3))


@pytest.mark.parametrize("text", [["a", "b", "c"], ["1", "2", "3"], [1j, 2, 3], [object()] * 3])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError, match="r must be real numbers; got"):
        fisher_z(text)
    with pytest.raises(InputError, match="x must be real numbers; got"):
        spearman(text, [1, 2, 3])
    with pytest.raises(InputError, match="y must be real numbers; got"):
        spearman(*(xr.DataArray(values, dims="unit") for values in ([1, 2, 3], text)))
