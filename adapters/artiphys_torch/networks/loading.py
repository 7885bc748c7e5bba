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
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torchvision
from torch import nn
from torchvision.models import get_model_builder, get_model_weights, list_models

from artiphys.errors import ArtiphysWarning, InputError
from artiphys_torch.networks.caffe_alexnet import load_caffe_alexnet
from artiphys_torch.networks.caffe_googlenet import load_caffe_googlenet
from artiphys_torch.networks.filling import loaded
from artiphys_torch.networks.origins import (
    ALEXNET_AREAS,
    ASSUMED,
    Origin,
    normalisation_of,
    origin_of,
    seeded,
    state_digest,
)
from artiphys_torch.networks.weights import one_line
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


# What networks of torchvision are built with for their trained weights, and for no others.
BUILT_FOR_WEIGHTS = {name: {"transform_input": True} for name in ("googlenet", "inception_v3")}
CAFFE = {"caffe_alexnet": load_caffe_alexnet, "caffe_googlenet": load_caffe_googlenet}


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
    """Return one of torchvision's classification networks, or your own, ready to be probed.

    Parameters
    ----------
    name : str
        As in ``torchvision.models``, e.g. ``squeezenet1_1``; ``caffe_alexnet`` or
        ``caffe_googlenet``, whose weights may be a ``.caffemodel`` or an ``.npz`` of its blobs; or
        ``FILE.py:function``, a function without arguments that returns a ``torch.nn.Module``.
    weights, seed
        As for :func:`load_alexnet`. A network of one's own keeps the weights that it comes with
        where none are given; what it draws at random is drawn from `seed`.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the CPU. With trained weights it is built as torchvision builds it
        for them, and asks for the normalisation of their own metadata; a file that is none of
        torchvision's is taken to ask for the same.

    Raises
    ------
    InputError
        If there is no such network, or the weights cannot be had or do not fit.

    Warns
    -----
    ArtiphysWarning
        Of what is taken for granted of a state dict that is none of torchvision's.
    """
    file, colon, _ = str(name).rpartition(":")
    if colon and file.endswith(".py"):
        return _own(name, weights, seed)
    if name in CAFFE:
        return CAFFE[name](weights, seed=seed)
    known = list_models(module=torchvision.models)
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=3) or known[:3]
        msg = (
            f"no network {name!r} in torchvision.models; did you mean {', '.join(near)}?"
            f" Caffe's are {' and '.join(CAFFE)}; one's own is given as FILE.py:function"
        )
        raise InputError(msg)
    published = _published(name, weights) if isinstance(weights, str | os.PathLike) else None
    how: dict[str, Any] = {}
    normalisation, said = IMAGENET, ASSUMED
    if isinstance(weights, str | os.PathLike) and str(weights) != "untrained":
        how = dict(BUILT_FOR_WEIGHTS.get(name, {}))
        described = published or _default(name)
        if described is not None:
            if "vit" in name:
                how["image_size"] = described.meta["min_size"][0]
            transforms = described.transforms()
            normalisation = Normalisation(tuple(transforms.mean), tuple(transforms.std))
            said = f"the metadata of torchvision's {described}"
        if published is None:
            how.pop("image_size", None)
            said = f"assumed: as {said}"
    builder = get_model_builder(name)
    model: Any = loaded(
        lambda: _build(builder, how),
        name,
        weights,
        seed=seed,
        normalisation=normalisation,
        normalisation_from=said,
        areas=ALEXNET_AREAS if name == "alexnet" else {},
        url=published.url if published is not None and str(weights) == "imagenet" else None,
    )
    if published is None and str(weights) != "untrained":
        whose = "ImageNet's" if said == ASSUMED else f"those of torchvision's own weights of {name}"
        warnings.warn(_assumed(weights, whose, normalisation, how), ArtiphysWarning, stacklevel=2)
    return model


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
    else:
        warnings.warn(_assumed(weights, "ImageNet's", IMAGENET, {}), ArtiphysWarning, stacklevel=3)
    return model


def _assumed(
    weights: str | os.PathLike[str],
    whose: str,
    normalisation: Normalisation,
    how: Mapping[str, Any],
) -> str:
    """Say what is taken for granted of a state dict, which holds weights and no more."""
    built = "".join(f"{key}={value} and " for key, value in how.items())
    own = "set the network's attributes, and " if how else ""
    return (
        f"{weights}: taken to ask for {built}mean {normalisation.mean} and std"
        f" {normalisation.std}, {whose}; if it was trained otherwise, {own}pass normalisation="
        " where it is probed"
    )


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


def _build(builder: Callable[..., nn.Module], how: Mapping[str, Any]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of two networks, on their slow init
        return builder(weights=None, **how)


def _default(name: str) -> Any:
    try:
        return get_model_weights(name).DEFAULT
    except ValueError:
        return None


def _published(name: str, weights: str | os.PathLike[str]) -> Any:
    """Return torchvision's entry for the weights: its default, or the one whose file is given."""
    if str(weights) == "imagenet":
        return _default(name)
    if str(weights) == "untrained" or not Path(weights).is_file() or _default(name) is None:
        return None
    try:
        with Path(weights).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # said when it is read
        return None
    entries: Any = get_model_weights(name)
    return next((e for e in entries if digest.startswith(_digest_in(e.url))), None)


def _digest_in(url: str) -> str:
    return Path(url).stem.rsplit("-", 1)[-1]
