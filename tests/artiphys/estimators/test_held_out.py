"""Images held out: moments and scores against a loop, and against the truth."""

import numpy as np
import pytest

from artiphys.estimators.held_out import MIN_IMAGES, folds_of_images
from artiphys.estimators.signal_moments import cells_of, signal_moments

OWN = np.zeros(4, dtype=int)


def trials(seed, n_unit=4, n_image=13, n_trial=4):
    rng = np.random.default_rng(seed)
    signal = rng.gamma(2.0, 3.0, size=(n_unit, n_image, 2, 1))
    values = rng.poisson(signal, size=(n_unit, n_image, 2, n_trial)).astype(float)
    values[:, 3, 1, 2:] = np.nan
    values[1, 5, 0] = np.nan  # one image less for this unit
    return values


def test_each_image_is_held_out_once_and_the_others_have_their_own_moments():
    values = trials(0)
    cells, seen = cells_of(values), []
    for fold in folds_of_images(cells, OWN, 1, n_folds=5):
        seen += fold.images.tolist()
        others = np.delete(np.arange(13), fold.images)
        expected = signal_moments(cells_of(values[:, others]), 0)
        np.testing.assert_allclose(fold.moments[0], expected.variance_reference[:, 1])
        np.testing.assert_allclose(fold.moments[1], expected.variance[:, 1])
        np.testing.assert_allclose(fold.moments[2], expected.covariance[:, 1])
        assert fold.n_image.tolist() == expected.n_image[:, 1].tolist()
    assert sorted(seen) == list(range(13))


def test_scores_and_moments_are_unbiased_and_the_errors_are_those_of_repeated_draws():
    """Normal signals of variance 4 and 9 and covariance 3, under the noise of three trials."""
    rng = np.random.default_rng(1)
    covariance = np.array([[4.0, 3.0], [3.0, 9.0]])
    n_unit, n_image = 20_000, 12
    signal = rng.multivariate_normal([5.0, 7.0], covariance, size=(n_unit, n_image))
    values = signal[..., None] + 2 * rng.normal(size=(n_unit, n_image, 2, 3))
    fold = next(folds_of_images(cells_of(values), np.zeros(n_unit, dtype=int), 1))
    truth = np.array([4.0, 9.0, 3.0])
    np.testing.assert_allclose(fold.moments.mean(1), truth, rtol=0.03)
    np.testing.assert_allclose(fold.scores.mean((1, 2)), truth, rtol=0.06)
    found = np.cov(fold.moments)
    np.testing.assert_allclose(fold.errors.mean(0), found, rtol=0.12)
    by_noise = 2 * (2 * 4.0 * 4 / 3 + (4 / 3) ** 2) / 10  # closed form, 11 images
    np.testing.assert_allclose(fold.noise.mean(), by_noise, rtol=0.15)  # that of the noise itself
    assert fold.share == pytest.approx(2 / 10, rel=0.5)  # a normal signal's
    together = (fold.scores - truth[:, None, None]).mean(2) @ (fold.moments - truth[:, None]).T
    # Errors of what is held out and of the rest have next to nothing in common.
    assert np.abs(together / n_unit / np.sqrt(np.outer(truth, truth))).max() < 0.12


def test_images_of_one_group_are_held_out_together():
    rng = np.random.default_rng(0)
    cells = cells_of(rng.poisson(5.0, (7, 30, 2, 4)).astype(float))
    groups = rng.integers(8, size=30)
    of_folds = [
        set(groups[fold.images])
        for fold in folds_of_images(cells, np.zeros(7, dtype=int), 1, groups=groups)
    ]
    assert len(of_folds) == 8
    assert [len(of) for of in of_folds] == [1] * 8


def test_units_with_few_images_have_no_moments_and_their_scores_are_0():
    values = trials(2)
    values[2, MIN_IMAGES - 1 :] = np.nan
    for fold in folds_of_images(cells_of(values), OWN, 1):
        assert np.isnan(fold.moments[:, 2]).all()
        assert np.isfinite(fold.moments[:, [0, 1, 3]]).all()


def test_each_unit_may_have_a_reference_of_its_own():
    values = trials(3)
    own = np.array([0, 1, 0, 1])
    swapped = np.where((own == 1)[:, None, None, None], values[:, :, ::-1], values)
    cells = cells_of(np.concatenate([swapped, values[:, :, 1:]], axis=2))
    for found, expected in zip(
        folds_of_images(cells, own, 2), folds_of_images(cells_of(values), OWN, 1), strict=True
    ):
        np.testing.assert_allclose(found.moments, expected.moments)
        np.testing.assert_allclose(found.scores, expected.scores)
