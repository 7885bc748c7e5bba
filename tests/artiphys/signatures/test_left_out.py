"""Units that a signature from trials leaves out."""

import numpy as np

from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.left_out import (
    ITS_REFERENCE,
    LEFT_OUT,
    of_one_repeat,
    too_few_images,
    why_left_out,
)


def test_on_these_images_each_reason_is_given_once():
    error = np.array([[np.nan, 0.3, 0.6, np.inf, np.nan, np.nan]])
    once = np.array([[False, False, False, False, True, False]])
    found = why_left_out(error, np.array([0]), once)[0].tolist()
    names = ("n_too_noisy", "n_without_signal", "n_without_repeats", "n_not_measured")
    assert found == [ITS_REFERENCE, "", *(LEFT_OUT[name] for name in names)]


def test_for_images_at_large_noise_is_no_reason():
    values = np.random.default_rng(0).normal(size=(5, 8, 2, 3))
    values[1, 5:, 1] = np.nan  # five images at both
    values[2, :, 1] = np.nan
    values[3, :, :, 1:] = np.nan  # one repeat
    own = np.array([0, 0, 0, 0, 1])
    found = too_few_images(cells_of(values), own, of_one_repeat(cells_of(values).n, own))
    assert found[:, 1].tolist() == [
        "",
        LEFT_OUT["n_few_images"],
        LEFT_OUT["n_not_measured"],
        LEFT_OUT["n_without_repeats"],
        ITS_REFERENCE,
    ]
    assert found[[0, 4], 0].tolist() == [ITS_REFERENCE, ""]


def test_one_repeat_here_or_at_the_reference():
    values = np.ones((3, 4, 2, 2))
    values[0, :, 1, 1] = np.nan  # once at the position
    values[1, :, 0, 1] = np.nan  # once at the reference
    values[2, :, 1] = np.nan  # never at the position
    once = of_one_repeat(cells_of(values).n, np.zeros(3, dtype=int))
    assert once[:, 1].tolist() == [True, True, False]
