"""Explained invariance: identities, the Gaussian model where it is true, shares, and refusals."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from artiphys.errors import InputError
from artiphys.integration.explained import agreement, explained_invariance
from artiphys.integration.input_shares import input_shares
from artiphys.integration.weights import diagonal_invariance, output_invariance
from artiphys.rectification.covariance import rectified_covariance

N = 6


@pytest.mark.parametrize("skewed", [False, True])
def test_the_exact_prediction_is_what_units_do(drawn, weights, skewed):
    inputs = drawn(50, skewed=skewed)
    explained = explained_invariance(inputs, weights).sel(prediction="exact")
    answers = np.maximum(inputs.values, 0) @ weights.T
    for unit in range(3):
        assert explained["variance"][unit] == pytest.approx(np.var(answers[:, 0, unit], ddof=1))
        for column in (1, 2):
            r = np.corrcoef(answers[:, 0, unit], answers[:, column, unit])[0, 1]
            assert explained["invariance"][unit, column - 1] == pytest.approx(r, abs=1e-12)
    rectified = np.maximum(inputs.values, 0)
    both = np.cov(rectified[:, 0].T, rectified[:, 2].T)
    np.testing.assert_allclose(
        explained["invariance"].sel(position=0.25),
        output_invariance(weights, both[:N, :N], both[N:, N:], both[:N, N:]),
        atol=1e-12,
    )


def test_the_gaussian_prediction_is_that_of_the_joint_covariance(drawn, weights):
    inputs = drawn(80)
    explained = explained_invariance(inputs, weights).sel(prediction="gaussian", position=0.125)
    joint = np.concatenate([inputs.values[:, 0], inputs.values[:, 1]], axis=1)
    cov = rectified_covariance(joint.mean(axis=0), np.cov(joint.T)).cov
    expected = output_invariance(weights, cov[:N, :N], cov[N:, N:], cov[:N, N:])
    np.testing.assert_allclose(explained["invariance"], expected, atol=1e-10)
    variance = np.einsum("un,nm,um->u", weights, cov[:N, :N], weights)
    np.testing.assert_allclose(explained["variance"], variance, rtol=1e-10)


def test_the_gaussian_prediction_holds_for_normal_inputs_and_not_for_skewed_ones(drawn, weights):
    errors = []
    for skewed in (False, True):
        explained = explained_invariance(drawn(20_000, skewed=skewed), weights)
        exact, gaussian = (
            explained.sel(prediction=name)["variance"] for name in ("exact", "gaussian")
        )
        errors.append(float(np.abs(gaussian / exact - 1).max()))
    assert errors[0] < 0.04
    assert errors[1] > 0.1


def test_the_diagonal_prediction_is_the_papers_where_inputs_keep_their_variance(drawn, weights):
    inputs = drawn(60)
    inputs[:, 1] = inputs[np.random.default_rng(0).permutation(60), 0]
    explained = explained_invariance(inputs, weights).sel(prediction="diagonal", position=0.125)
    rectified = np.maximum(inputs.values, 0)
    variance = rectified[:, 0].var(axis=0, ddof=1)
    correlation = [np.corrcoef(rectified[:, 0, i], rectified[:, 1, i])[0, 1] for i in range(N)]
    np.testing.assert_allclose(
        explained["invariance"], diagonal_invariance(weights, variance, correlation), atol=1e-12
    )
    np.testing.assert_allclose(explained["variance"], weights**2 @ variance)


def test_the_linear_control_is_that_of_inputs_as_they_are(drawn, weights):
    inputs = drawn(60)
    explained = explained_invariance(inputs, weights).sel(prediction="linear", position=0.25)
    answers = inputs.values @ weights.T
    r = np.corrcoef(answers[:, 0, 4], answers[:, 2, 4])[0, 1]
    assert explained["invariance"][4] == pytest.approx(r, abs=1e-12)


def test_units_keep_their_labels_and_units_that_do_not_vary_are_nan(drawn, weights):
    labelled = xr.DataArray(
        np.concatenate([weights[:2], np.zeros((1, N))]),
        dims=("unit", "input"),
        coords={"unit": ["a", "b", "c"], "area": ("unit", ["x"] * 3)},
    )
    explained = explained_invariance(drawn(20), labelled)
    assert explained["unit"].values.tolist() == ["a", "b", "c"]
    assert explained["area"].dims == ("unit",)
    assert np.isnan(explained["invariance"].sel(unit="c")).all()
    assert not np.isnan(explained["invariance"].sel(unit=["a", "b"])).any()


def test_few_images_make_no_gaussian(drawn, weights):
    explained = explained_invariance(drawn(19), weights)
    assert np.isnan(explained.sel(prediction="gaussian")["invariance"]).all()
    assert not np.isnan(explained.sel(prediction=["exact", "linear"])["invariance"]).any()


def test_agreement_against_loops(drawn, weights):
    inputs = drawn(60)
    explained = explained_invariance(inputs, weights)
    exact = explained.sel(prediction="exact", drop=True)
    table = agreement(explained, exact["variance"], exact["invariance"])
    at = {"prediction": "gaussian", "position": 0.25}
    predicted, measured = explained["invariance"].sel(at), exact["invariance"].sel(position=0.25)
    cell = table.sel(at)
    assert cell["spearman_invariance"] == pytest.approx(
        stats.spearmanr(predicted, measured).statistic
    )
    assert cell["error_invariance"] == np.median(np.abs(predicted - measured))
    own = explained["variance"].sel(prediction="gaussian")
    assert cell["signature"] == pytest.approx(stats.spearmanr(own, predicted).statistic)
    assert cell["signature_measured"] == pytest.approx(
        stats.spearmanr(exact["variance"], measured).statistic
    )
    best = table.sel(prediction="exact")
    assert (best["largest_error_variance"] == 0).all()
    assert (table.sel(prediction="diagonal")["error_invariance"] > 0.01).all()
    with pytest.raises(InputError, match="pass the same"):
        agreement(explained, exact["variance"][1:], exact["invariance"])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda x: x.values, r"must be a DataArray \(image, position, ...\); got ndarray"),
        (lambda x: x.isel(position=[0]), "reference position and at least one more"),
        (lambda x: x.assign_attrs(reference=3.0), "got reference 3.0 and positions"),
        (lambda x: x.isel(image=[0, 1]), "at least 3 images are needed; got 2"),
        (lambda x: x.isel(input=[0, 1]), r"weights must be \(unit, \(2,\)\) as inputs"),
        (lambda x: x.where(x < x.max()), "must be finite"),
    ],
)
def test_refusals(drawn, weights, change, match):
    for function in (explained_invariance, input_shares):
        with pytest.raises(InputError, match=match):
            function(change(drawn(10)), weights)
