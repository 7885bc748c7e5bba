"""What is to be measured: reference and noise resolved once, and refused where they cannot be."""

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.estimators.measurement import measurement


@pytest.fixture
def trials(make_responses):
    return make_responses(np.random.default_rng(0).normal(size=(4, 5, 3, 6)))


@pytest.mark.parametrize(
    ("noise", "resolved"), [("auto", "split"), ("corrected", "corrected"), (None, None)]
)
def test_noise_is_resolved(trials, noise, resolved):
    measured = measurement(trials, noise=noise)
    assert measured.noise == resolved
    assert measured.has_trials == (noise is not None)
    assert measurement(trials.mean("trial", keep_attrs=True), noise="auto").noise is None


def test_one_reference_for_all_or_each_units_own(trials):
    measured = measurement(trials, reference=2)
    assert (measured.reference, measured.own.tolist(), measured.away) == (2, [2] * 4, [0, 1])
    assert [at for at, _ in measured.by_reference()] == [2]
    best = measurement(trials, reference="best")
    assert best.away == [0, 1, 2]
    of_each = np.zeros(4, dtype=int)
    for at, members in best.by_reference():
        of_each[members] = at
    assert of_each.tolist() == best.own.tolist()


def test_some_units_and_their_means_keep_the_rest(trials):
    measured = measurement(trials, reference=1)
    some = measured.of_units(np.array([True, False, True, False])).as_measured()
    np.testing.assert_allclose(some.values, trials.values[[0, 2]].mean(-1))
    assert (some.noise, some.own.tolist(), some.reference) == (None, [1, 1], 1)


def test_it_cannot_be_changed(trials):
    with pytest.raises(AttributeError, match="cannot assign"):
        measurement(trials).noise = None


def test_averages_have_no_best_reference(trials):
    with pytest.raises(InputError, match="chooses on trials of its own; got averages"):
        measurement(trials.mean("trial", keep_attrs=True), reference="best")
