"""One unit: its tuning by the numbers, its spikes all of them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.plotting import plot_psth, plot_raster, plot_unit
from artiphys.simulation import simulate_responses
from artiphys.tuning import peristimulus, tuning


@pytest.fixture(scope="module")
def responses():
    return simulate_responses(n_units=3, n_images=10, n_positions=2, rng=0).responses


@pytest.fixture
def spikes():
    rng = np.random.default_rng(0)
    return {p: [np.sort(rng.uniform(-0.1, 0.4, n)) for n in (3, 0, 7, 5)] for p in (0, 1)}


def test_curves_are_means_in_the_order_of_the_reference(responses, assert_legible):
    unit = responses["unit"].values[1]
    ax = plot_unit(responses, unit)
    assert_legible(ax.figure)
    tuned = tuning(responses).sel(unit=unit)
    order = np.argsort(tuned["mean"].sel(position=0).values)
    for container, position in zip(ax.containers, (0, 1), strict=True):
        line = container.lines[0]
        expected = tuned.sel(position=position).isel(image=order)
        np.testing.assert_array_equal(line.get_ydata(), expected["mean"])
        bars = [np.ptp(s[:, 1]) / 2 for s in container.lines[2][0].get_segments()]
        np.testing.assert_allclose(bars, expected["standard_error"], atol=1e-12)
    assert (np.diff(ax.containers[0].lines[0].get_ydata()) >= 0).all()
    names = [t.get_text() for t in ax.get_xticklabels()]
    assert names == tuned["image"].values[order].tolist()
    assert "spikes/s, ± 1 s.e.m." in ax.get_ylabel()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["0 (reference)", "1"]


def test_what_tuning_made_is_drawn_alike(responses):
    _, (left, right) = plt.subplots(1, 2)
    unit = responses["unit"].values[0]
    plot_unit(responses, unit, left)
    plot_unit(tuning(responses), unit, right)
    assert left.get_ylim() == right.get_ylim()


def test_many_images_have_a_band_and_averages_none(make_responses, assert_legible):
    values = np.random.default_rng(0).normal(size=(1, 60, 2, 4))
    ax = plot_unit(make_responses(values), "u0")
    assert_legible(ax.figure)
    assert len(ax.collections) == 2
    plt.close("all")
    ax = plot_unit(make_responses(values.mean(-1)), "u0")
    assert not ax.collections
    assert "s.e.m." not in ax.get_ylabel()


def test_spikes_come_beside(responses, spikes, assert_legible):
    unit = responses["unit"].values[0]
    figure, ax = plt.subplots(figsize=(6.8, 3), layout="constrained")
    assert plot_unit(responses, unit, ax, spikes=spikes) is ax
    tuned, raster, psth = figure.axes
    assert tuned is ax
    assert sum(len(c.get_positions()) for c in raster.collections) == 30
    assert len(psth.patches) == 2
    assert_legible(figure)


def test_the_raster_has_every_spike_in_its_row(spikes):
    ax = plot_raster(spikes)
    drawn = [c.get_positions() for c in ax.collections]
    shown = [each for position in spikes.values() for each in position]
    assert len(drawn) == len(shown)
    for found, expected in zip(drawn, shown, strict=True):
        np.testing.assert_array_equal(np.sort(found), expected)
    assert [c.get_lineoffset() for c in ax.collections] == list(range(8))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1"]


@pytest.mark.parametrize("n_presentations", [4, 400])
def test_the_ticks_of_many_presentations_are_still_seen(n_presentations):
    figure, ax = plt.subplots(figsize=(3, 1.5))
    plot_raster({0: [[0.1]] * n_presentations}, ax)
    (low, high), points = ax.get_ylim(), 72 * ax.get_window_extent().height / figure.dpi
    length = ax.collections[0].get_linelength()
    assert length * points / (low - high) == pytest.approx(max(1.2, 0.8 * points / n_presentations))


def test_the_psth_is_the_rate(spikes, assert_legible):
    rates = peristimulus(spikes, bin_width=0.05)
    ax = plot_psth(rates)
    np.testing.assert_array_equal(ax.patches[1].get_data().values, rates["rate"].sel(position=1))
    assert_legible(ax.figure)


def test_a_unit_that_is_not_there_is_refused(responses):
    with pytest.raises(InputError, match="unit 'no' is not among the 3: simulated_0/0, "):
        plot_unit(responses, "no")
