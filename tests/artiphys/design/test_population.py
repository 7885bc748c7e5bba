"""Units without noise: their moments are those asked for, on the images shown and on new ones."""

import numpy as np
import pytest
from scipy import stats

from artiphys.design.exchange import exchanged
from artiphys.design.moments import mean, standardised
from artiphys.design.recorded import population_of
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.simulation import simulate_responses


def correlations(rates, at=0):
    """Return the correlation with the reference (unit, position)."""
    standard = (rates - rates.mean(1, keepdims=True)) / rates.std(1, keepdims=True)
    return (standard * standard[:, :, [at]]).mean(1)


def test_rates_have_the_moments_freed_of_noise(long_recording):
    responses, truth = long_recording
    units = population_of(responses, 0)
    rates = units.rates()
    variance = dynamic_range(responses, noise="corrected").values
    np.testing.assert_allclose(rates[:, :, 0].var(1, ddof=1), variance, rtol=1e-6)
    np.testing.assert_allclose(rates.mean(1), responses.mean(("image", "trial")).values)
    found = correlations(rates)[:, 1:]
    corrected = invariance(responses, noise="corrected").values
    assert np.abs(found - corrected).max() < 0.03
    assert np.quantile(np.abs(found - truth["invariance"].values[:, 1:]), 0.95) < 0.06
    assert np.corrcoef(rates.ravel(), truth["rate"].values.ravel())[0, 1] > 0.995


def test_an_invariance_that_is_exchanged_changes_alone(long_recording):
    units = population_of(long_recording.responses, 0)
    rates = units.rates()
    for seed in range(5):
        other = exchanged(units, 0.0, np.random.default_rng(seed))
        drawn = other.rates()
        assert drawn.min() >= 0
        np.testing.assert_array_equal(drawn[:, :, 0], rates[:, :, 0])
        np.testing.assert_allclose(drawn.mean(1), rates.mean(1), rtol=0.02)
        np.testing.assert_allclose(drawn.std(1), rates.std(1), rtol=0.02)
        off = np.abs(correlations(drawn) - other.invariance)
        assert np.quantile(off, 0.98) < 0.006
        assert off.max() < 0.06  # where there are no positive rates of that correlation
        assert np.abs(other.invariance - units.invariance).max() > 0.3


def test_images_at_large_have_the_moments_of_the_population(long_recording):
    units = population_of(long_recording.responses, 0)
    units = exchanged(units, 0.0, np.random.default_rng(0))
    drawn = units.rates_on_new_images(4000, np.random.default_rng(1))
    assert drawn.shape == (150, 4000, 3)
    assert drawn.min() >= 0
    off = correlations(drawn) - units.invariance
    assert np.abs(off).max() < 0.06
    assert abs(off.mean()) < 0.005
    ratio = drawn[:, :, 0].std(1) / units.deviation[:, 0]
    assert np.abs(ratio - 1).max() < 0.08
    recorded = long_recording.responses.mean("trial").values[:, :, 0]
    skew = stats.skew(drawn[:, :, 0], axis=1), stats.skew(recorded, axis=1)
    assert np.corrcoef(*skew)[0, 1] > 0.9  # as sparse as the units were


def test_few_new_images_vary_as_samples_do(long_recording):
    units = population_of(long_recording.responses, 0)
    sds = np.array(
        [
            units.rates_on_new_images(30, np.random.default_rng(seed))[:, :, 0].std(1, ddof=1)
            for seed in range(20)
        ]
    )
    ratio = sds / units.deviation[:, 0]
    assert np.sqrt((ratio**2).mean()) == pytest.approx(1, abs=0.05)
    assert ratio.std(0).mean() > 0.08


def test_tunings_that_went_together_still_do_but_copies_are_strangers():
    rng = np.random.default_rng(0)
    responses, _ = simulate_responses(n_units=4, n_images=60, repeats=40, rate=40.0, rng=1)
    values = responses.values.copy()
    values[1] = values[0][:, :, rng.permutation(40)]  # a unit recorded twice
    units = population_of(responses.copy(data=values), 0)
    drawn = units.of_units(np.array([0, 1, 2, 0])).rates_on_new_images(500, rng)[:, :, 0]
    together = np.corrcoef(drawn)
    assert together[0, 1] > 0.9
    assert abs(together[0, 3]) < 0.25
    assert abs(together[1, 3]) < 0.25


def test_few_images_make_no_tunings_alike():
    """By chance units are alike on 8 images; on new ones they are not, if they are not at all."""
    responses, _ = simulate_responses(
        relation="none", n_units=100, n_images=8, repeats=40, rate=40.0, rng=2
    )
    drawn = population_of(responses, 0).rates_on_new_images(400, np.random.default_rng(0))
    together = np.corrcoef(drawn[:, :, 0])[np.triu_indices(100, 1)]
    assert np.abs(np.corrcoef(responses.mean("trial")[:, :, 0])).mean() > 0.3
    assert together.std() < 0.12


@pytest.mark.parametrize(("spread", "repeats"), [(0.0, 6), (0.0, 20), (0.2, 6)])
def test_noise_adds_nothing_to_the_differences_in_invariance(spread, repeats):
    """Units of one invariance come out alike, and those that differ as different as they are."""
    rng = np.random.default_rng(5)
    n = 300
    rho = np.clip(rng.normal(0.6, spread, n), -0.9, 0.99)[:, None]
    one, own = rng.standard_normal((2, n, 40))
    one, own = standardised(one), standardised(own)
    rates = np.stack([one, rho * one + np.sqrt(1 - rho**2) * own], axis=2)
    rates = np.exp(rng.normal(3, 0.7, (n, 1, 1))) * np.maximum(0, 1 + 0.45 * rates)
    true = correlations(rates)[:, 1]
    responses, _ = simulate_responses(n_units=n, n_images=40, repeats=repeats, rng=0)
    counts = rng.poisson(0.2 * rates[..., None], responses.shape)
    responses = responses.copy(data=counts / 0.2)
    raw = invariance(responses, noise="corrected").values[:, 0]
    found = population_of(responses, 0).invariance[:, 1]
    assert np.nanstd(raw) > true.std() + 0.01
    assert found.std() == pytest.approx(true.std(), abs=0.045)
    assert found.mean() == pytest.approx(true.mean(), abs=0.05)


def test_what_was_not_measured_has_no_rate(long_recording):
    responses = long_recording.responses.isel(unit=slice(0, 20), trial=slice(0, 40)).copy()
    responses[3, 4] = np.nan
    responses[5, 6, 2] = np.nan
    rates = population_of(responses, 0).rates()
    missing = np.zeros(rates.shape, dtype=bool)
    missing[3, 4] = missing[5, 6, 2] = True
    np.testing.assert_array_equal(np.isnan(rates), missing)
    np.testing.assert_allclose(mean(rates)[:, 0], responses.mean(("image", "trial"))[:, 0])


def test_responses_without_noise_are_their_own_rates():
    """Also those that are the same at both positions, to the last digit."""
    rng = np.random.default_rng(0)
    responses, _ = simulate_responses(n_units=6, n_images=20, repeats=3, rng=0)
    cells = rng.integers(1, 30, (6, 20, 2)).astype(float)
    cells[0, :, 1] = cells[0, :, 0]
    responses = responses.copy(data=np.repeat(cells[..., None], 3, axis=-1))
    rates = population_of(responses, 0).rates()
    np.testing.assert_allclose(rates, cells, atol=1e-3)


def test_a_signal_that_noise_may_hide_is_not_taken_for_none():
    responses, truth = simulate_responses(
        relation="none", n_units=300, n_images=40, repeats=4, rate=3.0, rng=0
    )
    raw = dynamic_range(responses, noise="corrected").values
    found = population_of(responses, 0).deviation[:, 0] ** 2
    hidden = raw <= 0
    assert hidden.sum() > 5
    assert (found > 0).all()
    true = truth["dynamic_range"].values
    assert 0.3 < found[hidden].mean() / true[hidden].mean() < 3
    clear = raw > np.quantile(raw, 0.7)
    np.testing.assert_allclose(found[clear], raw[clear], rtol=0.25)
    assert found[clear].mean() == pytest.approx(true[clear].mean(), rel=0.1)
