"""The halves of the trials against one half after another, and against their bare matrix product.

python benchmarks/trials_path.py [SIGNATURE.nc ...]

The bare product is that of the trials and of their squares with the masks of the 64 halves of 32
splits, on one core as the others are. Everything is timed in turn, several times, and the medians
are compared. Of files of responses the whole signature is timed, on all cores.
"""

import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

import artiphys
from artiphys.cores import one_blas_thread
from artiphys.estimators.halves import halves_of
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import cells_of, signal_moments
from artiphys.signatures.split_halves import N_SPLITS, halves_in_splits


class Times(NamedTuple):
    """Seconds, medians over rounds."""

    bare: float
    here: float
    loop: float


def main(
    n_units: int = 300,
    n_images: int = 100,
    n_positions: int = 5,
    n_trials: int = 10,
    n_rounds: int = 5,
) -> Times:
    """Print and return the times of the three, after a check that both ways are equal."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(2.0, 3.0, size=(n_units, n_images, n_positions, 1))
    values = rng.poisson(rates, size=(n_units, n_images, n_positions, n_trials)).astype(float)
    trials = values.transpose(1, 2, 3, 0).copy()
    masks = (rng.random((n_images, n_positions, 2 * N_SPLITS, n_trials)) < 0.5).astype(float)
    times: list[tuple[float, float, float]] = []
    for _ in range(n_rounds):
        with one_blas_thread(), one_core():
            bare, _ = _timed(lambda: (masks @ trials, masks @ trials**2))
            here, found = _timed(lambda: halves_in_splits(values, 0))
            loop, expected = _timed(lambda: _one_after_another(values))
        np.testing.assert_allclose(found.dynamic_range, expected[0], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.invariance, expected[1], rtol=1e-10, atol=1e-10)
        times.append((bare, here, loop))
    medians = Times(*(float(each) for each in np.median(times, axis=0)))
    print(
        f"{n_units} units x {n_images} images x {n_positions} positions x {n_trials} trials: bare "
        f"product {medians.bare:.3f} s, both quantities in all halves {medians.here:.3f} s "
        f"({medians.here / medians.bare:.1f} times), one after another {medians.loop:.2f} s "
        f"({medians.loop / medians.bare:.0f} times)"
    )
    return medians


def of_file(path: str) -> float:
    """Print and return how long the signature of a file takes, these very images."""
    responses = artiphys.open_responses(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", artiphys.ArtiphysWarning)
        seconds, _ = _timed(lambda: artiphys.signature(responses, resample=("unit",)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{path}, {responses.shape}: {seconds:.2f} s, {peak:.0f} MB at the peak")
    return seconds


def _one_after_another(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cells = cells_of(values)
    whole = signal_moments(cells, 0)
    terms = noise_terms(cells, whole, 0)
    dynamic_range = np.empty((2, N_SPLITS, len(values)))
    invariance = np.empty((2, N_SPLITS, len(values), values.shape[2]))
    for split in range(N_SPLITS):
        for h, half in enumerate(halves_of(values, split)):
            moments = signal_moments(half, 0)
            dynamic_range[h, split] = moments.variance[:, 0]
            bias = ratio_bias(terms, half.n, 0, whole.n_image)
            invariance[h, split] = correlation_of(moments) / (1 + bias)
    return dynamic_range, invariance


@contextmanager
def one_core() -> Iterator[None]:
    """Keep work that would take all cores to one of them within."""
    before = os.environ.get("LOKY_MAX_CPU_COUNT")
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
    try:
        yield
    finally:
        os.environ.pop("LOKY_MAX_CPU_COUNT")
        if before is not None:
            os.environ["LOKY_MAX_CPU_COUNT"] = before


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
    main(500, 200, n_rounds=3)
    for name in sys.argv[1:]:
        of_file(name)
