"""Partial rank correlation against regression, and its test against one with no relation."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from artiphys.correlations.partial import partial_spearman
from artiphys.correlations.spearman import spearman
from artiphys.errors import InputError


def confounded(seed, n=60):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return z + rng.normal(size=n), z + rng.normal(size=n), z


def test_against_regression_of_ranks():
    x, y, z = confounded(0)
    z2 = np.random.default_rng(1).normal(size=x.size)
    found = partial_spearman(x, y, [z, z2], n_resamples=50, rng=0)
    design = np.column_stack([np.ones(x.size), stats.rankdata(z), stats.rankdata(z2)])
    residuals = []
    for values in (x, y):
        ranks = stats.rankdata(values)
        residuals.append(ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0])
    assert float(found["spearman"]) == pytest.approx(np.corrcoef(residuals)[0, 1])


def test_the_confounded_relation_is_found_by_spearman_and_not_by_the_partial_one():
    plain, partial = [], []
    for seed in range(60):
        x, y, z = confounded(seed)
        plain.append(float(spearman(x, y, n_resamples=199, rng=seed)["p_value"]))
        found = partial_spearman(x, y, [z], n_resamples=199, rng=seed)
        partial.append(float(found["p_value"]))
        assert found["interval"][0] < found["spearman"] < found["interval"][1]
    assert np.mean(np.array(plain) < 0.05) > 0.8
    assert np.mean(np.array(partial) < 0.05) < 0.15


def test_missing_values_and_labels():
    x, y, z = confounded(2, n=20)
    x[3] = z[5] = np.nan
    units = [f"u{i}" for i in range(20)]
    arrays = [xr.DataArray(v, dims="unit", coords={"unit": units}) for v in (x, y, z)]
    found = partial_spearman(*arrays[:2], xr.Dataset({"z": arrays[2]}), n_resamples=20, rng=0)
    assert int(found["n"]) == 18
    with pytest.raises(InputError, match="must have the same labels along 'unit'"):
        partial_spearman(arrays[0], arrays[1], [arrays[2].assign_coords(unit=units[::-1])])


def test_nothing_left_gives_no_number():
    x, y, z = confounded(3, n=20)
    for given in ((z, y, [z]), (x[:4], y[:4], [z[:4], z[:4] ** 2])):
        assert np.isnan(float(partial_spearman(*given, n_resamples=20, rng=0)["spearman"]))


@pytest.mark.parametrize(
    ("covariates", "fault"),
    [
        (3.0, "covariates must be an array or a sequence of arrays; got 3.0"),
        ("depth", "covariates must be an array or a sequence of arrays; got 'depth'"),
        ({"depth": [1, 2, 3]}, "covariates must be an array or a sequence of arrays; got {"),
        ([[1, 2, 3], np.ones((3, 3))], "covariate 1 must be a DataArray or have one dimension"),
        (["a", "b", "c"], "covariate 0 must be real numbers; got dtype <U1"),
        (xr.DataArray([1, 2, 3], dims="neuron"), "covariate 0 must have the dim 'unit'"),
    ],
)
def test_bad_input(covariates, fault):
    with pytest.raises(InputError, match=fault):
        partial_spearman([1, 2, 3], [1, 3, 2], covariates)


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="method must be 'percentile' or 'BCa'; got 'basic'"):
        partial_spearman([1, 2, 3], [1, 3, 2], [[2, 1, 3]], method="basic")


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_with_nothing_held_constant_it_is_spearman_resample_by_resample(method):
    x, y, _ = confounded(5, n=25)
    x[2], y[3] = np.inf, np.nan
    asked = {"n_resamples": 300, "level": 0.9, "method": method, "rng": 4}
    plain = spearman(x, y, **asked)
    for nothing in ([], [np.ones(25)]):
        found = partial_spearman(x, y, nothing, **asked)
        for name in ("spearman", "interval", "n"):
            np.testing.assert_allclose(found[name], plain[name], rtol=1e-9)
        assert found.attrs["interval_method"] == f"{method} bootstrap over unit"


def test_the_bca_interval_is_scipys():
    x, y, z = confounded(6, n=40)

    def statistic(x, y, z):
        c = stats.spearmanr(np.stack([x, y, z], axis=1)).statistic
        left = (1 - c[0, 2] ** 2) * (1 - c[1, 2] ** 2)
        return (c[0, 1] - c[0, 2] * c[1, 2]) / np.sqrt(left)

    theirs = stats.bootstrap(
        (x, y, z), statistic, paired=True, n_resamples=3000, vectorized=False, rng=2
    ).confidence_interval
    ours = partial_spearman(x, y, z, n_resamples=20_000, method="BCa", rng=1)["interval"]
    np.testing.assert_allclose(ours, theirs, atol=0.02)  # two streams of random numbers
    percentile = partial_spearman(x, y, z, n_resamples=20_000, rng=1)["interval"]
    assert np.abs(ours - percentile).max() > 0.005


def test_other_dims_are_broadcast_and_each_column_is_as_if_alone():
    rng = np.random.default_rng(7)
    y = xr.DataArray(
        rng.normal(size=(2, 30)), dims=("position", "unit"), coords={"position": [1, 2]}
    )
    x, z = (xr.DataArray(rng.normal(size=30), dims="unit") for _ in range(2))
    y[0, :3] = np.nan
    found = partial_spearman(x, y.T, z, n_resamples=99, rng=0)
    assert found["spearman"].dims == ("position",)
    assert found["interval"].dims == ("position", "ci_bound")
    assert found["n"].values.tolist() == [27, 30]
    for position in (1, 2):
        alone = partial_spearman(x, y.sel(position=position), z, n_resamples=99, rng=0)
        xr.testing.assert_allclose(found.sel(position=position), alone)
    held_apart = partial_spearman(x, y[1], z * y, n_resamples=9, rng=0)
    assert held_apart["spearman"].dims == ("position",)


def test_a_single_covariate_may_come_alone():
    x, y, z = confounded(8, n=20)
    expected = partial_spearman(x, y, [z], n_resamples=20, rng=0)
    labelled = xr.DataArray(z, dims="unit")
    for alone in (z, z.tolist(), labelled, (labelled,), labelled.to_series(), z[None]):
        xr.testing.assert_identical(partial_spearman(x, y, alone, n_resamples=20, rng=0), expected)


def test_a_constant_or_repeated_covariate_takes_nothing_off():
    x, y, z = confounded(4, n=30)
    constant = np.ones(30)

    def held(*covariates):
        found = partial_spearman(x, y, covariates, n_resamples=200, rng=0)
        return [float(found["spearman"]), *found["interval"].values, float(found["p_value"])]

    plain = float(spearman(x, y, n_resamples=20, rng=0)["spearman"])
    assert held(constant)[0] == pytest.approx(plain)
    once = held(z)
    for given in ((z, 2 * z + 1), (z, constant), (constant, z, z)):
        assert held(*given) == pytest.approx(once)
    assert abs(once[0] - plain) > 0.1
    reordered = np.random.default_rng(0).permutation(30)
    shuffled = partial_spearman(
        x[reordered], y[reordered], [z[reordered], constant], n_resamples=20
    )
    assert float(shuffled["spearman"]) == pytest.approx(once[0])


@pytest.mark.parametrize("n", [12, 20])
def test_the_rate_in_small_samples_with_three_covariates(n):
    rejected, without_regressing_again = [], []
    for seed in range(500):
        rng = np.random.default_rng([n, seed])
        z = rng.normal(size=(3, n))
        x, y = rng.normal(size=(2, n))
        found = partial_spearman(x, y, list(z), n_resamples=199, rng=seed)
        rejected.append(float(found["p_value"]) < 0.05)
        r = float(found["spearman"])
        t = r * np.sqrt((n - 2) / (1 - r**2))  # as if the residuals had lost no dimensions
        without_regressing_again.append(2 * stats.t.sf(abs(t), n - 2) < 0.05)
    assert np.mean(rejected) < 0.08
    assert np.mean(without_regressing_again) > np.mean(rejected) + 0.02


def test_permutations_of_as_small_a_relation_count():
    x, y = [0, 0, 0, 1, -1, 0], [-1, 0, -1, 0, 0, -1]
    result = partial_spearman(x, y, [], n_resamples=2000, rng=0)
    assert abs(float(result["spearman"])) < 1e-12
    assert float(result["p_value"]) == 1.0  # 0.61 when what rounds below it did not count
