"""The colours of figures on a dark page: as far from it as they were from the white one.

Figures are drawn once, for white paper. On a dark page each of their colours keeps its hue, and its
contrast by the measure of WCAG 2, or more: white becomes the page itself, black nearly white.
"""

import colorsys
from collections.abc import Iterable

from artiphys.plotting.style import luminance

__all__ = ["DARK_PAPER", "dark_counterpart", "variable", "variables"]

DARK_PAPER = "#16191d"
MORE = 1.6  # contrast of what has a hue: faint marks fade on a dark page sooner than on a white one
STEPS = 24  # of a bisection: 8 bits of a colour take 8


def variables(colours: Iterable[str], *, dark: bool) -> str:
    """Return declarations of CSS variables, one a colour, for a light page or a dark one."""
    return " ".join(
        f"{variable(colour)}: {dark_counterpart(colour) if dark else colour};"
        for colour in sorted(set(colours))
    )


def variable(colour: str) -> str:
    """Return the name of the CSS variable of a colour, ``#0072b2``."""
    return f"--figure-{colour.removeprefix('#').lower()}"


def dark_counterpart(colour: str) -> str:
    """Return a colour, as ``#0072b2``, for a dark page.

    Examples
    --------
    >>> dark_counterpart("#ffffff") == DARK_PAPER
    True
    >>> luminance(dark_counterpart("#000000")) > 0.8
    True
    """
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
    contrast = 1.05 / (luminance(colour) + 0.05)
    if contrast < 1.005:  # white
        return DARK_PAPER
    contrast *= MORE if saturation else 1.0
    wanted = min((luminance(DARK_PAPER) + 0.05) * contrast - 0.05, 0.85)
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        darker = luminance(colorsys.hls_to_rgb(hue, middle, saturation)) < wanted
        low, high = (middle, high) if darker else (low, middle)
    return "#" + "".join(
        f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue, high, saturation)
    )
