"""Probing of many architectures against an oracle that shares nothing with it.

For each network a layer, and three pictures at three positions, answered twice: by ``probe``, and
by the oracle, which

- finds the receptive field of a unit near the centre of a frame from gradients: the pixels on which
  the unit's answers to noise depend, in double precision;
- lays canvases by itself, with PIL and NumPy alone, on that field in whole frames of background;
- runs the whole network on the frames in double precision, and reads the unit.

Weights are drawn at random, and so are the moments that batch normalisation keeps and all that
begins as zero, through which no gradient goes. Where ``probe``
refuses a layer, its reason is printed, and an earlier layer is taken next. Networks of packages
that are not installed (timm; CORnet and VOneNet from their repositories) are left out.

    python benchmarks/networks.py [NETWORK ...] [--table docs/networks.md]
"""

import argparse
import copy
import importlib
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from artiphys_torch import Normalisation, dead_leaves, load_network, probe

SHIFTS = (0, 1 / 8, 1 / 4)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
PLAIN = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FRAMES = (224, 384)
MARGIN = 64  # of a field in a frame, whose last pixels no stride may reach
EARLIER = (1 / 3, 1 / 5, 1 / 10, 0.0)  # of the convolutions, in the order in which they run
N_NOISE = 8
N_TRIES = 8
ALLOWED = 1e-4

TORCHVISION = (
    *("alexnet", "vgg11", "vgg16_bn", "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2"),
    *("densenet121", "densenet169", "googlenet", "inception_v3", "squeezenet1_0", "squeezenet1_1"),
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "mnasnet1_0"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "convnext_tiny", "convnext_small"),
    *("efficientnet_b0", "efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf", "swin_t"),
    *("vit_b_16", "maxvit_t", "caffe_alexnet", "caffe_googlenet"),
)
TIMM = (
    *("resnet26d", "repvgg_a0", "darknet53", "cspresnet50", "dla34", "hrnet_w18_small"),
    *("res2net50_26w_4s", "nf_resnet50", "regnetx_002", "selecsls42b", "xception41"),
    *("inception_v4", "fbnetc_100", "mobileone_s0", "ghostnet_100", "mixnet_s", "skresnet18"),
    *("ese_vovnet19b_dw", "poolformer_s12", "convnextv2_atto", "resnetv2_50", "edgenext_xx_small"),
)
NAMES = (
    *(f"torchvision/{name}" for name in TORCHVISION),
    *(f"timm/{name}" for name in TIMM),
    *("cornet/CORnet_Z", "cornet/CORnet_S", "vonenet/alexnet"),
)


class Row(NamedTuple):
    """What became of a layer."""

    network: str
    layer: str
    field: str
    by_gradients: str
    outcome: str


def main(names: list[str] | None = None, table: str | None = None) -> list[Row]:
    """Print and return what became of the networks, and write it as a table."""
    rows: list[Row] = []
    for name in names or NAMES:
        start = time.perf_counter()
        try:
            network = _built(name)
        except ImportError as error:
            print(f"{name}: left out, {error}", flush=True)
            continue
        for row in _compared(name, network):
            rows.append(row)
            print(*row, f"{time.perf_counter() - start:.0f} s", sep=" | ", flush=True)
    if table:
        _write(rows, Path(table))
    return rows


def _built(name: str) -> nn.Module:
    package, _, architecture = name.partition("/")
    torch.manual_seed(0)
    if package == "torchvision":
        network = load_network(architecture)
    elif package == "timm":
        network = importlib.import_module("timm").create_model(architecture)
    elif package == "cornet":
        network = getattr(importlib.import_module("cornet"), architecture)()
    else:
        vonenet = importlib.import_module("vonenet")
        with warnings.catch_warnings(action="ignore"):
            network = vonenet.get_model(model_arch=architecture, pretrained=False, noise_mode=None)
    generator = torch.Generator().manual_seed(1)
    network.eval().requires_grad_(False)
    for name, values in (*network.named_buffers(), *network.named_parameters()):
        if name.endswith("running_var"):
            values.uniform_(0.5, 2, generator=generator)
        elif values.is_floating_point() and not values.any():
            values.normal_(0, 0.1, generator=generator)  # as of branches that begin shut
    return network


def _compared(name: str, network: nn.Module) -> list[Row]:
    """Return the rows of a network: layers refused, and the first that is not."""
    order = _order(network)
    rows: list[Row] = []
    double = copy.deepcopy(network).double()
    for module in double.modules():
        if hasattr(module, "inplace"):
            vars(module)["inplace"] = False  # or there are no gradients of what was changed
    pictures = list(dead_leaves(3, size=256, seed=3))
    tried: set[str] = set()
    for share in EARLIER:
        layer = order[int(share * (len(order) - 1))]
        if layer in tried:
            continue
        tried.add(layer)
        try:
            with warnings.catch_warnings(action="ignore"):
                found = probe(
                    network, pictures, [layer], shifts=SHIFTS, progress=False, normalisation=PLAIN
                )
        except ValueError as error:
            rows.append(Row(name, layer, "refused", _gradients_told(double, layer), str(error)))
            continue
        size = int(found.rf_size.values[0])
        place = _field(double, layer, size)
        if place is None:  # too large for the oracle's frames
            continue
        frame, unit, top, left, height, width = place
        fields = f"{height}" if height == width else f"{height} × {width}"
        outcome = "DIFFERS in its field"
        if (height, width) == (size, size):
            expected = _answers(double, layer, pictures, size, frame, unit, (top, left))
            off = float(np.abs(found.values - expected).max() / np.abs(expected).max())
            outcome = f"equal to {off:.0e}" if off < ALLOWED else f"DIFFERS by {off:.0e}"
        rows.append(Row(name, layer, str(size), fields, outcome))
        break
    return rows


def _order(network: nn.Module) -> list[str]:
    """Return the convolutions that run once on a map, in the order in which they run."""
    ran: list[str] = []
    hooks = [
        module.register_forward_hook(lambda _m, _i, _o, name=name: ran.append(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    return [name for name in ran if ran.count(name) == 1]


class _Stop(Exception):
    """The layer has run."""


def _run(network: nn.Module, layer: str, frames: torch.Tensor) -> torch.Tensor:
    kept: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        kept.append(output.clone())
        raise _Stop

    hook = network.get_submodule(layer).register_forward_hook(keep)
    try:
        network(frames)
    except _Stop:
        pass
    finally:
        hook.remove()
    return kept[0]


def _support(
    network: nn.Module, layer: str, frame: int, size: int | None = None
) -> tuple[tuple[int, int], int, int, int, int]:
    """Return the middle unit, and the first and last row and column that its answers hang on.

    Gradients tell too little where a maximum lies elsewhere, never too much: more noise is tried
    where they tell of less than `size` pixels.
    """
    seen = torch.zeros(frame, frame, dtype=torch.bool)
    for seed in range(N_TRIES if size else 1):
        generator = torch.Generator().manual_seed(2 + seed)
        noise = torch.randn(N_NOISE, 3, frame, frame, dtype=torch.float64, generator=generator)
        noise.requires_grad_()
        output = _run(network, layer, noise)
        row, column = output.shape[2] // 2, output.shape[3] // 2
        weights = torch.randn(output.shape[:2], dtype=torch.float64, generator=generator)
        answer = (output[:, :, row, column] * weights).sum()
        (gradient,) = torch.autograd.grad(answer, noise)
        seen |= (gradient != 0).any(dim=0).any(dim=0)
        rows, columns = (seen.any(dim=d).nonzero().flatten().tolist() for d in (1, 0))
        if size and min(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 >= size:
            break
    return (row, column), rows[0], rows[-1], columns[0], columns[-1]


def _field(
    network: nn.Module, layer: str, size: int
) -> tuple[int, tuple[int, int], int, int, int, int] | None:
    """Return frame, unit, and first row, first column, height and width of its field."""
    for frame in FRAMES:
        if frame < size + MARGIN:
            continue
        unit, top, bottom, left, right = _support(network, layer, frame, size)
        inside = min(top, left) > 0 and max(bottom, right) < frame - 1
        if inside or size <= 32:
            return frame, unit, top, left, bottom - top + 1, right - left + 1
    return None


def _gradients_told(network: nn.Module, layer: str) -> str:
    """Say what a unit's answers hang on by gradients, where ``probe`` refuses the layer."""
    try:
        _, top, bottom, left, right = _support(network, layer, FRAMES[0])
    except (RuntimeError, IndexError, AssertionError) as error:
        return type(error).__name__
    whole = bottom - top + 1 == right - left + 1 == FRAMES[0]
    return "whole image" if whole else f"{bottom - top + 1} × {right - left + 1}"


def _answers(
    network: nn.Module,
    layer: str,
    pictures: list[np.ndarray],
    size: int,
    frame: int,
    unit: tuple[int, int],
    corner: tuple[int, int],
) -> np.ndarray:
    """Return the answers to each canvas in a whole frame, (channel, image, position)."""
    side = round(0.75 * size)
    values = []
    for picture in pictures:
        small = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
        pixels = (np.asarray(small) / 255 - MEAN) / STD
        frames = np.zeros((len(SHIFTS), frame, frame, 3))
        for laid, shift in zip(frames, SHIFTS, strict=True):
            top = corner[0] + (size - side) // 2
            left = corner[1] + round(shift * size)
            laid[top : top + side, left : left + side] = pixels
        with torch.no_grad():
            output = _run(network, layer, torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()))
        values.append(output[:, :, unit[0], unit[1]].numpy())
    return np.stack(values).transpose(2, 0, 1)


def _write(rows: list[Row], path: Path) -> None:
    """Write the table in place of the one that a page has, or as a page of its own."""
    lines = ["| network | layer | field | by gradients | |", "|---|---|---|---|---|"]
    for row in rows:
        # Of a refusal its reason; what may be done about it is every time the same.
        outcome = row.outcome.partition("; frame=")[0].partition(f"layer {row.layer!r}: ")
        cells = (*row[:-1], outcome[2] or outcome[0])
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    begin, end = "<!-- table: benchmarks/networks.py -->", "<!-- end of table -->"
    text = path.read_text() if path.is_file() else f"{begin}\n{end}\n"
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    path.write_text("\n".join([before + begin, *lines, end]) + after)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--table")
    given = parser.parse_args()
    packages = {name.partition("/")[0] for name in NAMES}
    unknown = [name for name in given.networks if name.partition("/")[0] not in packages]
    if unknown:
        parser.error(f"{unknown[0]}: name it with its package, as torchvision/alexnet")
    main(given.networks, given.table)
