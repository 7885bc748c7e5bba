"""The calibration benchmark runs; and recordings whose truth is known give it back."""

from unittest import mock

import numpy as np
import pytest
from scipy import stats

import calibration
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.estimators.moments import variance_and_correlation
from artiphys.estimators.signal_moments import (
    MAX_NOISE_ERROR,
    cells_of,
    noise_error,
    signal_moments,
)
from artiphys.signatures import split_halves as split_signature
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses


def test_the_benchmark_runs(capsys):
    calibration.main(["--experiments", "12", "--rows", "0", "15"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("|") for line in lines if line.startswith(("| none", "| rect"))]
    assert len(rows) == 2
    assert float(rows[0][9]) > 0.7  # the naive test says yes
    assert float(rows[0][12].strip(" *")) <= 0.4  # the default seldom does


@pytest.mark.slow
def test_the_default_has_its_false_positive_rate():
    condition = calibration.Condition()
    outcomes = [calibration.experiment(condition, seed) for seed in range(600)]
    rejected = np.mean([o.p_value < 0.05 for o in outcomes])
    assert 0.03 <= rejected <= 0.07
    assert np.mean([o.lower < 0 < o.upper for o in outcomes]) >= 0.93


def test_units_that_hardly_differ_in_invariance_are_not_ranked_by_their_noise():
    """Too large a correlation in noisy units is a relation: 24 of 100 such tests said yes."""
    condition = calibration.Condition(
        units=150, images=80, repeats=(2, 10), rate=8.0, population="invariant"
    )
    with mock.patch.dict(
        vars(calibration.simulation), calibration.POPULATIONS[condition.population]
    ):
        recordings = [
            simulate_responses(**condition.arguments(), rng=seed).responses for seed in range(40)
        ]

    def found():
        return [signature(each)["spearman_attenuated"].item() for each in recordings]

    assert abs(np.mean(found())) < 0.03
    with mock.patch.object(split_signature, "ratio_bias", return_value=0.0):  # must fail
        assert np.mean(found()) < -0.06


@pytest.fixture(scope="module")
def recording(shared_data):
    """Counts of the V4 look-alike and its true rates (unit, image, position[, trial])."""
    trials, rates = [], []
    for path in sorted((shared_data / "nwb" / "v4_position").glob("sub-SP*.truth.npz")):
        with np.load(path, allow_pickle=True) as truth:
            rates.append(truth["rate"])
            shape = (*rates[-1].shape, 8)
            values, filled = np.full(shape, np.nan), np.zeros(shape[1:3], dtype=int)
            for row in np.flatnonzero(truth["trial_used"]):
                cell = truth["trial_image"][row], truth["trial_position"][row]
                values[:, *cell, filled[cell]] = truth["counts"][:, row]
                filled[cell] += 1
            trials.append(values)
    return np.concatenate(trials), np.concatenate(rates)


def test_corrected_invariance_of_the_recording_is_unbiased(recording, make_responses):
    counts, rates = recording
    responses = make_responses(counts, units="spikes")
    true = variance_and_correlation(rates, 0)[1][:, 1:]
    found = {noise: invariance(responses, noise=noise).values for noise in (None, "corrected")}
    known = np.isfinite(true) & np.isfinite(found["corrected"])
    cells = cells_of(counts)
    known &= noise_error(cells, signal_moments(cells, 0), 0)[:, 1:] < 0.5
    naive, corrected = (np.median(values[known]) for values in found.values())
    # Some 160 correlations with errors of some 0.2: their median has a standard error of 0.02.
    assert corrected == pytest.approx(np.median(true[known]), abs=0.04)
    assert found["corrected"][known].mean() == pytest.approx(true[known].mean(), rel=0.02)
    assert naive < np.median(true[known]) - 0.1


def test_the_true_signature_of_the_recording_lies_inside_the_interval(recording, make_responses):
    counts, rates = recording
    responses = make_responses(counts, units="spikes")
    variance, correlation = variance_and_correlation(rates, 0)
    result = signature(responses).isel(area=0)
    cells = cells_of(counts)
    error = noise_error(cells, signal_moments(cells, 0), 0)
    for column, position in enumerate(result["position"].values):
        lower, upper = result["interval"].sel(position=position).values
        used = error[:, position] <= MAX_NOISE_ERROR
        pair = variance[used], correlation[used, position]
        assert lower < stats.spearmanr(*pair).statistic < upper
        assert result["p_value_naive"].values[column] < 0.001
    assert dynamic_range(responses).attrs["noise"] == "split"
