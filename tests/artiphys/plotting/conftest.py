"""No figure outlives its test; and what it takes for one to be read."""

import io
import re
from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgba

from artiphys.plotting.style import luminance

SMALLEST = 5.0  # points
HYPHEN_FOR_MINUS = re.compile(r"(?<![\w{])-\d")  # {-3} is a power, which mathtext gives its sign


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts_of(figure):
    """Return the texts of a figure that are seen, but those written into the data."""
    found = [*figure.texts]
    for legend in figure.legends:
        found += legend.get_texts()
    for ax in figure.get_axes():
        found += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            low, high = sorted(limits)
            slack = 1e-6 * (high - low)
            found += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low - slack <= tick.get_loc() <= high + slack
            ]
        if ax.get_legend():
            found += [*ax.get_legend().get_texts(), ax.get_legend().get_title()]
    return [text for text in found if text and text.get_visible() and text.get_text().strip()]


@pytest.fixture
def assert_legible():
    """Check that no two texts overlap or leave the figure, that they are large and dark enough."""

    def check(figure):
        figure.savefig(io.BytesIO(), dpi=figure.dpi)
        texts = texts_of(figure)
        assert texts
        boxes = {text: text.get_window_extent() for text in texts}
        upright = [
            text for text in texts if text.get_rotation() % 90 == 0
        ]  # of others it says less
        for one, other in combinations(upright, 2):
            # Extents have the font's full height; letters are smaller.
            a, b = (boxes[text].expanded(0.98, 0.75) for text in (one, other))
            assert not a.overlaps(b), (one.get_text(), other.get_text())
        page = figure.bbox.padded(1)
        for text, box in boxes.items():
            assert page.contains(box.x0, box.y0), text.get_text()
            assert page.contains(box.x1, box.y1), text.get_text()
            assert text.get_fontsize() >= SMALLEST, text.get_text()
            assert text.get_fontfamily() == ["DejaVu Sans"], text.get_text()
            assert not HYPHEN_FOR_MINUS.search(text.get_text()), text.get_text()
            *_, alpha = to_rgba(text.get_color())
            assert alpha == 1
            contrast = 1.05 / (luminance(text.get_color()) + 0.05)
            assert contrast >= 4.5, (text.get_text(), contrast)

    return check
