"""The relation after integration: closed forms, another formula, and simulated images."""

import re

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.integration.relation import integrated_relation, simulate_integrated_relation
from artiphys.integration.weights import diagonal_invariance
from artiphys.rectification.moments import rectified_moments
from environment import ROOT

MEAN = np.array([-2.0, -0.5, 1.0])


def test_uncorrelated_inputs_alike_are_as_one_input():
    relation = integrated_relation(MEAN, input_correlation=0, width=0).squeeze()
    for name in ("variance", "invariance", "fisher_z"):
        np.testing.assert_allclose(relation[name], relation[f"input_{name}"], rtol=1e-9)
    single = rectified_moments(MEAN, MEAN, 1.0, 1.0, 0.6)
    np.testing.assert_allclose(relation["variance"], single.var1, rtol=1e-12)
    np.testing.assert_allclose(relation["fisher_z"], np.arctanh(single.corr), rtol=1e-12)


def test_inputs_that_are_one_add_up():
    relation = integrated_relation(MEAN, input_correlation=1, width=0, n_inputs=7).squeeze()
    np.testing.assert_allclose(relation["variance"], 7 * relation["input_variance"], rtol=1e-9)
    np.testing.assert_allclose(relation["invariance"], relation["input_invariance"], rtol=1e-9)


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_uncorrelated_inputs_are_averaged_by_their_shares(width):
    """The paper's diagonal formula, which is exact here: another road to the same numbers."""
    n = 9
    relation = integrated_relation(MEAN, input_correlation=0, width=width, n_inputs=n).squeeze()
    for mean, found in zip(MEAN, relation["invariance"].values, strict=True):
        ratios = mean + width * (np.arange(n) - 4) / n
        inputs = rectified_moments(ratios, ratios, 1.0, 1.0, 0.6)
        assert found == pytest.approx(diagonal_invariance(np.ones(n), inputs.var1, inputs.corr))
        assert relation["variance"].sel(mean=mean) == pytest.approx(inputs.var1.mean())


@pytest.mark.parametrize("c", [0.0, 0.2, 0.7])
def test_far_above_threshold_all_is_linear(c):
    relation = integrated_relation([12.0], input_correlation=c, width=3.0, n_inputs=20, rho=0.4)
    assert relation["variance"].item() == pytest.approx(1 + 19 * c, rel=1e-6)
    assert relation["fisher_z"].item() == pytest.approx(np.arctanh(0.4), rel=1e-6)


def test_correlated_inputs_cancel_where_weights_have_both_signs():
    weights = np.repeat([1.0, -1.0], 4)
    relation = integrated_relation([12.0], input_correlation=0.5, width=0, weights=weights)
    assert relation["variance"].item() == pytest.approx(0.5 * 8, rel=1e-6)


def test_the_relation_outlives_integration_and_changes_its_form():
    relation = integrated_relation()
    for name in ("variance", "fisher_z"):
        assert (relation[name].diff("mean") > 0).all()
        assert (relation[name].diff("width").isel(mean=0) > 0).all()
    assert (relation["variance"].diff("input_correlation") > 0).all()
    # Shallower: z rises by less while log variance rises as far.
    log_variance = np.log(relation["variance"])
    rise = relation["fisher_z"].isel(mean=-1) - relation["fisher_z"].isel(mean=0)
    slope = rise / (log_variance.isel(mean=-1) - log_variance.isel(mean=0))
    assert (slope.sel(input_correlation=0.3) < slope.sel(input_correlation=0.0)).all()


def test_images_simulated_agree_within_their_error():
    simulated = simulate_integrated_relation(n_images=8000, rng=1)
    exact = integrated_relation(simulated["mean"])
    for name in ("variance", "fisher_z"):
        off = (simulated[name] - exact[name]) / simulated[f"{name}_error"]
        assert float(abs(off).max()) < 4
        assert 0.6 < float((off**2).mean()) < 1.7  # errors as large as they say, of 27 points


def test_images_simulated_tell_another_correlation_of_inputs():
    """The control: traces of one correlation are not those of another."""
    simulated = simulate_integrated_relation(input_correlation=0.1, n_images=8000, rng=1)
    exact = integrated_relation(simulated["mean"], input_correlation=0.3)
    off = (simulated["variance"] - exact["variance"].values) / simulated["variance_error"]
    assert float(abs(off).min()) > 6


def test_a_seed_gives_the_same_numbers_again():
    first, again = (simulate_integrated_relation([0.0], n_images=200, rng=3) for _ in range(2))
    assert first.identical(again)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (
            {"input_correlation": [0.0, 1.5]},
            r"input_correlation must lie in \[0, 1\]; got 0 to 1.5",
        ),
        ({"input_correlation": -0.1}, r"input_correlation must lie in \[0, 1\]; got -0.1"),
        ({"width": -1.0}, "width must be at least 0; got -1"),
        ({"rho": 1.0}, r"rho must be one number in \[0, 1\); got 1.0"),
        ({"rho": [0.1, 0.2]}, r"rho must be one number in \[0, 1\); got \[0.1, 0.2\]"),
        ({"mean": [np.nan]}, "mean must be one or more finite numbers"),
        ({"mean": []}, r"mean must be one or more finite numbers; got shape \(0,\)"),
        ({"n_inputs": 0}, "n_inputs must be a whole number"),
        ({"weights": [[1.0]]}, r"weights must be finite numbers along one dim.*shape \(1, 1\)"),
        ({"weights": [0.0, 0.0]}, "not all 0"),
    ],
)
@pytest.mark.parametrize("function", [integrated_relation, simulate_integrated_relation])
def test_what_makes_no_inputs_is_refused(function, arguments, match):
    with pytest.raises(InputError, match=match):
        function(**arguments)


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match="n_images must be a whole number"):
        simulate_integrated_relation(n_images=99)


def test_the_page_on_theory_has_these_numbers():
    text = (ROOT / "docs" / "theory.md").read_text()
    cell = r" *([\d.]+) *"
    pattern = rf"^\|{cell}\|{cell}\| ([\d.]+) to ([\d.]+) \| ([\d.]+) to ([\d.]+) \|{cell}\|$"
    rows = re.findall(pattern, text, re.MULTILINE)
    relation = integrated_relation()
    assert len(rows) == 4
    for row in rows:
        c, width = float(row[0]), float(row[1])
        ends = relation.sel(input_correlation=c, width=width).isel(mean=[0, -1])
        variance, z = ends["variance"].values, ends["fisher_z"].values
        found = [*variance, *z, np.ptp(z) / np.ptp(np.log10(variance))]
        for text_of, value in zip(row[2:], found, strict=True):
            decimals = len(text_of.partition(".")[2])
            assert float(text_of) == pytest.approx(value, abs=0.5001 * 10.0**-decimals)
