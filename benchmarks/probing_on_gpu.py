"""Probing on a GPU against the same on the CPU: equality first, then times.

AlexNet's Table 1 layers, all units of conv3, and VGG 16, whose frames are the largest. Every
response must equal the CPU's to 1e-4 of the largest of its layer; half precision, which is used
only when it is asked for, must differ by more than that and by less than 5 %, so that it is what
was asked for. Then, interleaved, probing on the GPU, on the CPU, and on the GPU the bare passes of
the same canvases in its memory, channels last: what no probing can do without.

Where there is no GPU nothing is run, and that is what it says.

    python benchmarks/probing_on_gpu.py [PHOTOGRAPHS] [--n-images 500] [--rounds 3]
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from artiphys_torch import as_photographs, load_alexnet, load_network, probe
from artiphys_torch.networks.loading import ALEXNET_AREAS
from probing import _bare, _canvases, _in_batches

BATCHES = (48, 192, 768)  # canvases
VGG = {"conv2_2": "features.7", "conv3_3": "features.14"}


def main(images: Any = None, n_images: int = 500, n_rounds: int = 3) -> dict[str, float] | None:
    """Print and return the least seconds of each way; None where there is no GPU."""
    if not torch.cuda.is_available():
        print(
            "not run: there is no GPU here (torch.cuda.is_available() is False), so that nothing of"
            " probing on a GPU was compared or timed"
        )
        return None
    print(torch.cuda.get_device_name(), "with torch", torch.__version__)
    photographs = as_photographs(images, n_images=n_images)
    few = as_photographs(photographs, n_images=min(48, n_images))
    model = load_alexnet()
    for name, network, how in (
        ("AlexNet, Table 1's layers", model, {}),
        ("AlexNet, all of conv3", model, {"layers": {"conv3": "features.6"}, "units": "all"}),
        ("VGG 16", load_network("vgg16"), {"layers": VGG}),
    ):
        _require_equal(name, network, few, how)
    ways: dict[str, Callable[[], Any]] = {
        f"probe on the GPU, {size} canvases at once": lambda size=size: probe(
            model, photographs, device="cuda", batch_size=size, progress=False
        )
        for size in BATCHES
    }
    ways["probe on the CPU"] = lambda: probe(model, photographs, device="cpu", progress=False)
    ways["bare passes on the GPU, channels last"] = _floor(model, photographs)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # what a first time costs, and no other
    for _ in range(n_rounds):
        for name, way in ways.items():
            torch.cuda.synchronize()
            start = time.perf_counter()
            way()
            torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    least = {name: min(values) for name, values in seconds.items()}
    print(f"{len(photographs)} photographs, Table 1's layers of AlexNet")
    for name, value in least.items():
        print(f"{name:40} {value:8.3f} s")
    return least


def _require_equal(name: str, model: Any, photographs: Any, how: dict[str, Any]) -> None:
    """Compare the GPU's values with the CPU's, in single and in half precision."""
    expected = probe(model, photographs, device="cpu", progress=False, **how)
    for dtype, low, high in ((None, 0.0, 1e-4), ("float16", 1e-4, 5e-2)):
        found = probe(model, photographs, device="cuda", dtype=dtype, progress=False, **how)
        assert found.unit.equals(expected.unit)
        worst = 0.0
        for area in np.unique(expected.area.values):
            members = (expected.area == area).values
            one, other = found.values[members], expected.values[members]
            worst = max(worst, float(np.abs(one - other).max() / np.abs(other).max()))
        print(f"{name}, {dtype or 'as on the CPU'}: differs by {worst:.1e} at most")
        assert low <= worst <= high, f"{name}, {dtype}: differs by {worst:.1e}"


def _floor(model: Any, photographs: Any) -> Callable[[], Any]:
    networks, laid = {}, {}
    for layer in ALEXNET_AREAS.values():
        networks[layer] = _bare(model, layer, torch.channels_last).cuda()
        canvases = _canvases(model, layer, photographs)
        laid[layer] = canvases.contiguous(memory_format=torch.channels_last).cuda()
    return lambda: [_in_batches(networks[layer], laid[layer]) for layer in laid]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", nargs="?")
    parser.add_argument("--n-images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.photographs, given.n_images, given.rounds)
