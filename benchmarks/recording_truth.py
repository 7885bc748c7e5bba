"""A recording whose true rates are known: what is estimated from its NWB files against the truth.

    python benchmarks/recording_truth.py FOLDER

FOLDER holds NWB files in the layout `v4_position`, each with its ``.truth.npz``: true rates
(unit, image, position), and the labels of images and positions.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.errors import ArtiphysWarning
from artiphys.estimators.invariance import invariance
from artiphys.estimators.moments import variance_and_correlation
from artiphys.estimators.signal_moments import (
    cells_of,
    noise_error,
    signal_moments,
)
from artiphys.signatures.signature import signature

WINDOW = (0.05, 0.35)  # of the true rates
MEASURABLE = 0.5  # noise error up to which single correlations are summarised


def true_rates(folder: Path, responses: xr.DataArray) -> np.ndarray:
    """Return the true rates of the responses' units, images and positions."""
    images, positions = (responses[dim].values.tolist() for dim in ("image", "position"))
    rates = []
    for path in sorted(folder.glob("sub-SP*.truth.npz")):
        with np.load(path, allow_pickle=True) as truth:
            names = [f"{label:g}" for label in truth["image_ids"]]
            at = np.ix_(
                range(len(truth["rate"])),
                [names.index(image) for image in images],
                [truth["position_ids"].tolist().index(position) for position in positions],
            )
            rates.append(truth["rate"][at])
    return np.concatenate(rates)


def main(arguments: list[str] | None = None) -> None:
    """Print two tables."""
    from artiphys_nwb import read_nwb

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args(arguments).folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        files = [str(path) for path in sorted(folder.glob("sub-SP*.nwb"))]
        responses = read_nwb(files, "v4_position", window=WINDOW)
        result = signature(responses).isel(area=0)
    rates = true_rates(folder, responses)
    variance, correlation = variance_and_correlation(rates, 0)
    cells = cells_of(responses.values)
    error = noise_error(cells, signal_moments(cells, 0), 0)
    print(f"{rates.shape[0]} units, {rates.shape[1]} images, {rates.shape[2]} positions\n")
    print(_invariances(responses, correlation, error))
    print(_signatures(result, variance, correlation))


def _invariances(responses: xr.DataArray, true: np.ndarray, error: np.ndarray) -> str:
    columns = {"true": true[:, 1:]}
    columns |= {
        name: invariance(responses, noise=noise).values  # type: ignore[arg-type]
        for name, noise in (("as measured", None), ("corrected", "corrected"))
    }
    defined = np.isfinite(sum(columns.values()))
    known = defined & (error[:, 1:] < MEASURABLE)
    lines = [
        f"| invariance | median of {defined.sum()} pairs | mean "
        f"| median of {known.sum()} pairs with a noise error below {MEASURABLE:g} | mean |",
        "|---" * 5 + "|",
    ]
    lines += [
        f"| {name} | {np.median(values[defined]):.2f} | {values[defined].mean():.2f} "
        f"| {np.median(values[known]):.2f} | {values[known].mean():.2f} |"
        for name, values in columns.items()
    ]
    return "\n".join(lines) + "\n"


def _signatures(result: xr.Dataset, variance: np.ndarray, correlation: np.ndarray) -> str:
    """Return the estimates for images at large beside the truth of all units on these images."""
    lines = [
        "| position | units | estimate | interval | truth, all units with signal | as measured |",
        "|---" * 6 + "|",
    ]
    signal = variance > 0
    for position in result["position"].values.tolist():
        cell = result.sel(position=position)
        lower, upper = cell["interval"].values
        pair = variance[signal], correlation[signal, position]
        r = stats.spearmanr(*pair, nan_policy="omit").statistic
        n = int(np.isfinite(pair[1]).sum())
        where = "inside" if lower < r < upper else "**outside**"
        lines.append(
            f"| {position} | {int(cell['n_units'])} | {float(cell['spearman']):.2f} "
            f"| {lower:.2f} to {upper:.2f} | {r:.2f} ({n}) {where} "
            f"| {float(cell['spearman_naive']):.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
