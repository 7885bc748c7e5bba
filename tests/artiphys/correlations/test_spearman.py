"""Spearman's correlation against scipy's, resample by resample."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys.correlations.spearman import (
    fisher_z,
    permutation_p_value,
    spearman,
    spearman_resamples,
)
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
    assert float(spearman(x, y, n_resamples=1, rng=0).spearman) == stats.spearmanr(x, y).statistic


@given(
    seed=st.integers(0, 10**6), n=st.integers(3, 60), ties=st.booleans(), draws=st.integers(2, 90)
)
@settings(max_examples=60, deadline=None)
def test_each_resample_is_scipys(seed, n, ties, draws):
    x, y = pairs(seed, n, ties)
    indices = np.random.default_rng(seed).integers(n, size=(150, draws))
    ours = spearman_resamples(x, y, indices)
    for r, draw in zip(ours, indices, strict=True):
        if np.ptp(x[draw]) == 0 or np.ptp(y[draw]) == 0:
            assert np.isnan(r)
        else:
            assert r == pytest.approx(stats.spearmanr(x[draw], y[draw]).statistic, abs=1e-12)


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


def test_the_bca_interval_is_scipys_for_the_same_resamples():
    x, y = pairs(4, 30, ties=True)
    indices = np.random.default_rng(0).integers(30, size=(999, 30), dtype=np.int32)
    r = stats.spearmanr(x, y).statistic
    from artiphys.correlations.spearman import bootstrap_interval

    def leave_one_out():
        keep = np.array([np.delete(np.arange(30), i) for i in range(30)])
        return spearman_resamples(x, y, keep)

    ours = bootstrap_interval(r, spearman_resamples(x, y, indices), 0.9, "BCa", leave_one_out)

    class Distribution:  # scipy takes a resampling that has been done already
        bootstrap_distribution = np.array([stats.spearmanr(x[d], y[d]).statistic for d in indices])

    theirs = stats.bootstrap(
        (x, y),
        lambda x, y: stats.spearmanr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=0,
        bootstrap_result=Distribution,
        method="BCa",
        confidence_level=0.9,
    ).confidence_interval
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("n", [5, 30])
def test_the_p_value_is_scipys_permutation_test(n):
    x, y = pairs(1, n, ties=False)
    r = stats.spearmanr(x, y).statistic
    ours = permutation_p_value(r, x, y, 20_000, np.random.default_rng(0))
    theirs = stats.permutation_test(
        (x,),
        lambda x: stats.spearmanr(x, y).statistic,
        permutation_type="pairings",
        n_resamples=2000,
        rng=1,
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.02 if n == 30 else 1e-12)


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
    assert result.spearman.sel(position=1) == stats.spearmanr(x[keep], y[keep]).statistic
    assert result.spearman.sel(position=2) == stats.spearmanr(x, -y).statistic


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


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n", [3, 7, 40, 387])
def test_resamples_of_a_perfect_relation_stay_within_one(n, sign):
    x = np.random.default_rng(n).normal(size=n)
    indices = np.random.default_rng(0).integers(n, size=(3000, n), dtype=np.int32)
    resamples = spearman_resamples(x, sign * np.exp(x), indices)
    known = resamples[~np.isnan(resamples)]
    assert np.abs(known).max() <= 1
    np.testing.assert_allclose(known, sign, rtol=1e-12)
    result = spearman(x, sign * np.exp(x), n_resamples=500, rng=0)
    assert (np.abs(result["interval"]) <= 1).all()


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
