"""Time and memory of a signature as units, images, trials and resamples grow, and a picture."""

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from made_up_arrays import written
from measured_run import Run, measured_run

__all__ = ["Grown", "draw_growth", "growth"]

AXES = {
    "units": "units × 500 images × 3 positions,\nfrom disk, averages",
    "images": "2000 units × images × 3 positions,\naverages",
    "trials": "300 units × 100 images × 5 positions\n× trials, on these images",
    "resamples": "resamples of 2000 units × 100 images\n× 3 positions, averages",
}


class Grown(NamedTuple):
    """One run of a growth."""

    axis: str  # of AXES
    n: int
    run: Run


def growth(folder: Path, *, most_units: int = 10**5, least: bool = False) -> list[Grown]:
    """Return the runs; `least` is for a test that they can be made."""
    asked: list[tuple[str, int, dict[str, Any]]] = []
    units = [10**k for k in range(2 if least else 3, 7) if 10**k <= most_units]
    for n in units:
        asked.append(("units", n, {"path": written(folder, n, 500, 3), "chunks": {}}))
    if not least:
        asked += [("images", n, {"sizes": (2000, n, 3)}) for n in (500, 1000, 2000, 4000, 8000)]
        asked += [
            ("trials", n, {"sizes": (300, 100, 5, n), "resample": "unit"})
            for n in (5, 10, 20, 40, 80)
        ]
        asked += [
            ("resamples", n, {"sizes": (2000, 100, 3), "n_resamples": n})
            for n in (1000, 3000, 10_000, 30_000)
        ]
    return [Grown(axis, n, measured_run(**given)) for axis, n, given in asked]


def draw_growth(runs: list[Grown], path: Path) -> None:
    """Draw seconds of the processor above, and memory below, against each of the sizes."""
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        axes = figure.subplots(2, len(AXES), sharex="col", sharey="row")
        for column, (axis, words) in zip(axes.T, AXES.items(), strict=True):
            of = [each for each in runs if each.axis == axis]
            n = np.array([each.n for each in of])
            cpu, peak = (np.array([getattr(e.run, name) for e in of]) for name in ("cpu", "peak"))
            column[0].loglog(n, cpu, "o-", color="#0b5394", ms=4)
            if n.size:
                column[0].loglog(n, cpu[-1] * n / n[-1], ":", color="0.5", lw=1)
            column[1].loglog(n, peak, "o-", color="#b45f06", ms=4)
            column[1].axhline(2048, color="0.5", lw=1, ls=":")
            column[0].set_title(words, fontsize=7)
            column[1].set_xlabel(axis)
            column[1].set_xticks(n, [f"$10^{round(np.log10(of))}$" if of > 30_000 else str(of)
                                     for of in n.tolist()])  # fmt: skip
            for of_column in column:
                of_column.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axes[0, 0].set_ylabel("seconds of the processor\n(dotted: in proportion to size)")
        axes[0, 0].set_ylim(bottom=0.2)
        axes[1, 0].set_ylabel("memory at the peak (MB)")
        axes[1, 0].text(0.03, 2048, "2 GB", va="bottom", fontsize=7, color="0.4",
                        transform=axes[1, 0].get_yaxis_transform())  # fmt: skip
        axes[1, 0].set_ylim(100, 4000)
        figure.savefig(path, dpi=150)
