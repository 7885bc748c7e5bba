"""The best position of each unit, chosen on trials of its own."""

import numpy as np

from artiphys.estimators.reference import best_positions


def test_a_third_of_each_cell_s_trials_chooses_and_is_not_in_the_rest(make_responses):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 6, 3, 7))
    values[rng.random(values.shape) < 0.2] = np.nan
    _, rest = best_positions(make_responses(values))
    n, n_rest = ((~np.isnan(of)).sum(-1) for of in (values, rest.values))
    np.testing.assert_array_equal(n_rest, n - n // 3)
    of_rest, of_all = (of[~np.isnan(of)] for of in (rest.values, values))
    assert set(of_rest) < set(of_all)


def test_of_equally_good_positions_it_is_the_first(make_responses):
    one = np.random.default_rng(0).normal(size=(200, 31)) / 3
    both = np.stack([one, one[:, ::-1]], axis=-1)  # of equal means, but for rounding
    values = np.repeat(both[..., None], 3, axis=-1)
    own, _ = best_positions(make_responses(values))
    assert set(own) == {0}
    values[::2, :, 1] += 1e-9
    own, _ = best_positions(make_responses(values))
    assert own.tolist() == [1, 0] * 100


def test_a_unit_never_shown_thrice_has_no_best_position(make_responses):
    values = np.random.default_rng(0).normal(size=(3, 4, 2, 3))
    values[1, ..., 2] = np.nan
    values[2, :, 0] = np.nan
    own, _ = best_positions(make_responses(values))
    assert own[1:].tolist() == [-1, 1]
