"""How every figure looks: colours that colour-blind readers tell apart, small type, no frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

__all__ = ["COLOURS", "MARKERS", "paper_style"]

# Okabe & Ito's palette, its yellow left out because it vanishes on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw within this block as figures for print are drawn."""
    settings: Any = {
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.labelsize": 8,
        "legend.fontsize": 7,
        "figure.labelsize": 8,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 150,
        "savefig.dpi": 200,
        "pdf.fonttype": 42,  # text stays text in the PDF
    }
    with mpl.rc_context(settings):
        yield
