"""Halves of the trials: nothing in both, nothing in neither, the same for every call."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.estimators.halves import first_half, halves_of, halves_of_splits, splits_by_images
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


@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.3, 0.7]))
@settings(max_examples=20, deadline=None)
def test_many_splits_at_once_are_the_same_halves(seed, gaps):
    values = trials(seed, gaps=gaps)
    at_once = halves_of_splits(values, range(3))
    for h in (0, 1):
        one_by_one = [halves_of(values, split)[h] for split in range(3)]
        for name in ("mean", "n", "noise"):
            expected = np.concatenate([getattr(cells, name) for cells in one_by_one])
            np.testing.assert_allclose(
                getattr(at_once[h], name), expected, rtol=1e-7, atol=1e-10, err_msg=name
            )


def test_halves_do_not_hang_on_which_other_units_are_there():
    measured = ~np.isnan(trials(0, gaps=0.2))
    np.testing.assert_array_equal(first_half(measured, 1)[2:], first_half(measured[2:], 1))


def test_two_repeats_are_split_by_images():
    n = np.full((1, 10, 2), 2)
    assert splits_by_images(n).tolist() == [True]
    assert splits_by_images(n + 1).tolist() == [False]
    first = first_half(np.ones((1, 10, 2, 2), dtype=bool), 0)
    assert first.all((2, 3)).sum() == first.any((2, 3)).sum() == 5


def test_padding_changes_no_half():
    values = trials(0, gaps=0.2)
    padded = np.concatenate([values, np.full((*values.shape[:3], 3), np.nan)], axis=3)
    first = first_half(~np.isnan(padded), 2)
    np.testing.assert_array_equal(first[..., : values.shape[3]], first_half(~np.isnan(values), 2))
