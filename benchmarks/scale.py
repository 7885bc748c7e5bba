"""How fast, and how it grows: one table, each line checked for equality before it is timed.

    python benchmarks/scale.py [--recording henaff_v1_natural_zoom.nc] [--growth docs/]
                               [--folder /scratch] [--most-units 1000000]

What is compared is timed in turn, several times in one process, in seconds of the processor, and
medians are compared: other work on the machine then slows both alike. Whole signatures are timed
each in a process of its own, those of trials on one core and on all. The largest are from Zarr
files that are made in the folder, chunk by chunk: 600 MB of spike counts, and with ``--growth``,
which draws into ``growth.png`` how time and memory grow with units, images, trials and resamples,
6 GB for a million units.

Beside it: ``benchmarks/probing.py`` (extraction), ``benchmarks/nwb_counting.py`` (reading NWB files
against h5py, pynwb and pynapple) and ``benchmarks/trials_path.py`` (other sizes).
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats
from tabulate import tabulate

import artiphys
import trials_path
from artiphys.cores import one_blas_thread
from artiphys.correlations.drawn_ranks import spearman_of_drawn
from artiphys.correlations.jackknife import rank_correlations_without_each
from artiphys.correlations.resampling import permutation_p_values
from artiphys.estimators.moments import variance_and_correlation
from artiphys.estimators.resampled_images import ResampledImages
from growth import draw_growth, growth
from made_up_arrays import made_up, written
from measured_run import measured_run
from spearman import check_equal, resamples, scipys_resamples, spearman_along


class Line(NamedTuple):
    """A line of the table."""

    what: str
    size: str
    here: str
    against: str
    ratio: str
    target: str
    peak: str = ""


def table(folder: Path, recording: Path | None = None, *, small: bool = False) -> list[Line]:
    """Return the lines, with files in a folder; `small` is for a test that they can be made."""
    lines = [
        *spearman_lines(*((60, 200, 1) if small else (384, 10_000, 5))),
        image_bootstrap_line(*((12, 20, 2, 4, 1) if small else (200, 100, 3, 40, 3))),
        jackknife_line(*((20, 1) if small else (384, 3))),
        *trials_lines(*((20, 10, 2, 4, 1) if small else (300, 100, 5, 10, 5))),
        *invariance_lines(*((30, 10, 3, 1) if small else (5000, 200, 11, 5))),
    ]
    if not small:
        lines += signature_lines(folder, recording)
    return lines


def spearman_lines(n_units: int, n_resamples: int, n_rounds: int) -> Iterator[Line]:
    """Yield the bootstrap and the permutation test against scipy's vectorised ones."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_units)
    y = x / 10 + rng.normal(size=n_units)
    size = f"{n_resamples} × {n_units} units"

    def scipys() -> np.ndarray:
        return scipys_resamples(x, y, n_resamples)

    def here() -> np.ndarray:
        return resamples(x, y, n_resamples)

    check_equal(x, y, n_resamples)
    yield _compared("bootstrap of r_s", size, here, "scipy, vectorised", scipys, n_rounds, "≥ 15")

    def scipys_permuted(a: np.ndarray = x, b: np.ndarray = y) -> float:
        return stats.permutation_test(
            (a,),
            lambda one, axis: spearman_along(one, np.broadcast_to(b, one.shape), axis),
            permutation_type="pairings",
            vectorized=True,
            n_resamples=n_resamples,
            batch=1000,
            rng=np.random.default_rng(1),
        ).pvalue

    def permuted(a: np.ndarray = x, b: np.ndarray = y) -> float:
        of = np.array([stats.spearmanr(a, b).statistic])
        return permutation_p_values(of, a, b[None], n_resamples, np.random.default_rng(1)).item()

    few = x[:5], y[:5]  # of which all permutations are taken
    np.testing.assert_allclose(permuted(*few), scipys_permuted(*few), rtol=1e-12)
    error = 4 * np.sqrt(2 * 0.25 / n_resamples)
    np.testing.assert_allclose(permuted(), scipys_permuted(), atol=error)
    yield _compared(
        "permutation of r_s", size, permuted, "scipy, vectorised", scipys_permuted, n_rounds, ""
    )


def image_bootstrap_line(
    n_units: int, n_images: int, n_positions: int, n_resamples: int, n_rounds: int
) -> Line:
    """Return the bootstrap over images and units against a loop over scipy's functions."""
    values = made_up(n_units, n_images, n_positions).compute().values.astype(float)
    rng = np.random.default_rng(0)
    images = rng.integers(n_images, size=(n_resamples, n_images))
    units = rng.integers(n_units, size=(n_resamples, n_units))

    def here() -> np.ndarray:
        counts = np.stack([np.bincount(drawn, minlength=n_images) for drawn in images])
        variance, correlation = ResampledImages(values, 0).variance_and_correlation(counts)
        return spearman_of_drawn(variance, np.moveaxis(correlation, 2, 0)[1:], units)

    def loop() -> np.ndarray:
        found = np.empty((n_resamples, n_positions - 1))
        for resample in range(n_resamples):
            drawn = values[units[resample]][:, images[resample]]
            variance = drawn[:, :, 0].var(1, ddof=1)
            for position in range(1, n_positions):
                r = [stats.pearsonr(u[:, 0], u[:, position]).statistic for u in drawn]
                found[resample, position - 1] = stats.spearmanr(variance, r).statistic
        return found

    np.testing.assert_allclose(here(), loop(), rtol=0, atol=1e-10)
    size = f"{n_resamples} × {n_units} units × {n_images} images × {n_positions} positions"
    name = "bootstrap over images and units"
    return _compared(name, size, here, "loop over scipy", loop, n_rounds, "≥ 100")


def jackknife_line(n_units: int, n_rounds: int) -> Line:
    """Return the jackknife over units against a loop over scipy's correlation."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_units)
    y = x + rng.normal(size=n_units)
    keep = np.ones((1, n_units), dtype=bool)

    def here() -> np.ndarray:
        return rank_correlations_without_each(np.stack([x, y])[None], keep)[0, :, 0, 1]

    def loop() -> list[float]:
        without = ((np.delete(x, u), np.delete(y, u)) for u in range(n_units))
        return [stats.spearmanr(*pair).statistic for pair in without]

    np.testing.assert_allclose(here(), loop(), rtol=0, atol=1e-10)
    name = "jackknife of r_s"
    return _compared(name, f"{n_units} units", here, "loop over scipy", loop, n_rounds, "")


def trials_lines(*sizes: int) -> Iterator[Line]:
    """Yield the halves of the trials against a loop, and against their bare matrix product."""
    times = trials_path.main(*sizes)
    of = {"what": "64 halves of the trials", "size": _size(sizes[:4]), "here": _s(times.here)}
    ratio = times.loop / times.here
    yield Line(**of, against=f"loop {_s(times.loop)}", ratio=_faster(ratio), target="")
    bare = f"bare matrix product {_s(times.bare)}"
    yield Line(**of, against=bare, ratio=_slower(times.here / times.bare), target="≤ 5")


def invariance_lines(
    n_units: int, n_images: int, n_positions: int, n_rounds: int
) -> Iterator[Line]:
    """Yield variance and correlation against NumPy's einsum and xarray's ``corr``."""
    responses = made_up(n_units, n_images, n_positions).compute().astype(float)
    responses.attrs["reference"] = 0
    size = _size((n_units, n_images, n_positions))

    def here() -> np.ndarray:
        return variance_and_correlation(responses.values, 0)[1]

    def einsum() -> np.ndarray:
        centred = responses.values - responses.values.mean(1, keepdims=True)
        products = np.einsum("uip,ui->up", centred, centred[:, :, 0])
        squares = np.einsum("uip,uip->up", centred, centred)
        return products / np.sqrt(squares * squares[:, :1])

    def corr() -> np.ndarray:
        at_reference = responses.isel(position=0, drop=True)
        return xr.corr(responses, at_reference, dim="image").transpose("unit", "position").values

    for way in (einsum, corr):
        np.testing.assert_allclose(here(), way(), rtol=1e-9, atol=1e-10)
    yield _compared("invariance", size, here, "einsum", einsum, n_rounds, "", floor=True)
    yield _compared("invariance", size, here, "xr.corr", corr, n_rounds, "")


def signature_lines(folder: Path, recording: Path | None) -> Iterator[Line]:
    """Yield what whole signatures take, each in a process of its own."""
    for sizes in ((300, 200, 5), (360, 110, 2)):
        both, unit = (
            measured_run(sizes=sizes, resample=resample) for resample in (("image", "unit"), "unit")
        )
        yield Line(
            "signature, images and units drawn",
            _size(sizes),
            _s(both.cpu),
            f"units drawn {_s(unit.cpu)}",
            _slower(both.cpu / unit.cpu),
            "≤ 500 MB",
            _mb(both.peak),
        )
    asked: list[tuple[str, dict[str, Any], str]] = [
        (_size((500, 200, 5, 10)), {"sizes": (500, 200, 5, 10)}, "≤ 4 s"),
        (_size((2000, 200, 9, 10)), {"sizes": (2000, 200, 9, 10)}, "≤ 60 s, 2 GB"),
    ]
    counts = (10_000, 118, 5, 50)
    on_disk = {"path": written(folder, *counts), "chunks": {}}
    asked.append((f"{_size(counts)}, from disk", on_disk, "≤ 300 s, 2 GB"))
    if recording is not None:
        asked.insert(1, (recording.name, {"path": str(recording)}, "≤ 4 s"))
    for size, given, target in asked:
        for resample, which in ((("image", "unit"), "at large"), ("unit", "these images")):
            one, run = (
                measured_run(**given, resample=resample, cores=cores) for cores in (1, None)
            )
            what, against = f"signature of trials, {which}, by the clock", f"one core {_s(one.cpu)}"
            ratio = _faster(one.elapsed / run.elapsed)
            yield Line(what, size, _s(run.elapsed), against, ratio, target, _mb(run.peak))


def _compared(
    what: str,
    size: str,
    here: Callable[[], Any],
    name: str,
    other: Callable[[], Any],
    n_rounds: int,
    target: str,
    *,
    floor: bool = False,
) -> Line:
    """Return both timed in turn, on one core, medians of rounds."""
    times = []
    with one_blas_thread(), trials_path.one_core():
        for _ in range(n_rounds):
            times.append([_cpu(here), _cpu(other)])
    ours, theirs = (float(seconds) for seconds in np.median(times, axis=0))
    ratio = _slower(ours / theirs) if floor else _faster(theirs / ours)
    return Line(what, size, _s(ours), f"{name} {_s(theirs)}", ratio, target)


def _cpu(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _s(seconds: float) -> str:
    return f"{seconds:.3g} s"


def _mb(megabytes: float) -> str:
    return f"{megabytes:.0f} MB"


def _faster(ratio: float) -> str:
    return f"{ratio:.3g} times faster"


def _slower(ratio: float) -> str:
    return f"{ratio:.2g} times it"


def _size(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--growth", type=Path, help="folder of the picture")
    parser.add_argument("--folder", type=Path, help="of the arrays on disk")
    parser.add_argument("--most-units", type=int, default=10**5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        lines = table(folder, given.recording)
        print(f"artiphys {artiphys.__version__}, seconds of the processor")
        print(tabulate(lines, headers=("", "size", "here", "against", "ratio", "target", "peak")))
        if given.growth is not None:
            runs = growth(folder, most_units=given.most_units)
            rows = [
                (of.axis, of.n, _s(of.run.cpu), _s(of.run.elapsed), _mb(of.run.peak)) for of in runs
            ]
            print(tabulate(rows, headers=("grown", "to", "processor", "elapsed", "peak")))
            draw_growth(runs, given.growth / "growth.png")
