"""What the test does on this very recording: populations of its size, repeats and noise.

Without a relation the share of small p-values is the false-positive rate; with one, the power.
"""

import warnings
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.design.control import control
from artiphys.design.rejections import rejections
from artiphys.design.report import control_paragraphs
from artiphys.design.threshold import threshold
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.signatures.printed import number_text
from artiphys_report.cautions import sentence

__all__ = ["ALPHA", "Calibration", "Simulated", "calibrated"]

RELATIONS = (0.0, 0.25, 0.5, 0.75)
ALPHA, TARGET = 0.05, 0.8
LOW_POWER = 0.5  # at a relation of PLAIN: below it "no relation was found" says little
PLAIN = 0.5
NONE_ASKED = "Left out, as asked (--simulations 0): no rate of error was checked."
NO_TRIALS = "There are no single trials, so that there is no noise to simulate recordings with."


class Simulated(NamedTuple):
    """Simulations of one group at one position."""

    without: xr.Dataset  # over (experiment): from artiphys.control
    design: xr.Dataset  # over (design, relation), as from artiphys.power
    words: list[str]
    cautions: list[str]


class Calibration(NamedTuple):
    """Simulations of a recording, or why there are none."""

    cells: Mapping[tuple[Any, Any], Simulated]
    note: str


def calibrated(
    responses: xr.DataArray,
    *,
    n: int,
    reference: Hashable | None,
    seed: int,
    jobs: int | None,
    **how: Any,
) -> Calibration:
    """Return what the test does on recordings like this one.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
    n : int
        Recordings for each true relation; 0 for none.
    reference, seed, jobs
        As in :func:`artiphys.control`.
    **how
        Further arguments of :func:`artiphys.signature`.
    """
    if "trial" not in responses.dims:
        return Calibration({}, NO_TRIALS)
    if n == 0:
        return Calibration({}, NONE_ASKED)
    if reference is not None:
        how["reference"] = reference
    try:
        with warnings.catch_warnings():  # of the recording itself: its own signature told them
            warnings.simplefilter("ignore", ArtiphysWarning)
            found = {
                relation: control(
                    responses,
                    relation=relation,
                    n_experiments=n,
                    alpha=ALPHA,
                    jobs=jobs,
                    rng=[seed, number],
                    **how,
                )
                for number, relation in enumerate(RELATIONS)
            }
    except InputError as error:
        return Calibration({}, f"No recordings like this one could be simulated: {error}.")
    by = found[0.0]["rejection_rate"].dims[0]
    sizes = _sizes(responses, by)
    cells = {
        (group, position): _simulated(
            {r: each.sel({by: group, "position": position}) for r, each in found.items()},
            found[0.0].sel({by: [group], "position": [position]}),
            f"{group}, position {position}",
            sizes[group],
            seed,
        )
        for group in found[0.0][by].values.tolist()
        for position in found[0.0]["position"].values.tolist()
    }
    return Calibration(cells, "")


def _sizes(responses: xr.DataArray, by: Hashable) -> dict[Any, tuple[int, int, int]]:
    """Return units, images and the typical number of repeats of each group."""
    sizes, values = {}, responses[by].values
    for group in dict.fromkeys(values.tolist()):
        members = responses.isel(unit=np.flatnonzero(values == group))
        n = members.notnull().sum("trial").values
        typical = int(np.median(n[n > 0])) if (n > 0).any() else 0
        sizes[group] = (members.sizes["unit"], members.sizes["image"], typical)
    return sizes


def _simulated(
    found: Mapping[float, xr.Dataset],
    null: xr.Dataset,
    where: str,
    sizes: tuple[int, int, int],
    seed: int,
) -> Simulated:
    design = _design(found, sizes, seed)
    (paragraph,) = control_paragraphs(null)
    said = [line for line in paragraph.splitlines() if not line.startswith("Caution")]
    said[0] = said[0].removeprefix(f"{where}: ")
    if said[0].startswith("p <"):
        said[0] = f"the test had {said[0]}"
    cautions = []
    rate, (lower, upper) = _in_percent(found[0.0]["rejection_rate"], found[0.0]["interval"])
    if lower > 100 * ALPHA:
        cautions.append(
            f"in simulations of this recording without a relation {rate:.0f} % had p < {ALPHA:g} "
            f"({lower:.0f} to {upper:.0f} %): a p-value says less than it seems to"
        )
    plain = design.isel(design=0).sel(relation=PLAIN)
    rate, (lower, upper) = _in_percent(plain["power"], plain["interval"])
    if rate < 100 * LOW_POWER:
        cautions.append(
            f"simulations of this recording find a true r_s of {PLAIN:g} in {rate:.0f} % "
            f"({lower:.0f} to {upper:.0f} %) of cases: that none is found does not say that there "
            "is none"
        )
    words = [sentence(text) for text in (*said, _power_words(design))]
    return Simulated(found[0.0], design, words, cautions)


def _design(
    found: Mapping[float, xr.Dataset], sizes: tuple[int, int, int], seed: int
) -> xr.Dataset:
    """Return shares found over (design, relation), one without an answer finding nothing."""
    p_value = np.stack([each["p_value"].values for each in found.values()])
    n = p_value.shape[-1]
    n_answered, rate, interval = rejections(p_value, ALPHA, no_answer_counts=True)
    counts = (p_value < ALPHA).sum(-1)
    drawn = np.random.default_rng([seed, len(found)])
    reached, *bounds = threshold(np.array(list(found)), counts, n, TARGET, drawn)
    estimates = np.stack([each["spearman"].values for each in found.values()])
    known = np.isfinite(estimates)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, estimates, 0.0).sum(-1) / known.sum(-1)
    dims = ("design", "relation")
    return xr.Dataset(
        {
            "detectable": ("design", [reached]),
            "detectable_interval": (("design", "ci_bound"), [bounds]),
            "power": (dims, rate[None]),
            "interval": ((*dims, "ci_bound"), interval[None]),
            "n_answered": (dims, n_answered[None]),
            "estimate": (dims, mean[None]),
        },
        coords={
            "relation": list(found),
            "ci_bound": ["lower", "upper"],
            "n_units": ("design", [sizes[0]]),
            "n_images": ("design", [sizes[1]]),
            "n_repeats": ("design", [sizes[2]]),
        },
        attrs={"alpha": ALPHA, "target": TARGET, "n_experiments": n},
    )


def _power_words(design: xr.Dataset) -> str:
    one = design.isel(design=0)
    most = float(one["relation"].max())
    found, (lower, upper) = float(one["detectable"]), one["detectable_interval"].values
    share = f"{100 * TARGET:.0f} % of such recordings"
    if np.isinf(found):
        return f"no true r_s up to {number_text(most)} is found in {share}"
    ends = ["> " + number_text(most) if np.isinf(e) else number_text(e) for e in (lower, upper)]
    return f"a true r_s of {number_text(found)} ({ends[0]} to {ends[1]}) is found in {share}"


def _in_percent(rate: xr.DataArray, interval: xr.DataArray) -> tuple[float, np.ndarray]:
    return 100 * float(rate), 100 * interval.values
