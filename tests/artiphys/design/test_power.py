"""Power rises with the relation and with the size of the experiment, and is 0.05 without either."""

import numpy as np
import pytest
import xarray as xr

from artiphys import processes
from artiphys.design.power import power
from artiphys.errors import InputError
from artiphys.simulation import simulate_responses

QUICK = {"n_experiments": 8, "factors": (), "relations": (0.0, 0.5, 0.95), "rng": 0}


@pytest.fixture(scope="module")
def pilot():
    return simulate_responses(
        relation="none", n_units=30, n_images=25, n_positions=3, repeats=8, rate=60.0, rng=4
    ).responses


def test_it_rises_with_the_relation():
    found = power(50, 30, 5, 30.0, **QUICK)
    low, _, high = found["power"].values[0]
    assert low <= 0.25
    assert high >= 0.9
    assert 0.2 < found["detectable"].item() < 0.95
    assert found["estimate"].values[0, 0] == pytest.approx(0, abs=0.15)
    assert found["estimate"].values[0, 2] > 0.7
    assert (found["interval"].sel(ci_bound="lower") <= found["power"]).all()
    assert found.attrs["units_from"] == "simulate_responses"


def test_more_units_and_more_repeats_find_more():
    found = power(30, 30, 4, 12.0, relations=(0.6,), factors=(4,), n_experiments=12, rng=1)
    assert found["changed"].values.tolist() == [
        "as planned",
        "120 units",
        "120 images",
        "16 repeats",
    ]
    planned, units, _, repeats = found["power"].values[:, 0]
    assert units > planned + 0.2
    assert repeats > planned + 0.1


def test_the_designs():
    found = power(20, 12, 3, relations=(0.5,), factors=(0.5, 2), n_experiments=1, rng=0)
    names = ("n_units", "n_images", "n_repeats")
    sizes = list(zip(*(found[name].values.tolist() for name in names), strict=True))
    assert sizes == [(20, 12, 3), (10, 12, 3), (40, 12, 3), (20, 6, 3), (20, 24, 3), (20, 12, 2),
                     (20, 12, 6)]  # fmt: skip
    assert found["design"].size == 7


def test_a_pilot_gives_its_units_and_sizes(pilot):
    found = power(pilot=pilot, position=2, **QUICK)
    assert [int(found[n][0]) for n in ("n_units", "n_images", "n_repeats")] == [30, 25, 8]
    assert found.attrs["units_from"] == "a pilot of 30 units"
    assert (found.attrs["reference"], found.attrs["position"]) == ("0", "2")
    larger = power(90, 40, 16, pilot=pilot, position=2, **QUICK)
    assert larger["power"].values[0, 0] <= 0.25
    assert larger["power"].values[0, 2] >= 0.8
    assert larger["power"].sum() > found["power"].sum()


@pytest.mark.slow
def test_a_pilot_finds_as_much_as_its_population(pilot):
    """Power from a pilot is about that of the simulation which it is of, with the same relation."""
    truth = power(60, 40, 5, 20.0, relations=(0.6,), factors=(), n_experiments=60, rng=0)
    pilot = simulate_responses(relation="none", n_units=150, n_images=40, rate=20.0, rng=9)
    found = power(60, pilot=pilot.responses, relations=(0.6,), factors=(), n_experiments=60, rng=0)
    difference = found["power"].item() - truth["power"].item()
    assert abs(difference) < 0.25  # two shares of 60, and one pilot of many
    assert found["estimate"].item() == pytest.approx(truth["estimate"].item(), abs=0.12)


def test_processes_change_no_number(pilot, monkeypatch):
    for name in ("HERE", "WORTH_PROCESSES"):
        monkeypatch.setattr(processes, name, 0.0)
    arguments = {"pilot": pilot, "position": 1, "factors": (), "relations": (0.8,)}
    one, two = (power(**arguments, n_experiments=4, jobs=j, rng=5) for j in (1, 2))
    xr.testing.assert_identical(one, two)


def test_a_noisy_pilot_finds_less():
    few = {"n_units": 40, "n_images": 20, "rng": 4}
    quiet, noisy = (
        power(pilot=simulate_responses(rate=rate, fano=fano, **few).responses, **QUICK)
        for rate, fano in ((40.0, 1.0), (8.0, 3.0))
    )
    assert noisy["power"].sum() < quiet["power"].sum()


def test_what_has_no_answer_finds_nothing():
    found = power(8, 20, 3, relations=(0.9,), factors=(), n_experiments=4, rng=0)
    assert found["n_answered"].item() == 0
    assert found["power"].item() == 0
    assert np.isnan(found["estimate"].item())
    assert np.isinf(found["detectable"].item())


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"n_units": 2}, "n_units must be a whole number of at least 3"),
        (
            {"n_images": 1.5, "n_repeats": 1},
            "n_images must be a whole.*; n_repeats must be a whole",
        ),
        ({"rate": -1.0}, "rate must be a number above 0"),
        ({"fano": 0.5}, "fano"),
        ({"relations": (0.5, 0.2)}, "relations must be rising numbers"),
        ({"relations": ()}, "relations must be rising numbers, at least one"),
        ({"relations": (-0.5,)}, "relations must be a number of at least 0, at most 1"),
        ({"factors": (0,)}, "factors must be a number above 0"),
        ({"target": 80}, "target must lie between 0 and 1"),
        ({"n_experiments": 0}, "n_experiments must be a whole number"),
        ({"area": "V4"}, "area and position are of a pilot"),
        ({"noise": "some"}, "noise must be"),
        ({"rng": "x"}, "rng must be a seed"),
    ],
)
def test_bad_input(arguments, fault):
    with pytest.raises(InputError, match=fault):
        power(**{"n_experiments": 1, "relations": (0.5,), "factors": ()} | arguments)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, r"position must name one of the pilot's \[1, 2\]; got none"),
        ({"position": 0}, r"position must name one of the pilot's \[1, 2\]; got 0"),
        ({"position": 1, "area": "IT"}, r"area must name one of the pilot's \['simulated'\]"),
        ({"position": 1, "rate": 5.0}, "a pilot has its own rates and noise; leave out rate"),
        ({"position": 1, "by": "layer"}, "by must be a coordinate of the pilot along 'unit'"),
        ({"position": 1, "reference": 7}, "reference"),
    ],
)
def test_what_a_pilot_refuses(pilot, arguments, fault):
    with pytest.raises(InputError, match=fault):
        power(pilot=pilot, n_experiments=1, **arguments)


def test_a_pilot_needs_trials(pilot):
    with pytest.raises(InputError, match="pilot.*trial"):
        power(pilot=pilot.mean("trial", keep_attrs=True), position=1)


@pytest.mark.slow
def test_without_a_relation_it_is_the_level():
    found = power(60, 40, 5, 15.0, relations=(0.0,), factors=(), n_experiments=500, rng=0)
    assert 0.03 <= found["power"].item() <= 0.07
