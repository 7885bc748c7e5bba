"""Figure 1: a picture a condition; then a panel a distance, or as the paper has it, a network."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from artiphys.plotting.stimuli import Panels, plot_stimuli, plot_stimuli_and_layer

CONDITIONS = ["reference", "Close", "Far"]
NAMES = {"close": "Close, 1/8 RF", "far": "Far, 1/4 RF"}


@pytest.fixture
def stimuli():
    return np.random.default_rng(1).random((3, 20, 20, 3))


@pytest.fixture
def panels():
    return made_panels()


def made_panels(n_images=None):
    rng = np.random.default_rng(0)
    areas = ["conv2"] * 6 + ["conv3"] * 4
    coords = {"unit": np.arange(10), "area": ("unit", areas)}
    distances = {"distance": ["close", "far"]}
    dims = ("area", "distance")
    return Panels(
        xr.DataArray(rng.gamma(2, size=10), dims="unit", coords=coords),
        xr.DataArray(
            rng.normal(size=(10, 2)), dims=("unit", "distance"), coords=coords | distances
        ),
        xr.Dataset(
            {
                "spearman": (dims, [[0.9, 0.5], [0.25, -0.25]]),
                "interval": (
                    (*dims, "ci_bound"),
                    [[[0.8, 1.0], [0.1, 0.7]], [[-0.1, 0.5], [-0.5, 0.0]]],
                ),
            },
            coords={"area": ["conv2", "conv3"], **distances},
            attrs={"level": 0.9},
        ),
        n_images,
    )


def texts(figure):
    """Return every text that a figure shows."""
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.fixture(params=["all layers", "one layer"])
def drawn(request, stimuli):
    networks = {"trained": made_panels(500), "untrained": made_panels(500)}
    if request.param == "all layers":
        return plot_stimuli(stimuli, CONDITIONS, networks, note="r_s is too near 0")
    return plot_stimuli_and_layer(
        stimuli, CONDITIONS, networks, "conv3", distances=NAMES, note="r_s is too near 0"
    )


def test_figure_1_letters_its_panels(stimuli, panels):
    figure = plot_stimuli(stimuli, ["reference", "Close", "Far"], {"trained": panels})
    assert [ax.get_title() for ax in figure.axes] == ["reference", "Close", "Far", "Close", "Far"]
    letters = [ax.get_title(loc="left") for ax in figure.axes]
    assert letters == ["A", "", "", "B", "C"]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), stimuli[1])
    assert "conv2: $r_s$ = 0.50" in figure.axes[4].get_legend().get_texts()[0].get_text()


def test_the_papers_arrangement(stimuli):
    panels = made_panels(500)
    networks = {"AlexNet, trained": panels, "AlexNet, untrained": panels}
    figure = plot_stimuli_and_layer(stimuli, CONDITIONS, networks, "conv3", distances=NAMES)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["A", "", "", "B", "C"]
    b, c = figure.axes[3:]
    assert b.get_title() == "AlexNet, trained, conv3, 500 images"
    assert c.get_title() == "AlexNet, untrained, conv3, 500 images"
    assert b.get_legend().get_title().get_text() == "4 units; [90 % interval]"
    close, far = b.collections
    np.testing.assert_array_equal(far.get_offsets()[:, 1], panels.z[6:, 1])
    red, green, blue = to_rgb(close.get_facecolor()[0])
    assert red > 1.5 * green > 3 * blue  # orange
    red, green, blue = to_rgb(far.get_facecolor()[0])
    assert blue > green > red  # blue


def test_r_s_and_its_interval_are_in_the_legend_with_true_minus_signs(stimuli, panels):
    networks = {"untrained": panels}
    figure = plot_stimuli_and_layer(stimuli, CONDITIONS, networks, "conv3", distances=NAMES)
    assert legend_of(figure.axes[3]) == [
        "Close, 1/8 RF: $r_s$ = 0.25 [−0.10, 0.50]",
        "Far, 1/4 RF: $r_s$ = −0.25 [−0.50, 0.00]",
    ]
    figure = plot_stimuli(stimuli, CONDITIONS, networks)
    assert legend_of(figure.axes[4])[1] == "conv3: $r_s$ = −0.25 [−0.50, 0.00]"


def test_no_hyphen_stands_for_a_minus(drawn):
    for text in texts(drawn):
        outside_math = "".join(text.get_text().split("$")[0::2])
        assert "-" not in outside_math, text
    ticks = [t.get_text() for ax in drawn.axes for t in ax.get_yticklabels()]
    assert any(tick.startswith("−") for tick in ticks)


def test_labels_of_dynamic_ranges_do_not_crowd(stimuli, panels):
    networks = {"untrained": panels}
    figure = plot_stimuli_and_layer(stimuli, CONDITIONS, networks, "conv3", distances=NAMES)
    figure.draw_without_rendering()
    axis = figure.axes[3].xaxis
    assert len(axis.get_minorticklocs()) > 2
    assert not any(label.get_text() for label in axis.get_minorticklabels())
    low, high = axis.get_view_interval()
    assert 2 <= sum(low <= tick <= high for tick in axis.get_majorticklocs()) <= 6


def test_images_are_stated(drawn):
    assert sum("500 images" in text.get_text() for text in texts(drawn)) == 2


def test_a_note_is_written_below(drawn):
    assert any("$r_s$ is too near 0" in text.get_text() for text in texts(drawn))


def test_letters_are_aligned(drawn):
    drawn.draw_without_rendering()
    places = {}
    for ax in drawn.axes:
        for text in ax.findobj(Text):
            if text.get_text() and text.get_text() == ax.get_title(loc="left"):
                places[text.get_text()] = text.get_window_extent()
    pixel = drawn.dpi / 72  # a point
    assert abs(places["A"].x0 - places["B"].x0) < pixel
    assert abs(places["B"].y0 - places["C"].y0) < pixel
    if "D" in places:
        assert abs(places["B"].x0 - places["D"].x0) < pixel
        assert abs(places["C"].x0 - places["E"].x0) < pixel


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_type_is_of_one_family_at_a_journals_sizes_and_can_be_read(drawn):
    for text in texts(drawn):
        assert 5 <= text.get_fontsize() <= 8, text
        assert text.get_fontfamily() == ["DejaVu Sans"], text
        assert 1.05 / (luminance(text.get_color()) + 0.05) >= 4.5, text


def test_points_have_the_contrast_of_text(drawn):
    points = [each for ax in drawn.axes for each in ax.collections]
    assert points
    for each in points:
        (colour,) = {tuple(face) for face in each.get_facecolor()}
        assert colour[3] == 1
        assert 1.05 / (luminance(colour[:3]) + 0.05) >= 4.5


def test_long_names_of_weights_stay_above_their_panel(stimuli):
    networks = {
        "AlexNet, trained (alexnet-owt-7be5be79)": made_panels(500),
        "AlexNet, untrained": made_panels(500),
    }
    figure = plot_stimuli_and_layer(stimuli, CONDITIONS, networks, "conv3", distances=NAMES)
    figure.draw_without_rendering()
    left, right = (ax.title.get_window_extent() for ax in figure.axes[3:])
    assert figure.axes[3].get_title().endswith(",\nconv3, 500 images")
    assert left.x1 < figure.axes[4].get_window_extent().x0
    assert "\n" not in figure.axes[4].get_title()
    assert right.x1 < figure.bbox.x1


def test_it_is_saved_with_300_dots_an_inch(drawn, tmp_path):
    assert mpl.rcParams["savefig.dpi"] == "figure"
    drawn.savefig(tmp_path / "figure.png")
    pixels = mpl.image.imread(tmp_path / "figure.png")
    assert pixels.shape[1] == round(300 * drawn.get_figwidth())


@pytest.mark.parametrize("n_networks", [1, 3])
def test_any_number_of_networks(stimuli, panels, n_networks):
    networks = {f"network {number}": panels for number in range(n_networks)}
    figure = plot_stimuli_and_layer(stimuli, CONDITIONS, networks, "conv2", distances=NAMES)
    letters = [ax.get_title(loc="left") for ax in figure.axes]
    assert letters == ["A", "", "", *"BCD"[:n_networks]]


def test_units_without_a_relation(stimuli, panels):
    table = panels.table.assign(spearman=panels.table["spearman"] * np.nan)
    networks = {"constant": panels._replace(table=table, z=panels.z * np.nan)}
    figure = plot_stimuli_and_layer(stimuli, CONDITIONS, networks, "conv3", distances=NAMES)
    assert legend_of(figure.axes[3])[0] == "Close, 1/8 RF: $r_s$ undefined"
