"""A network seen through a recording: what is kept of the network, and what is given to it."""

import numpy as np
import pytest
from scipy import stats

from artiphys.comparison import experiment
from artiphys.comparison.experiment import (
    experiment_of,
    measured_through,
    units_measured_through,
)
from artiphys.estimators.moments import variance_and_correlation
from artiphys.estimators.signal_moments import cells_of, signal_moments
from artiphys.simulation import simulate_responses


def recording(seed=0, **more):
    arguments = {"n_units": 60, "n_images": 80, "repeats": (2, 8), "rate": 20.0} | more
    return simulate_responses(relation="none", **arguments, rng=seed)


def network(seed=0, n_unit=150, n_image=80):
    """Responses of both signs, with a relation."""
    rng = np.random.default_rng(seed)
    scale = rng.lognormal(size=(n_unit, 1, 1))
    common, own = rng.normal(size=(2, n_unit, n_image, 3))
    common = common[:, :, :1]
    return scale * (scale * common + own) + rng.normal(size=(n_unit, 1, 1))


def quiet(experiment):
    return experiment._replace(noise=np.zeros_like(experiment.noise))


def test_without_noise_ranks_of_dynamic_range_and_invariances_are_the_models():
    experiment = quiet(
        experiment_of(cells_of(recording(n_positions=3, rate=200.0).responses.values), 0)
    )
    assert (experiment.variance > 0).all()
    values = network()
    seen = np.nanmean(measured_through(values, 0, experiment, np.random.default_rng(0)), axis=-1)
    before, after = (variance_and_correlation(array, 0) for array in (values, seen))
    assert (stats.rankdata(after[0]) == stats.rankdata(before[0])).all()
    np.testing.assert_allclose(after[1], before[1], atol=1e-9)


def test_the_model_takes_on_the_recordings_distributions():
    experiment = experiment_of(cells_of(recording(rate=100.0).responses.values), 0)
    n_unit = len(experiment.mean)
    seen = measured_through(
        network(n_unit=n_unit)[..., :2], 0, experiment, np.random.default_rng(0)
    )
    cells = cells_of(seen)
    moments = signal_moments(cells, 0)
    ratio = np.sort(moments.variance[:, 0]) / experiment.variance[:, 0]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    mean = np.nanmean(cells.mean, axis=1)
    ranked = np.argsort(network(n_unit=n_unit)[:, :, 0].var(1))
    np.testing.assert_allclose(mean[ranked], experiment.mean, rtol=0.3, atol=8)
    assert sorted(cells.n.sum((1, 2))) == sorted(experiment.n.sum((1, 2)))


def test_the_fano_factor_is_recovered():
    for fano in (1.0, 3.0):
        responses = recording(repeats=8, fano=fano).responses
        experiment = experiment_of(cells_of(responses.values), 0)
        factor = np.median(experiment.noise / experiment.mean)
        assert factor == pytest.approx(fano / 0.2, rel=0.05)  # per window of 0.2 s


def test_noise_goes_with_the_mean_unless_means_are_negative():
    values = recording().responses.values
    assert experiment_of(cells_of(values), 0).proportional.all()
    centred = values - np.nanmean(values, axis=(1, 2, 3), keepdims=True)
    assert not experiment_of(cells_of(centred), 0).proportional.any()
    experiment = experiment_of(cells_of(values), 0)._replace(mean=np.full((60, 2), 50.0))
    experiment = experiment._replace(variance=np.full((60, 2), 100.0), n=np.full((60, 80, 2), 40))
    seen = measured_through(network()[..., :2], 0, experiment, np.random.default_rng(0))
    level, noise = seen.mean(-1), seen.var(-1, ddof=1)
    slope = [np.corrcoef(x, y)[0, 1] for x, y in zip(level[:, :, 0], noise[:, :, 0], strict=True)]
    assert np.median(slope) > 0.4


def test_the_noise_is_that_of_the_recording_whatever_the_tuning():
    truth = recording(n_units=200, repeats=6, rate=40.0)
    experiment = experiment_of(cells_of(truth.responses.values), 0)
    for values in (network(n_unit=200)[..., :2], truth.truth["rate"].values):
        seen = measured_through(values, 0, experiment, np.random.default_rng(0))
        again = experiment_of(cells_of(seen), 0)
        ratio = again.at_signal[:, 0] / experiment.at_signal[:, 0]
        assert np.nanmedian(ratio) == pytest.approx(1, abs=0.12)


def test_a_constant_unit_is_not_measured_and_nan_stays_nan():
    values = network(n_unit=20)[..., :2]
    values[3] = 1.0
    values[5, 7] = np.nan
    experiment = experiment_of(cells_of(recording().responses.values), 0)
    seen = measured_through(values, 0, experiment, np.random.default_rng(0))
    assert np.isnan(seen[3]).all()
    assert np.isnan(seen[5, 7]).all()
    assert np.isfinite(seen[[0, 1, 2, 4]]).any((1, 2, 3)).all()


def test_what_is_drawn_for_a_unit_hangs_on_no_block(monkeypatch):
    values = network(n_unit=40)[..., :2]
    values[3] = 1.0
    through = experiment_of(cells_of(recording().responses.values), 0)
    whole = measured_through(values, 0, through, np.random.default_rng(0))
    monkeypatch.setattr(experiment, "AT_ONCE", 3 * whole[0].size)
    blocks = list(units_measured_through(values, 0, through, np.random.default_rng(0)))
    assert [len(units) for units, _ in blocks] == [3] * 13
    assert sorted(np.concatenate([units for units, _ in blocks])) == [*range(3), *range(4, 40)]
    for units, trials in blocks:
        np.testing.assert_array_equal(trials, whole[units])


def test_units_never_recorded_at_the_reference_are_nobodys_example():
    values = recording().responses.values
    values[10, :, 0] = np.nan
    assert len(experiment_of(cells_of(values), 0).mean) == 59
    assert len(experiment_of(cells_of(np.full((3, 10, 2, 4), np.nan)), 0).mean) == 0
