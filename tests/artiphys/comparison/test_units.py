"""The units behind a comparison are those that it counts, measured as it measures them."""

import numpy as np
import pytest

from artiphys.comparison.compare import compare
from artiphys.comparison.experiment import matched_responses
from artiphys.comparison.units import compared_units
from artiphys.correlations.spearman import fisher_z
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.simulation import simulate_responses

MODEL = simulate_responses(n_units=50, n_images=40, n_positions=3, rng=1).truth["rate"]
BRAIN = simulate_responses(n_units=40, n_images=40, n_positions=3, rate=12.0, rng=2).responses


def test_an_area_is_shown_without_the_units_that_are_too_noisy():
    result = compare(MODEL, BRAIN, n_passes=1, rng=0)
    areas, layers = compared_units(MODEL, BRAIN, result, rng=0)
    shown = areas["simulated"]
    assert np.isfinite(shown.fisher_z).sum("unit").values.tolist() == [
        int(n) for n in (invariance(BRAIN).notnull()).sum("unit")
    ]
    assert (shown.dynamic_range == dynamic_range(BRAIN, noise="corrected")).all()
    seen = matched_responses(MODEL, BRAIN, rng=0)
    np.testing.assert_array_equal(
        layers["simulated", "simulated"].dynamic_range, dynamic_range(seen, noise="corrected")
    )


@pytest.mark.parametrize("matched", [False, True])
def test_averages_are_shown_as_they_are_at_the_recordings_labels(matched):
    brain = BRAIN.mean("trial", keep_attrs=True).assign_coords(position=["mid", "left", "right"])
    brain = brain.assign_attrs(reference="mid")
    pairs = {1: "right", 2: "left"}
    asked = {"positions": pairs, "matched": matched, "n_passes": 1, "rng": 0}
    if matched:
        with pytest.warns(UserWarning, match="the recording has no trials"):
            result = compare(MODEL, brain, **asked)
    else:
        result = compare(MODEL, brain, **asked)
    _, layers = compared_units(MODEL, brain, result, positions=pairs)
    shown = layers["simulated", "simulated"].fisher_z
    assert shown["position"].values.tolist() == ["right", "left"]
    np.testing.assert_array_equal(shown.values, fisher_z(invariance(MODEL)).values)
