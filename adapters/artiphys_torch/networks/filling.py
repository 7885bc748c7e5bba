"""Filling a network with weights, and noting where it comes from."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.origins import ALEXNET_AREAS, ASSUMED, Origin, seeded, state_digest
from artiphys_torch.networks.weights import downloaded, load_state, read_state
from artiphys_torch.stimuli.canvas import IMAGENET, Normalisation

__all__ = ["loaded"]


def loaded(
    build: Callable[[], nn.Module],
    name: str,
    weights: str | Path,
    *,
    seed: int,
    normalisation: Normalisation = IMAGENET,
    normalisation_from: str = ASSUMED,
    areas: Mapping[str, str] = ALEXNET_AREAS,
    url: str | None = None,
    read: Callable[[Path], Mapping[str, Any]] = read_state,
) -> nn.Module:
    """Return what `build` makes, with weights and :class:`Origin`, in evaluation mode.

    `url` is that of published weights, `read` what makes a state dict of a file.
    """
    if not isinstance(weights, str | os.PathLike):
        msg = f'weights must be "untrained", "imagenet" or the path of a file; got {weights!r}'
        raise InputError(msg)
    if str(weights) == "imagenet" and url is None:
        msg = f"torchvision publishes no trained weights for {name}; pass the path of a file"
        raise InputError(msg)
    # The file first: whatever is wrong with it is found before a network is built.
    path = downloaded(url) if url else Path(weights)
    state = None if str(weights) == "untrained" else read(path)
    model = seeded(build, seed)
    if state is not None:
        load_state(model, state, str(weights))
    model.eval().requires_grad_(False)
    told = f"untrained-seed{seed}" if state is None else Path(weights).stem
    origin = Origin(name, told, state_digest(model), normalisation, dict(areas), normalisation_from)
    model.artiphys_origin = origin
    return model
