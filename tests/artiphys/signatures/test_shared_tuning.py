"""Units of one tuning are found, and none by chance."""

import numpy as np

from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.shared_tuning import share_tuning

OWN = np.zeros(60, dtype=int)


def population(seed, copies=1, n_image=40, rate=10.0):
    rng = np.random.default_rng(seed)
    rates = rate * rng.gamma(2.0, 0.5, size=(60 // copies, n_image, 2, 1))
    return cells_of(
        rng.poisson(np.repeat(rates, copies, axis=0), (60, n_image, 2, 6)).astype(float)
    )


def test_copies_are_found_and_strangers_are_not():
    found = share_tuning(population(0, copies=3), OWN, 1)
    expected = np.kron(np.eye(20), np.ones((3, 3)))
    np.testing.assert_array_equal(found.together.toarray(), expected)
    assert found.n_units == 60
    strangers = [share_tuning(population(seed), OWN, 1) for seed in range(20)]
    assert sum(of.n_units > 0 for of in strangers) <= 3
    assert np.mean([of.together.sum() - 60 for of in strangers]) < 6


def test_few_images_and_noise_find_none_by_chance():
    few = [share_tuning(population(seed, n_image=7), OWN, 1) for seed in range(20)]
    noisy = [share_tuning(population(seed, rate=0.5), OWN, 1) for seed in range(20)]
    for found in (few, noisy):
        assert sum(of.n_units > 0 for of in found) <= 3


def test_units_of_other_images_are_strangers():
    cells = population(0, copies=2)
    mean = cells.mean.copy()
    mean[::2, :20], mean[1::2, 20:] = np.nan, np.nan
    assert share_tuning(cells._replace(mean=mean), OWN, 1).n_units == 0
