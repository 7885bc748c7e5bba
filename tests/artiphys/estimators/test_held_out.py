"""Images held out: moments and scores against a loop, and against the truth."""

from itertools import product

import numpy as np
import pytest

from artiphys.estimators.held_out import MIN_IMAGES, images_held_out
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
    held_out = images_held_out(cells_of(values), OWN, 1, n_folds=5)
    assert set(held_out.fold) == set(range(5))
    for fold in range(5):
        expected = signal_moments(cells_of(values[:, held_out.fold != fold]), 0)
        moments = held_out.others.moments[fold]
        np.testing.assert_allclose(moments[:, 0], expected.variance_reference[:, 1])
        np.testing.assert_allclose(moments[:, 1], expected.variance[:, 1])
        np.testing.assert_allclose(moments[:, 2], expected.covariance[:, 1])
        assert held_out.others.n_image[fold].tolist() == expected.n_image[:, 1].tolist()


def test_errors_noise_and_scores_are_those_of_a_loop_over_units_and_folds():
    """From the terms of each image, written out; here they come from sums over powers."""
    values = trials(4, n_unit=3, n_image=11)
    values[0, :, 1] += 1e3  # far from 0
    cells = cells_of(values)
    own = np.zeros(3, dtype=int)
    scores, fold, others = images_held_out(cells, own, 1, n_folds=4)
    told = np.empty((4, 3, 2))
    for unit, f in product(range(3), range(4)):
        shown = np.isfinite(cells.mean[unit] + cells.noise[unit]).all(1)
        rest, held = shown & (fold != f), shown & (fold == f)
        (a, b), (p, q) = (of[unit, rest].T for of in (cells.mean, cells.noise))
        n, da, db = rest.sum(), a - a.mean(), b - b.mean()
        terms = np.stack([da**2 - p + p / n, db**2 - q + q / n, da * db])
        errors = np.cov(terms, ddof=0) / ((n - 1) * (1 - 1 / n) ** 3)
        np.testing.assert_allclose(others.errors[f, unit], errors, rtol=1e-9)
        t = cells.n[unit, rest, 0]
        alone = 2 * (p**2 * t / (t + 1)).sum() / (n - 1) ** 2
        assert others.noise[f, unit, 0] == pytest.approx(alone, rel=1e-9)
        with_signal = 4 * (da**2 * p - p**2 * (t - 1) / (t + 1)).sum()
        with_signal = max(with_signal, 0.0) / (n - 1) ** 2
        per_signal = 4 * p.mean() / (n - 1)
        told[f, unit] = per_signal, with_signal / (per_signal * others.moments[f, unit, 0])
        (x, y), (u, v) = (of[unit, held].T for of in (cells.mean, cells.noise))
        dx, dy = x - a.mean(), y - b.mean()
        expected = np.stack([dx**2 - u - p.mean() / n, dy**2 - v - q.mean() / n, dx * dy])
        np.testing.assert_allclose(scores[:, unit, held], expected * n / (n + 1), rtol=1e-9)
    assert (scores[:, 1, 5] == 0).all()  # not shown to that unit
    assert (others.moments[..., 0] > 0).all()
    expected = told[..., 0] * np.median(told[..., 1], axis=1, keepdims=True)
    np.testing.assert_allclose(others.noise[..., 1], expected)


def test_scores_and_moments_are_unbiased_and_the_errors_are_those_of_repeated_draws():
    """Normal signals of variance 4 and 9 and covariance 3, under the noise of three trials."""
    rng = np.random.default_rng(1)
    covariance = np.array([[4.0, 3.0], [3.0, 9.0]])
    n_unit, n_image = 20_000, 12
    signal = rng.multivariate_normal([5.0, 7.0], covariance, size=(n_unit, n_image))
    values = signal[..., None] + 2 * rng.normal(size=(n_unit, n_image, 2, 3))
    scores, fold, others = images_held_out(cells_of(values), np.zeros(n_unit, dtype=int), 1)
    moments, scores = others.moments[0].T, scores[:, :, fold == 0]
    truth = np.array([4.0, 9.0, 3.0])
    np.testing.assert_allclose(moments.mean(1), truth, rtol=0.03)
    np.testing.assert_allclose(scores.mean((1, 2)), truth, rtol=0.06)
    np.testing.assert_allclose(others.errors[0].mean(0), np.cov(moments), rtol=0.12)
    shown = signal[:, fold != 0, 0].var(1, ddof=1)
    alone, per_signal = others.noise[0].T
    by_noise = (moments[0] - shown) ** 2  # the control: without what is taken off, too little
    np.testing.assert_allclose((alone + per_signal * shown).mean(), by_noise.mean(), rtol=0.04)
    for some in np.array_split(np.argsort(shown), 3):
        told = (alone + per_signal * shown)[some].mean()
        np.testing.assert_allclose(told, by_noise[some].mean(), rtol=0.12)
    together = (scores - truth[:, None, None]).mean(2) @ (moments - truth[:, None]).T
    # Errors of what is held out and of the rest have next to nothing in common.
    assert np.abs(together / n_unit / np.sqrt(np.outer(truth, truth))).max() < 0.12


def test_halves_are_halves_of_the_others_and_have_their_own_variance():
    values = trials(7, n_unit=3, n_image=21)
    cells = cells_of(values)
    _, fold, others = images_held_out(cells, np.zeros(3, dtype=int), 1, n_folds=7)
    for f, half in product(range(7), range(2)):
        after = (fold - f) % 7
        mine = (after > 0) & (after % 2 == half)
        assert mine.sum() == 9
        expected = signal_moments(cells_of(values[:, mine]), 0).variance_reference[:, 1]
        np.testing.assert_allclose(others.halves[f, :, half], expected)
        assert others.n_halves[f, :, half].tolist() == [
            9 - (unit == 1 and mine[5]) for unit in range(3)
        ]


def test_images_of_one_group_are_held_out_together():
    rng = np.random.default_rng(0)
    cells = cells_of(rng.poisson(5.0, (7, 30, 2, 4)).astype(float))
    groups = rng.integers(8, size=30)
    fold = images_held_out(cells, np.zeros(7, dtype=int), 1, groups=groups).fold
    of_folds = [set(groups[fold == f]) for f in np.unique(fold)]
    assert len(of_folds) == 8
    assert [len(of) for of in of_folds] == [1] * 8


def test_units_with_few_images_have_no_moments():
    values = trials(2)
    values[2, MIN_IMAGES - 1 :] = np.nan
    moments = images_held_out(cells_of(values), OWN, 1).others.moments
    assert np.isnan(moments[:, 2]).all()
    assert np.isfinite(moments[:, [0, 1, 3]]).all()


def test_scores_of_an_image_whose_group_leaves_too_few_others_are_0():
    cells = cells_of(np.random.default_rng(0).poisson(5.0, (7, 9, 2, 4)).astype(float))
    groups = np.array([0] * 6 + [1, 2, 3])
    scores = images_held_out(cells, np.zeros(7, dtype=int), 1, groups=groups).scores
    assert (scores[:, :, :6] == 0).all()
    assert (scores[:, :, 6:] != 0).any()


@pytest.mark.parametrize("times", [1e3, 1e6, 1e9])
def test_an_image_that_exceeds_all_others_leaves_their_moments_as_they_are(times):
    values = trials(5)
    values[:, 7] *= times
    held_out = images_held_out(cells_of(values), OWN, 1)
    fold = held_out.fold[7]
    expected = signal_moments(cells_of(values[:, held_out.fold != fold]), 0)
    moments, errors = held_out.others.moments[fold], held_out.others.errors
    np.testing.assert_allclose(moments[:, 0], expected.variance_reference[:, 1], rtol=1e-9)
    assert (np.einsum("fuaa->fua", errors) >= 0).all()


def test_units_that_are_silent_in_all_other_images_have_no_variance_at_all():
    values = trials(6)
    values[0] = 0.0
    values[0, 4] = [[3.0, 1.0, 0.0, 2.0], [2.0, 2.0, 1.0, 0.0]]
    held_out = images_held_out(cells_of(values), OWN, 1)
    assert (held_out.others.moments[held_out.fold[4], 0] == 0).all()
    turned = images_held_out(cells_of(values[:, ::-1] + 7.0), OWN, 1)
    assert (turned.fold[::-1] == held_out.fold).all()


def test_each_unit_may_have_a_reference_of_its_own():
    values = trials(3)
    own = np.array([0, 1, 0, 1])
    swapped = np.where((own == 1)[:, None, None, None], values[:, :, ::-1], values)
    cells = cells_of(np.concatenate([swapped, values[:, :, 1:]], axis=2))
    found = images_held_out(cells, own, 2)
    expected = images_held_out(cells_of(values), OWN, 1)
    np.testing.assert_allclose(found.others.moments, expected.others.moments)
    np.testing.assert_allclose(found.scores, expected.scores)
