"""Networks with their weights: torchvision's architectures, untrained, trained, or from a file.

Weights are data: a checkpoint is read as tensors and never executed. A loaded network carries its
:class:`Origin`, so that what is measured on it can say where it comes from.
"""

import difflib
import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torchvision.models import get_model_builder, get_model_weights, list_models

from artiphys.arguments import whole_number
from artiphys.errors import InputError
from artiphys_torch.networks.own_networks import builder, is_own
from artiphys_torch.networks.weights import fetched
from artiphys_torch.stimuli.canvas import IMAGENET, Normalisation

__all__ = ["Origin", "load_alexnet", "load_network", "load_state", "origin_of", "state_digest"]

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
ALEXNET_AREAS = {
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
}
WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys that training scripts save it under
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and torch.compile


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
    if is_own(name):
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


def _own(place: str, weights: str | Path, seed: int) -> nn.Module:
    build = builder(place)
    if str(weights) == "imagenet":
        msg = f"no trained weights are published for {place}; pass the path of a file"
        raise InputError(msg)
    model: Any = loaded(build, place.rpartition(":")[2].lower(), weights, seed=seed, areas={})
    if str(weights) == "untrained":  # for all that is known here, it comes with trained ones
        model.artiphys_origin = replace(origin_of(model), weights=f"built-seed{seed}")
    return model


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


def load_state(model: nn.Module, state: Mapping[str, Any], name: str) -> None:
    """Put the tensors of a state dict into `model`, if they are all that it needs and fit.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    state : mapping of str to tensor
        Or a checkpoint that holds it as ``state_dict``, ``model_state_dict`` or ``model``; the
        prefixes of ``DataParallel`` and ``torch.compile`` are taken off.
    name : str
        For the messages.

    Raises
    ------
    InputError
        If tensors are missing, unknown, of the wrong shape or type, or not finite; every fault is
        named, up to three of each kind.
    """
    state = _bare(state, name)
    wanted = model.state_dict()
    counters = [key for key in wanted if key.endswith("num_batches_tracked")]
    faults = [
        *_faults(
            "misses",
            [key for key in wanted if key not in state and key not in counters],
        ),
        *_faults("has the unknown", [key for key in state if key not in wanted]),
        *_faults(
            "has the wrong shape in",
            [
                f"{key} (expected {tuple(wanted[key].shape)}, got {tuple(value.shape)})"
                for key, value in state.items()
                if key in wanted and wanted[key].shape != value.shape
            ],
        ),
        *_faults(
            "has the wrong type in",
            [
                f"{key} (expected floating, dense, of 16 to 64 bits; got {_kind(value)})"
                for key, value in state.items()
                if key in wanted
                and wanted[key].is_floating_point()
                and not (value.dtype in FLOATING and value.layout == torch.strided)
            ],
        ),
    ]
    if not faults:
        faults = _faults(
            "has NaN or infinite values in",
            [
                f"{key} ({int((~value.isfinite()).sum())} of {value.numel()})"
                for key, value in state.items()
                if value.is_floating_point() and not value.isfinite().all()
            ],
        )
    if faults:
        msg = f"{name}: not weights of {type(model).__name__}: it {', and '.join(faults)}"
        raise InputError(msg)
    model.load_state_dict({**{key: wanted[key] for key in counters}, **state}, strict=True)


def _kind(value: torch.Tensor) -> str:
    kind = str(value.dtype).removeprefix("torch.")
    return kind if value.layout == torch.strided else f"sparse {kind}"


def state_digest(model: nn.Module) -> str:
    """Return the SHA-256 of a network's parameters and buffers, names and values."""
    with ThreadPoolExecutor() as pool:  # hashing a large array lets go of the interpreter's lock
        digests = pool.map(_digest_value, *zip(*sorted(model.state_dict().items()), strict=True))
        return hashlib.sha256(b"".join(digests)).hexdigest()


def _digest_value(name: str, value: Any) -> bytes:
    if not isinstance(value, torch.Tensor):
        return hashlib.sha256(f"{name}{value!r}".encode()).digest()
    array = value.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{name}{array.dtype}{tuple(array.shape)}".encode())
    digest.update(array.flatten().view(torch.uint8).numpy().data)
    return digest.digest()


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
        return _read(fetched(published.url))
    return _read(Path(weights))


def _read(path: Path) -> Mapping[str, Any]:
    """Return what a checkpoint holds; nothing in it is executed."""
    try:
        if not path.is_file():
            what = "it is a folder" if path.is_dir() else "no such file"
            msg = f'{path}: {what}; expected "untrained", "imagenet" or the file of a state dict'
            raise InputError(msg)
        path.open("rb").close()  # safetensors says of a closed file that there is none
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is said below, in one line
            return torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except safetensors.SafetensorError as error:
        why = f"it is damaged, or no safetensors file ({error})"
    except PermissionError:
        why = "no permission to read it"
    except Exception as error:  # torch, zipfile and pickle raise errors of many kinds here
        if "weights_only" in str(error).lower() or "unsupported" in str(error).lower():
            why = (
                "it holds more than tensors, and running what a file brings along is not safe;"
                " save model.state_dict() and pass that file"
            )
        else:
            why = f"it is damaged, truncated, or no state dict ({type(error).__name__})"
    msg = f"{path}: cannot be read as weights: {why}"
    raise InputError(" ".join(msg.split()))


def _bare(state: Any, name: str) -> dict[str, torch.Tensor]:
    """Return the state dict inside a checkpoint, its prefixes taken off."""
    if isinstance(state, Mapping):
        for wrapper in WRAPPERS:
            if isinstance(state.get(wrapper), Mapping):
                state = state[wrapper]
                break
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items())
    ):
        msg = f"{name}: holds no state dict, a mapping of names to tensors; save model.state_dict()"
        raise InputError(msg)
    bare = dict(state)
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in bare):
            bare = {key.removeprefix(prefix): value for key, value in bare.items()}
    return bare


def _faults(what: str, found: list[str]) -> list[str]:
    if not found:
        return []
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return [f"{what} {', '.join(found[:3])}{more}"]
