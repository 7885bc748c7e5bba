"""Figure 1: a picture a condition, then a row of panels a network, a panel a distance."""

import numpy as np
import xarray as xr

from artiphys.plotting.stimuli import Panels, plot_stimuli


def test_figure_1_letters_its_panels():
    rng = np.random.default_rng(0)
    coords = {"unit": np.arange(6), "area": ("unit", ["conv2"] * 6)}
    distances = {"distance": ["close", "far"]}
    panels = Panels(
        xr.DataArray(rng.gamma(2, size=6), dims="unit", coords=coords),
        xr.DataArray(rng.normal(size=(6, 2)), dims=("unit", "distance"), coords=coords | distances),
        xr.Dataset(
            {
                "spearman": (("area", "distance"), [[0.9, 0.5]]),
                "interval": (("area", "distance", "ci_bound"), [[[0.8, 1.0], [0.1, 0.7]]]),
            },
            coords={"area": ["conv2"], **distances},
        ),
    )
    stimuli = rng.random((3, 20, 20, 3))
    figure = plot_stimuli(stimuli, ["reference", "Close", "Far"], {"trained": panels})
    assert [ax.get_title() for ax in figure.axes] == ["reference", "Close", "Far", "Close", "Far"]
    letters = [ax.get_title(loc="left") for ax in figure.axes]
    assert letters == ["A", "", "", "B", "C"]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), stimuli[1])
    assert "conv2: $r_s$ = 0.50" in figure.axes[4].get_legend().get_texts()[0].get_text()
