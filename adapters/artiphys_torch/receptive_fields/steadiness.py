"""Whether a network answers alike to the same image: each time, and whatever lies beside it.

Probing runs a network many times, several canvases at once, and takes each answer for that of one
canvas. Where chance, what passes before have left behind, or the other canvases have a part in it,
the answer is none of the canvas's.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from artiphys_torch.networks.copies import copied
from artiphys_torch.networks.layers import dtype_of
from artiphys_torch.receptive_fields.running import outputs_of

__all__ = ["ROUNDING", "Steadiness", "differ", "steadiness"]

ROUNDING = 1e-4  # of the largest answer: beyond it single precision does not explain a difference
N_MORE = 16  # passes of a network that draws numbers: a rare chance is not met with in two
RANDOM = (
    "answers otherwise to the same image: the network is random in evaluation too (F.dropout"
    " without training=self.training?); take a layer before that"
)
CHANGED = (
    "answers otherwise to the same image after other images: each forward pass changes the network"
    " (a running mean kept in evaluation?); take a layer before that"
)
MIXED = (
    "answers otherwise to the same image beside other images: the network mixes the images of a"
    " batch; let it take moments of each image, as x.mean((1, 2, 3), keepdim=True), or take a layer"
    " before that"
)


class Steadiness(NamedTuple):
    """What layers answer, and why some of it cannot be relied on."""

    answers: dict[str, torch.Tensor]
    """Of each layer that gives a tensor, to the first two images."""
    faults: dict[str, str]
    """By layer."""


def steadiness(
    model: nn.Module, layers: Sequence[str], images: torch.Tensor, network: nn.Module | None = None
) -> Steadiness:
    """Return what layers answer to images, and which answer otherwise to the same image.

    Parameters
    ----------
    model : torch.nn.Module
        It stays as it is.
    layers : sequence of str
    images : torch.Tensor, (3, channel, row, column)
    network : torch.nn.Module, optional
        A copy of it on the CPU, to be run first.

    Raises
    ------
    Exception
        Of any kind, where the network does not run on two such images.
    """
    used = copied(model).cpu().eval() if network is None else network
    # A louder image, or what another leaves behind would hardly be another's.
    pair, other = images[:2], torch.stack([3 * images[2], images[0]])
    drawn = _drawn()
    once, again = _answers(used, layers, pair), _answers(used, layers, pair)
    chance: set[str] = set()
    if _drawn() != drawn:
        for _ in range(N_MORE):
            more = _answers(used, layers, pair)
            chance |= {layer for layer in once if not _alike(once[layer], more.get(layer))}
    beside = _answers(copied(model).cpu().eval(), layers, other)
    unlike = {layer for layer in once if not _alike(once[layer], again.get(layer))}
    doubtful = unlike | chance
    doubtful |= {n for n in once if n not in beside or not _alike(once[n][:1], beside[n][1:])}
    if not doubtful:
        return Steadiness(once, {})
    # A network that each pass changes answers alike in two new copies; one that is random does not.
    first, second = (_answers(copied(model).cpu().eval(), layers, pair) for _ in range(2))
    after = _answers(used, layers, other)
    faults = {}
    for layer in doubtful:
        if layer in chance or not _alike(first.get(layer), second.get(layer)):
            why = RANDOM
        elif layer in unlike or not _alike(after.get(layer), beside.get(layer)):
            why = CHANGED
        else:
            why = MIXED
        faults[layer] = f"layer {layer!r} {why}"
    return Steadiness(once, faults)


def differ(answers: torch.Tensor, rounding: float = ROUNDING) -> bool:
    """Say whether two answers, (image, channel), differ by more than rounding."""
    answers = answers.double()
    return bool((answers[0] - answers[1]).abs().max() > rounding * answers.abs().max())


def _answers(
    network: nn.Module, layers: Sequence[str], images: torch.Tensor
) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        outputs, _ = outputs_of(network, layers, images.to(dtype_of(network)), stop=True)
    return {n: output for n, output in outputs.items() if isinstance(output, torch.Tensor)}


def _alike(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return False
    allowed = ROUNDING
    if one.is_floating_point():
        allowed = max(allowed, 16 * torch.finfo(one.dtype).eps)
    return not differ(torch.stack([one.flatten(), other.flatten()]), allowed)


def _drawn() -> tuple[Any, ...]:
    """Return where the generators of random numbers are that a forward pass may draw from."""
    numpys = repr(np.random.get_state())  # noqa: NPY002  forward passes use it
    return torch.random.get_rng_state().numpy().tobytes(), numpys, random.getstate()
