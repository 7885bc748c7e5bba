"""Controls and designs in words: every number of the result, and what it means."""

import numpy as np
import pytest
import xarray as xr

from artiphys.design.report import control_paragraphs, power_paragraphs
from artiphys.errors import InputError


def a_control(rate, interval, n=200, n_answered=200, relation=0.0, own=0.35):
    dims = ("area", "position")
    spearman = np.linspace(-0.31, 0.31, n)
    return xr.Dataset(
        {
            "rejection_rate": (dims, [[rate]]),
            "interval": ((*dims, "ci_bound"), [[interval]]),
            "n_answered": (dims, [[n_answered]]),
            "spearman_recorded": (dims, [[own]]),
            "spearman": ((*dims, "experiment"), [[spearman]]),
        },
        coords={"area": ["V4"], "position": ["far"]},
        attrs={"alpha": 0.05, "relation": relation},
    )


def test_a_control_that_is_as_it_ought_to_be():
    (text,) = control_paragraphs(a_control(0.055, (0.031, 0.096)))
    assert text == (
        "V4, position far: p < 0.05 in 11 of 200 recordings like this one without a relation: a "
        "false-positive rate of 0.055, 95 % interval 0.031 to 0.096.\n"
        "Their r_s was 0.00 on average, -0.29 to 0.29 in 95 % of them; that of the recording is "
        "0.35."
    )


def test_a_control_that_finds_too_much():
    (text,) = control_paragraphs(a_control(0.3, (0.24, 0.37), n_answered=190, own=np.nan))
    assert "57 of 190 recordings" in text
    assert "10 more gave no answer." in text
    assert "Caution: that is more than 0.05" in text
    assert "that of the recording" not in text


def test_a_control_with_a_relation_tells_the_power():
    (text,) = control_paragraphs(a_control(0.8, (0.74, 0.85), relation=0.4))
    assert "with a true r_s of 0.40: a power of 0.800" in text
    assert "Caution" not in text


def test_a_control_without_answers():
    (text,) = control_paragraphs(a_control(np.nan, (np.nan, np.nan), n_answered=0))
    assert text == "V4, position far: no answer in 200 recordings like this one without a relation."


def a_power(detectable, relations=(0.0, 0.4, 0.8)):
    n = len(detectable)
    dims = ("design", "relation")
    return xr.Dataset(
        {
            "detectable": ("design", list(detectable)),
            "detectable_interval": (("design", "ci_bound"), [[0.35, np.inf]] * n),
            "power": (dims, [[0.04, 0.7, 1.0]] * n),
            "interval": ((*dims, "ci_bound"), np.tile([0.02, 0.1], (n, 3, 1))),
        },
        coords={
            "relation": list(relations),
            "changed": ("design", ["as planned", "160 units", "10 repeats"][:n]),
            "n_units": ("design", [80, 160, 80][:n]),
            "n_images": ("design", [60] * n),
            "n_repeats": ("design", [1] * n),
        },
        attrs={"alpha": 0.05, "target": 0.8},
    )


def test_a_design_and_the_best_of_the_others():
    one, other = power_paragraphs(a_power([0.42, 0.31, 0.38]))
    assert one == (
        "With 80 units, 60 images, 1 repeat an r_s of 0.42 (0.35 to > 0.80) is found in 80 % of "
        "experiments (p < 0.05). Without a relation one is found in a share of 0.04, 0.02 to 0.10."
    )
    assert other == "Of the other designs 160 units find most: 0.31 in 80 %."


def test_a_design_that_finds_nothing():
    one, other = power_paragraphs(a_power([np.inf, np.inf], relations=(0.2, 0.4, 0.8)))
    assert "no relation up to r_s = 0.80 is found in 80 %" in one
    assert "Without" not in one
    assert other == "None of the other designs finds one so often."
    assert len(power_paragraphs(a_power([0.42]))) == 1


@pytest.mark.parametrize(
    ("words", "maker"),
    [(control_paragraphs, "artiphys.control"), (power_paragraphs, "artiphys.power")],
)
def test_other_results_are_refused(words, maker):
    with pytest.raises(InputError, match=f"result must come from {maker}"):
        words(xr.Dataset())
