"""Ways of drawing untrained weights, to ask what of a result hangs on them."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.origins import origin_of, seeded

__all__ = ["INITIALISATIONS", "initialised"]

# Of one weight array; biases are zero but for the first, which is torch's own for both.
INITIALISATIONS: dict[str, Callable[[Any], Any]] = {
    "torch": lambda weight: nn.init.kaiming_uniform_(weight, a=math.sqrt(5)),
    "gaussian": lambda weight: nn.init.normal_(weight, std=0.01),  # Krizhevsky et al. 2012
    "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "glorot": nn.init.xavier_uniform_,
    "orthogonal": lambda weight: nn.init.orthogonal_(weight, gain=math.sqrt(2)),
}


def initialised(model: nn.Module, scheme: str, *, seed: int = 0) -> nn.Module:
    """Return `model` itself with the weights of its convolutions and linear layers drawn anew.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place: make a new one with :func:`load_alexnet` first.
    scheme : {"torch", "gaussian", "he", "glorot", "orthogonal"}
        ``"torch"``: uniform within 1/sqrt(inputs), biases too, as torchvision leaves AlexNet;
        ``"gaussian"``: standard deviation 0.01, as AlexNet was first trained from. Biases are zero
        in all but the first.
    seed : int

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    InputError
        For an unknown scheme.
    """
    if scheme not in INITIALISATIONS:
        msg = f"scheme must be one of {', '.join(INITIALISATIONS)}; got {scheme!r}"
        raise InputError(msg)
    before = origin_of(model)
    seeded(lambda: _draw(model, scheme), seed)
    after = origin_of(model)
    weights = f"{scheme}-seed{seed}"
    origin: Any = replace(before, weights=weights, digest=after.digest)
    model.artiphys_origin = origin
    return model


def _draw(model: nn.Module, scheme: str) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            INITIALISATIONS[scheme](module.weight)
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel()) if scheme == "torch" else 0.0
                nn.init.uniform_(module.bias, -bound, bound)
