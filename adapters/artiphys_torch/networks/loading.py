"""Networks with their weights: torchvision's architectures, or one's own from a file of Python.

A loaded network carries its :class:`Origin`, so that what is measured on it can say where it comes
from.
"""

import difflib
import hashlib
import os
import runpy
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models import get_model_builder, get_model_weights, list_models

from artiphys.arguments import whole_number
from artiphys.errors import InputError
from artiphys_torch.networks.weights import downloaded, load_state, one_line, read_state
from artiphys_torch.stimuli.canvas import IMAGENET, Normalisation

__all__ = [
    "ALEXNET_AREAS",
    "Origin",
    "load_alexnet",
    "load_network",
    "loaded",
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
    areas : dict
        The layers that are probed where none are named, by area.
    """

    network: str
    weights: str
    digest: str
    normalisation: Normalisation = IMAGENET
    areas: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Network and weights in one word."""
        return f"{self.network}-{self.weights}"


def load_alexnet(weights: str | Path = "untrained", *, seed: int = 0) -> nn.Module:
    """Return torchvision's AlexNet, ready to be probed.

    Parameters
    ----------
    weights : {"untrained", "imagenet"} or path
        Drawn at random from `seed`, torchvision's own (downloaded once), or a state dict in a file
        (``.pth``, ``.pt``, ``.safetensors``).
    seed : int
        Of untrained weights; the global random state is neither used nor changed.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the CPU.

    Raises
    ------
    InputError
        If the weights cannot be had, or are not those of an AlexNet; one line says why.

    Examples
    --------
    >>> load_alexnet(seed=1).artiphys_origin.source
    'alexnet-untrained-seed1'
    """
    return load_network("alexnet", weights, seed=seed)


def load_network(name: str, weights: str | Path = "untrained", *, seed: int = 0) -> nn.Module:
    """Return one of torchvision's classification networks, or one's own, ready to be probed.

    Parameters
    ----------
    name : str
        As in ``torchvision.models``, e.g. ``squeezenet1_1``; or ``FILE.py:function``, a function
        without arguments that returns a ``torch.nn.Module``.
    weights, seed
        As for :func:`load_alexnet`. A network of one's own keeps the weights that it comes with
        where none are given; what it draws at random is drawn from `seed`.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the CPU.

    Raises
    ------
    InputError
        If there is no such network, or the weights cannot be had or do not fit.
    """
    file, colon, _ = str(name).rpartition(":")
    if colon and file.endswith(".py"):
        return _own(name, weights, seed)
    known = list_models(module=torchvision.models)
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=3) or known[:3]
        msg = (
            f"no network {name!r} in torchvision.models; did you mean {', '.join(near)}?"
            " One's own is given as FILE.py:function"
        )
        raise InputError(msg)
    builder = get_model_builder(name)
    areas = ALEXNET_AREAS if name == "alexnet" else {}
    return loaded(lambda: _build(builder), name, weights, seed=seed, areas=areas)


def loaded(
    build: Callable[[], nn.Module],
    name: str,
    weights: str | Path,
    *,
    seed: int,
    normalisation: Normalisation = IMAGENET,
    areas: Mapping[str, str] = ALEXNET_AREAS,
) -> nn.Module:
    """Return what `build` makes, with weights and :class:`Origin`, in evaluation mode."""
    if not isinstance(weights, str | os.PathLike):
        msg = f'weights must be "untrained", "imagenet" or the path of a file; got {weights!r}'
        raise InputError(msg)
    # The file first: whatever is wrong with it is found before a network is built.
    state = None if str(weights) == "untrained" else _state(name, weights)
    model = seeded(build, seed)
    if state is not None:
        load_state(model, state, str(weights))
    model.eval().requires_grad_(False)
    told = f"untrained-seed{seed}" if state is None else Path(weights).stem
    origin = Origin(name, told, state_digest(model), normalisation, dict(areas))
    model.artiphys_origin = origin
    return model


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
        return Origin(
            origin.network, f"changed-{digest[:8]}", digest, origin.normalisation, origin.areas
        )
    name = type(model).__name__.lower()
    areas = ALEXNET_AREAS if isinstance(model, torchvision.models.AlexNet) else {}
    return Origin(name, digest[:8], digest, IMAGENET, areas)


def normalisation_of(model: nn.Module) -> Normalisation:
    """Return what a network's weights ask of pixels; ImageNet's, as in torchvision, if unknown."""
    origin = getattr(model, "artiphys_origin", None)
    return origin.normalisation if isinstance(origin, Origin) else IMAGENET


def _own(place: str, weights: str | Path, seed: int) -> nn.Module:
    file, _, name = place.rpartition(":")
    if not Path(file).is_file():
        msg = f"{Path(file)}: no such file; a network of one's own is given as FILE.py:function"
        raise InputError(msg)
    if str(weights) == "imagenet":
        msg = f"no trained weights are published for {place}; pass the path of a file"
        raise InputError(msg)
    model: Any = loaded(partial(_built, place), name.lower(), weights, seed=seed, areas={})
    if str(weights) == "untrained":  # for all that is known here, it comes with trained ones
        model.artiphys_origin = replace(origin_of(model), weights=f"built-seed{seed}")
    return model


def _built(place: str) -> nn.Module:
    """Run a file as Python runs it, and return the network that its function makes."""
    file, _, name = place.rpartition(":")
    path = Path(file)
    try:
        with _neighbours_importable(path):
            function = runpy.run_path(str(path), run_name=f"_network_{path.stem}").get(name)
            if not callable(function):
                msg = f"{path}: has no function {name!r} that returns the network"
                raise InputError(msg)
            model = function()
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # a file of the user's raises what it likes
        msg = f"{place}: cannot be built: {one_line(error)}"
        raise InputError(msg) from error
    if not isinstance(model, nn.Module):
        msg = f"{place}: must return a torch.nn.Module; it returned {type(model).__name__}"
        raise InputError(msg)
    return model


@contextmanager
def _neighbours_importable(path: Path) -> Iterator[None]:
    """Let the file import the files beside it, as a script could."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _build(builder: Callable[..., nn.Module]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of two networks, on their slow init
        return builder(weights=None)


def _state(name: str, weights: str | Path) -> Mapping[str, Any]:
    if str(weights) == "imagenet":
        try:
            published = get_model_weights(name).DEFAULT
        except ValueError:
            published = None
        if published is None:
            msg = f"torchvision publishes no trained weights for {name}; pass the path of a file"
            raise InputError(msg)
        return read_state(downloaded(published.url))
    return read_state(Path(weights))


def _digest_value(name: str, value: Any) -> bytes:
    if not isinstance(value, torch.Tensor):
        return hashlib.sha256(f"{name}{value!r}".encode()).digest()
    array = value.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{name}{array.dtype}{tuple(array.shape)}".encode())
    digest.update(array.flatten().view(torch.uint8).numpy().data)
    return digest.digest()
