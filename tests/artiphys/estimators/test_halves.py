"""Halves of the trials: nothing in both, nothing in neither, the same for every call."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.estimators.halves import first_half, splits_by_images
from made_up_trials import trials


@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.3, 0.7]))
@settings(max_examples=20, deadline=None)
def test_halves_share_no_trial_and_leave_none_out(seed, gaps):
    measured = ~np.isnan(trials(seed, gaps=gaps))
    first = first_half(measured, 3)
    second = measured & ~first
    assert not (first & second).any()
    assert ((first | second) == measured).all()
    by_trials = ~splits_by_images(measured.sum(-1))
    assert (np.abs(first.sum(-1) - second.sum(-1))[by_trials] <= 1).all()
    whole_images = first[~by_trials].any((2, 3)) & second[~by_trials].any((2, 3))
    assert not whole_images.any()


def test_trials_are_dealt_out_in_turn():
    measured = ~np.isnan(trials(3, gaps=0.3))
    n_unit, n_image, n_position, n_trial = measured.shape
    rng = np.random.default_rng((20191217, 5))  # as it is fixed for all results so far
    rng.permutation(n_image)
    odd = rng.integers(2, size=(n_image, n_position, 1))
    order = rng.random((n_trial, n_image, n_position)).argsort(0)
    first = np.zeros_like(measured)
    for unit, image, position in np.ndindex(measured.shape[:3]):
        n_dealt = 0
        for trial in order[:, image, position]:
            if measured[unit, image, position, trial]:
                n_dealt += 1
                turn = (n_dealt + odd[image, position, 0]) % 2 == 0
                first[unit, image, position, trial] = turn
    none = np.zeros(n_unit, dtype=bool)
    np.testing.assert_array_equal(first_half(measured, 5, by_images=none), first)


def test_halves_do_not_hang_on_which_other_units_are_there():
    measured = ~np.isnan(trials(0, gaps=0.2))
    np.testing.assert_array_equal(first_half(measured, 1)[2:], first_half(measured[2:], 1))


def test_few_repeats_are_split_by_images():
    n = np.full((1, 10, 2), 3)
    assert splits_by_images(n).tolist() == [True]
    assert splits_by_images(n + 1).tolist() == [False]
    n[:, :, 0] = 12
    assert splits_by_images(n).tolist() == [True]  # as half of the cells still have 3
    first = first_half(np.ones((1, 10, 2, 2), dtype=bool), 0)
    assert first.all((2, 3)).sum() == first.any((2, 3)).sum() == 5


def test_padding_changes_no_half():
    values = trials(0, gaps=0.2)
    padded = np.concatenate([values, np.full((*values.shape[:3], 3), np.nan)], axis=3)
    first = first_half(~np.isnan(padded), 2)
    np.testing.assert_array_equal(first[..., : values.shape[3]], first_half(~np.isnan(values), 2))
