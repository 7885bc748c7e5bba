"""Partial rank correlation against regression, and its test against one with no relation."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from artiphys.errors import InputError
from artiphys.partial_correlation import partial_spearman
from artiphys.rank_correlation import spearman


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
    [(3.0, "covariates must be a sequence of arrays; got float"), ([np.ones((3, 3))], "one dim")],
)
def test_bad_input(covariates, fault):
    with pytest.raises(InputError, match=fault):
        partial_spearman([1, 2, 3], [1, 3, 2], covariates)
