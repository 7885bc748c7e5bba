"""Where a network comes from, and what its weights ask of pixels: what a result says of it."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torchvision
from torch import nn

from artiphys.arguments import whole_number
from artiphys_torch.stimuli.canvas import IMAGENET, Normalisation

__all__ = [
    "ALEXNET_AREAS",
    "ASSUMED",
    "Origin",
    "normalisation_of",
    "origin_of",
    "seeded",
    "state_digest",
]

ALEXNET_AREAS = {
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
}
ASSUMED = "assumed: ImageNet's, as in torchvision"


@dataclass(frozen=True)
class Origin:
    """Where a network comes from.

    Attributes
    ----------
    network : str
        Architecture, e.g. ``alexnet``; unit names begin with it.
    weights : str
        ``untrained-seed0``, ``imagenet``, or a file's name.
    digest : str
        SHA-256 of the state dict; a network changed since does not go by this origin's name.
    normalisation : Normalisation
    normalisation_from : str
        Who says so: the weights' own metadata, their training, or an assumption.
    areas : dict
        The layers that are probed where none are named, by area.
    """

    network: str
    weights: str
    digest: str
    normalisation: Normalisation = IMAGENET
    areas: Mapping[str, str] = field(default_factory=dict)
    normalisation_from: str = ASSUMED

    @property
    def source(self) -> str:
        """Network and weights in one word."""
        return f"{self.network}-{self.weights}"


def seeded(build: Callable[[], Any], seed: int) -> Any:
    """Return what `build` makes with torch's generator seeded; the global one stays as it was."""
    seed = whole_number(seed, "seed", 0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs too
        return build()


def state_digest(model: nn.Module) -> str:
    """Return the SHA-256 of a network's parameters and buffers, names and values."""
    with ThreadPoolExecutor() as pool:  # hashing a large array lets go of the interpreter's lock
        digests = pool.map(_digest_value, *zip(*sorted(model.state_dict().items()), strict=True))
        return hashlib.sha256(b"".join(digests)).hexdigest()


def origin_of(model: nn.Module) -> Origin:
    """Return where `model` comes from, as far as that is still true.

    A network that no loader made, or whose weights have changed since, goes by its class and the
    first digits of its digest.
    """
    digest = state_digest(model)
    origin = getattr(model, "artiphys_origin", None)
    if isinstance(origin, Origin):
        if origin.digest == digest:
            return origin
        return replace(origin, weights=f"changed-{digest[:8]}", digest=digest)
    name = type(model).__name__.lower()
    areas = ALEXNET_AREAS if isinstance(model, torchvision.models.AlexNet) else {}
    normalisation, where = _stated(model) or (IMAGENET, ASSUMED)
    return Origin(name, digest[:8], digest, normalisation, areas, where)


def normalisation_of(model: nn.Module) -> Normalisation:
    """Return what a network's weights ask of pixels; ImageNet's, as in torchvision, if unknown."""
    origin = getattr(model, "artiphys_origin", None)
    if isinstance(origin, Origin):
        return origin.normalisation
    stated = _stated(model)
    return stated[0] if stated else IMAGENET


def _stated(model: nn.Module) -> tuple[Normalisation, str] | None:
    """Return what timm's weights say of themselves, of pixels in three channels."""
    config = getattr(model, "pretrained_cfg", None)
    if not isinstance(config, dict):
        return None
    try:
        mean, std = (tuple(float(value) for value in config[name]) for name in ("mean", "std"))
    except (KeyError, TypeError, ValueError):
        return None
    if len(mean) != 3 or len(std) != 3:
        return None
    (m0, m1, m2), (s0, s1, s2) = mean, std
    return Normalisation((m0, m1, m2), (s0, s1, s2)), "the network's pretrained_cfg"


def _digest_value(name: str, value: Any) -> bytes:
    if not isinstance(value, torch.Tensor):
        return hashlib.sha256(f"{name}{value!r}".encode()).digest()
    array = value.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{name}{array.dtype}{tuple(array.shape)}".encode())
    digest.update(array.flatten().view(torch.uint8).numpy().data)
    return digest.digest()
