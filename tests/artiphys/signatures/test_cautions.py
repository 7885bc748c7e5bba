"""Cautions against the figures that call for them, and the images' share against its simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.signatures.cautions import (
    cautions_at_large,
    cautions_on_these_images,
    images_share,
)
from artiphys.signatures.relation import Relation

RELATION = Relation(
    spearman=0.1,
    lower=-0.2,
    upper=0.4,
    p_value=0.3,
    n_units=60,
    n_too_noisy=0,
    n_without_signal=0,
    reliability_invariance=0.9,
)


@pytest.mark.parametrize(
    ("change", "share", "text"),
    [
        ({}, 0.1, ""),
        ({}, 0.3, "few images (30) for what 60 units differ"),
        ({"p_value": np.nan}, 0.3, ""),
        ({"n_units": 12}, 0.1, "few units (12)"),
        ({"reliability_invariance": 0.3}, 0.1, ""),
        ({"reliability_invariance": 0.2}, 0.1, "a quarter too large, or not at all"),
        ({"n_too_noisy": 20, "n_without_signal": 5}, 0.1, "of 85 units 25 answer too little"),
        ({"n_too_noisy": 10}, 0.1, ""),
    ],
)
def test_what_is_said(change, share, text):
    said = cautions_on_these_images(RELATION._replace(**change), share=share, n_image=30)
    assert said == text if not text else text in said


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, ""),
        ({"p_value": np.nan, "n_effective": 5.0}, ""),
        ({"n_effective": 9.0}, "few units (what 60 say is worth 9"),
        ({"n_effective": 18.0}, "of 60 units few tell much (all are worth 18 "),
        ({"n_effective": 18.0, "n_sharing_tuning": 12}, "of 60 units 12 share their tuning"),
        ({"reliability_invariance": 0.1}, "noisy (the reliability of invariance is 0.10)"),
        ({"n_images": 7}, "few images (7)"),
        ({"curvature": 2.0}, ""),
        ({"curvature": 3.2}, "bent (invariance is higher at both ends"),
        ({"curvature": -3.2}, "bent (invariance is lower at both ends"),
        ({"n_sharing_tuning": 12}, "of 60 units 12 share their tuning"),
        (
            {"n_sessions": 5, "lower_over_sessions": -0.5, "upper_over_sessions": 0.75},
            "few sessions (5) to tell whether the units of one are alike: if they are, the "
            "interval is that over sessions at large, -0.50 to 0.75",
        ),
        ({"n_sessions": 13, "lower_over_sessions": -0.5, "upper_over_sessions": 0.75}, ""),
        ({"n_sessions": 2, "lower_over_sessions": np.nan, "upper_over_sessions": np.nan}, ""),
    ],
)
def test_what_is_said_of_images_at_large(change, text):
    at_large = RELATION._replace(n_effective=40.0, n_sharing_tuning=0)
    n_images = change.get("n_images", 40)
    at_large = at_large._replace(**{name: of for name, of in change.items() if name != "n_images"})
    said = cautions_at_large(at_large, n_images=n_images, n_sessions=at_large.n_sessions or 0)
    assert said == text if not text else said.startswith(text)


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_the_share_of_images_is_that_of_repeated_draws(spread):
    rng = np.random.default_rng(0)
    scale = np.exp(spread * rng.normal(size=300))[:, None]
    draws = scale * rng.gamma(3.0, size=(200, 300, 40))
    log_variance = np.log(draws.var(2, ddof=1))
    expected = log_variance.var(0, ddof=1).mean() / log_variance.var(1, ddof=1).mean()
    found = np.mean([images_share(draw) for draw in draws[:20]])
    assert 0.65 * expected < found < 1.05 * expected  # a sample hides the tail of a skewed tuning


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_share_does_not_hang_on_units_of_measurement_or_padding(seed):
    means = np.random.default_rng(seed).gamma(2.0, size=(8, 12))
    padded = np.concatenate([means, np.full((8, 3), np.nan)], axis=1)
    assert images_share(7 * padded) == pytest.approx(images_share(means))


def test_units_all_alike_or_none_at_all():
    assert images_share(np.zeros((5, 4))) == 0
    assert images_share(np.empty((0, 4))) == 0
    assert images_share(np.tile([1.0, 2.0, 4.0], (5, 1))) == 1
