"""Pictures of designs and controls show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from artiphys.plotting.design import (
    control_figure,
    plot_control,
    plot_designs,
    plot_power,
    power_figure,
)

POWER = np.array([[0.04, 0.4, 0.9, 1.0], [0.05, 0.7, 1.0, 1.0], [0.05, 0.1, 0.2, 0.4]])


@pytest.fixture
def designs():
    dims = ("design", "relation")
    return xr.Dataset(
        {
            "detectable": ("design", [0.35, 0.25, np.inf]),
            "detectable_interval": (
                ("design", "ci_bound"),
                [[0.3, 0.4], [0.2, np.inf], [np.inf, np.inf]],
            ),
            "power": (dims, POWER),
            "interval": ((*dims, "ci_bound"), np.stack([POWER - 0.03, POWER + 0.03], axis=-1)),
        },
        coords={
            "relation": [0.0, 0.2, 0.4, 0.6],
            "changed": ("design", ["as planned", "160 units", "3 repeats"]),
            "n_units": ("design", [80, 160, 80]),
            "n_images": ("design", [60, 60, 60]),
            "n_repeats": ("design", [5, 5, 3]),
        },
        attrs={"alpha": 0.05, "target": 0.8},
    )


@pytest.fixture
def controls():
    dims = ("area", "position")
    rng = np.random.default_rng(0)
    spearman = rng.normal(0, 0.15, (2, 2, 200))
    spearman[0, 0, :3] = np.nan, 1.4, -1.2
    return xr.Dataset(
        {
            "rejection_rate": (dims, np.full((2, 2), 0.055)),
            "interval": ((*dims, "ci_bound"), np.tile([0.031, 0.096], (2, 2, 1))),
            "n_answered": (dims, [[199, 200], [200, 0]]),
            "spearman_recorded": (dims, [[0.4, -0.31], [np.nan, 0.1]]),
            "spearman": ((*dims, "experiment"), spearman),
            "p_value": ((*dims, "experiment"), rng.uniform(size=(2, 2, 200))),
        },
        coords={"area": ["V4", "IT"], "position": [1, 2]},
        attrs={"alpha": 0.05, "relation": 0.0},
    )


def test_the_planned_design_and_the_others(designs):
    figure = power_figure(designs)
    curve, others = figure.axes
    assert curve.get_title() == "80 units, 60 images, 5 repeats"
    shown = next(line for line in curve.lines if len(line.get_xdata()) == 4)
    np.testing.assert_array_equal(shown.get_ydata(), POWER[0])
    assert [each.get_text() for each in curve.texts] == ["0.35"]
    labels = [each.get_text() for each in others.get_yticklabels()]
    assert labels == ["as planned", "160 units", "3 repeats"]
    assert [each.get_text() for each in others.texts] == ["> 0.6"]


def test_one_design_is_one_panel(designs):
    assert len(power_figure(designs.isel(design=[0])).axes) == 1
    assert len(power_figure(designs.isel(design=[2])).axes) == 1


def test_a_panel_for_each_group_and_position(controls):
    figure = control_figure(controls)
    assert [ax.get_title() for ax in figure.axes] == ["V4, 1", "V4, 2", "IT, 1", "IT, 2"]
    assert figure.get_supxlabel().endswith("without a relation")
    texts = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in figure.axes]
    assert "p < 0.05: 0.06 [0.03, 0.10]" in texts[0]
    assert "this recording: −0.31" in texts[1]
    assert not any("this recording" in text for text in texts[2])
    assert "p < 0.05: no answers" in texts[3]
    heights = sum(patch.get_height() for patch in figure.axes[0].patches)
    assert heights == 199  # those beyond ±1 are in the last bins
    assert "0.4" in control_figure(controls.assign_attrs(relation=0.4)).get_supxlabel()


def test_they_draw_where_they_are_told(designs, controls):
    _, axes = plt.subplots(3)
    cell = controls.isel(area=0, position=0)
    drawn = [plot_power(designs, axes[0]), plot_designs(designs, axes[1])]
    assert [*drawn, plot_control(cell, axes[2])] == list(axes)
    assert plot_power(designs) is plt.gca()
