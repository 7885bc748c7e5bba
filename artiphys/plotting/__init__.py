"""Figures: each function takes a result and axes, draws, and returns the axes; none computes.

What is shown of responses is asked of the estimators by one module, ``measured``.
"""

from artiphys.plotting.comparison import plot_comparison
from artiphys.plotting.position_map import plot_position_map
from artiphys.plotting.signature import plot_signature, signature_figure
from artiphys.plotting.style import paper_style
from artiphys.plotting.unit import plot_psth, plot_raster, plot_unit

__all__ = [
    "paper_style",
    "plot_comparison",
    "plot_position_map",
    "plot_psth",
    "plot_raster",
    "plot_signature",
    "plot_unit",
    "signature_figure",
]
