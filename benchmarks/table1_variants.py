"""What moves Table 1: the background, the crop, the resizing, the weights' first draw, the net.

    python benchmarks/table1_variants.py PHOTOGRAPHS [--seeds 5] [--n-images 500]

Prints Spearman's r_s between invariance and dynamic range, mean ± standard deviation over seeds of
the untrained weights, as a Markdown table.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image
from scipy import stats
from tqdm import tqdm

from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys_cli.pospisil_bair_2019.reproduction import DISTANCES, PAPER_TABLE_1
from artiphys_torch import (
    as_photographs,
    initialised,
    load_alexnet,
    load_caffe_alexnet,
    probe,
)
from artiphys_torch.networks.loading import ALEXNET_AREAS
from artiphys_torch.receptive_fields.fields import receptive_field
from artiphys_torch.stimuli.canvas import Stimulus


def main() -> None:
    """Measure every variant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-images", type=int, default=500)
    args = parser.parse_args()
    print(table(as_photographs(args.photographs, n_images=args.n_images), range(args.seeds)))


def table(photographs: Any, seeds: Any) -> str:
    """Return the Markdown table, a row a variant."""
    found: dict[str, list[pd.Series]] = {}
    for seed in tqdm(seeds, desc="seeds", disable=None):
        for name, responses in variants(photographs, seed):
            found.setdefault(name, []).append(rank_correlations(responses))
    rows = {
        name: pd.DataFrame(each).agg(lambda column: f"{column.mean():.2f} ± {column.std():.2f}")
        for name, each in found.items()
    }
    cells = {(area, d): r[0] for d, by in PAPER_TABLE_1.items() for area, r in by.items()}
    rows = {"the paper": pd.Series(cells).map("{:.2f}".format)} | rows
    frame = pd.DataFrame(rows).T.sort_index(axis=1)
    frame.columns = [f"{area} {distance}" for area, distance in frame.columns]
    return frame.to_markdown()


def variants(photographs: Any, seed: int) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield each variant's name and responses."""
    plain = load_alexnet(seed=seed)
    responses = measure(plain, photographs)
    yield "as specified", responses
    yield "rectified responses", responses.clip(min=0).assign_attrs(responses.attrs)
    yield "black background", measure(plain, photographs, background="black")
    yield "crop 1/2", measure(plain, photographs, crop=1 / 2)
    yield "crop 1/2, black", measure(plain, photographs, crop=1 / 2, background="black")
    yield "native pixels, not resized", native(plain, photographs)
    for scheme in ("gaussian", "he", "glorot", "orthogonal"):
        yield (
            f"{scheme} weights",
            measure(initialised(load_alexnet(), scheme, seed=seed), photographs),
        )
    yield "Caffe's net", caffe(photographs, seed)
    yield "Caffe's net, black", caffe(photographs, seed, background="black")
    yield "Caffe's net, one group", caffe(photographs, seed, groups=1)
    yield "Caffe's net, no normalisation", caffe(photographs, seed, normalised=False)


def measure(model: Any, photographs: Any, **how: Any) -> xr.DataArray:
    """Return the responses of conv2 ... conv5."""
    return probe(model, photographs, shifts=(0, *DISTANCES.values()), progress=False, **how)


def caffe(photographs: Any, seed: int, background: str = "mean", **net: Any) -> xr.DataArray:
    """Return the responses of an untrained network as in Caffe."""
    return measure(load_caffe_alexnet(seed=seed, **net), photographs, background=background)


def native(model: Any, photographs: Any) -> xr.DataArray:
    """Return the responses to the centres of the photographs, pixel by pixel, not resized."""
    found = []
    for area, layer in ALEXNET_AREAS.items():
        side = Stimulus().geometry(receptive_field(model, layer).size).patch
        centres = {item.name: _centre(item.read(), side) for item in photographs}
        found.append(measure(model, centres, layers={area: layer}))
    return xr.concat(found, "unit", coords="minimal", compat="override")


def _centre(picture: Image.Image, side: int) -> np.ndarray:
    left, top = ((length - side) // 2 for length in picture.size)
    return np.asarray(picture.crop((left, top, left + side, top + side)))


def rank_correlations(responses: xr.DataArray) -> pd.Series:
    """Return r_s by area and distance."""
    variances, correlations = dynamic_range(responses), invariance(responses)
    cells = {}
    for area in ALEXNET_AREAS:
        members = responses["area"].values == area
        for distance, shift in DISTANCES.items():
            y = correlations.sel(position=shift)[members]
            r_s = stats.spearmanr(variances[members], y, nan_policy="omit").statistic
            cells[area, distance] = r_s
    return pd.Series(cells)


if __name__ == "__main__":
    main()
