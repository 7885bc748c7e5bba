"""Weights in Caffe's own layout: a ``.caffemodel``, or an ``.npz`` of its blobs.

A ``.caffemodel`` is a protobuf message; the few fields that hold weights are read by hand, for
neither Caffe nor its definition of messages is to be had from PyPI. Caffe's pictures are in B, G,
R, and so are the kernels of the first layer; here they are turned round, which is the same network
on pictures in R, G, B.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from artiphys.errors import InputError
from artiphys_torch.networks.weights import read_state, require_weights_file
from artiphys_torch.stimuli.canvas import Normalisation

__all__ = ["CAFFE", "CAFFE_SAYS", "read_blobs", "read_caffemodel"]

# Caffe takes pixels from 0 to 255 less the mean of ImageNet, of imagenet_mean.binaryproto over its
# pixels; here in R, G, B.
CAFFE = Normalisation(
    (122.67891434 / 255, 116.66876762 / 255, 104.00698793 / 255), (1 / 255, 1 / 255, 1 / 255)
)
CAFFE_SAYS = "Caffe's: 0 to 255 less the mean of ImageNet"
# Numbers of the fields in caffe.proto: of the network, of a layer now, until 2014 and until 2013
# (within the one of 2014), of a blob.
LAYERS = {100: (1, 7), 2: (4, 6)}  # field: (name, blobs)
OLDEST, OLDEST_LAYER = 1, (1, 50)
DATA, SHAPE, DOUBLES, OLD_SHAPE = 5, 7, 8, (1, 2, 3, 4)
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_blobs(path: Path, layers: Sequence[str], *, first: str) -> Mapping[str, Any]:
    """Return a state dict made of Caffe's blobs, weights and bias of each of some layers.

    Parameters
    ----------
    path : Path
        A ``.caffemodel``; an ``.npz`` with arrays called ``layer/0`` and ``layer/1`` (or
        ``layer.0``, ``layer_0``, ``layer/weight``, ``layer.weight``, ``layer_w``; ``:`` for ``/``
        in names of layers); or any state dict, which is returned as it is.
    layers : sequence of str
        Those that are wanted; others are left out, as the heads of the loss are.
    first : str
        The layer that sees the image, in B, G, R.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a layer.
    """
    if path.suffix not in (".caffemodel", ".npz"):
        return read_state(path)
    require_weights_file(path)
    if path.suffix == ".caffemodel":
        blobs = read_caffemodel(path)
    else:
        blobs = _read_npz(path, layers)
    missing = [layer for layer in layers if len(blobs.get(layer, ())) < 2]
    if missing:
        msg = (
            f"{path}: has no weights and bias for {', '.join(missing[:3])}"
            f" ({len(missing)} of {len(layers)} layers); it holds {', '.join(list(blobs)[:5])} …"
        )
        raise InputError(msg)
    state = {}
    for layer in layers:
        weight, bias = (np.asarray(blob, dtype=np.float32) for blob in blobs[layer][:2])
        if layer == first and weight.ndim == 4:
            weight = weight[:, ::-1]
        if weight.ndim == 4 and weight.shape[:2] == (1, 1):  # of old files' fully connected layers
            weight = weight[0, 0]
        state[f"{layer}.weight"] = torch.from_numpy(np.ascontiguousarray(weight))
        state[f"{layer}.bias"] = torch.from_numpy(np.ascontiguousarray(bias.reshape(-1)))
    return state


def read_caffemodel(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the blobs of each layer that has some.

    Raises
    ------
    InputError
        If there is no such file, or it is none of Caffe's.
    """
    try:
        message = memoryview(path.read_bytes())
        found: dict[str, list[np.ndarray]] = {}
        for number, value in _fields(message):
            if number in LAYERS and isinstance(value, memoryview):
                name, blobs = _layer(value, *LAYERS[number], oldest=number == 2)
                if blobs:
                    found[name] = blobs
    except OSError as error:
        msg = f"{path}: cannot be read as weights: {error.strerror}"
        raise InputError(msg) from error
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as weights: it is damaged, truncated, or no .caffemodel"
        raise InputError(msg) from error
    if not found:
        msg = f"{path}: cannot be read as weights: it is no .caffemodel, or holds no blobs"
        raise InputError(msg)
    return found


def _layer(
    message: memoryview, name_field: int, blobs_field: int, *, oldest: bool = False
) -> tuple[str, list[np.ndarray]]:
    name, blobs = "", []
    for number, value in _fields(message):
        if oldest and number == OLDEST and isinstance(value, memoryview):
            return _layer(value, *OLDEST_LAYER)
        if number == name_field and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == blobs_field and isinstance(value, memoryview):
            blobs.append(_blob(value))
    return name, blobs


def _blob(message: memoryview) -> np.ndarray:
    shape: list[int] = []
    old_shape: dict[int, int] = {}
    parts: list[np.ndarray] = []
    for number, value in _fields(message):
        if number in (DATA, DOUBLES):
            kind = "<f4" if number == DATA else "<f8"
            parts.append(np.frombuffer(value, dtype=kind))  # packed, or one by one
        elif number == SHAPE and isinstance(value, memoryview):
            for inner, dims in _fields(value):
                if inner == 1:
                    shape += [dims] if isinstance(dims, int) else _varints(dims)
        elif number in OLD_SHAPE and isinstance(value, int):
            old_shape[number] = value
    values = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
    return values.reshape(shape or [old_shape.get(n, 1) for n in OLD_SHAPE])


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield the number and value of each field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            msg = f"no field of kind {kind} in Caffe's messages"
            raise ValueError(msg)
        if at + length > len(message):
            msg = "the file ends within a field"
            raise ValueError(msg)
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            msg = "a number of more than 64 bits"
            raise ValueError(msg)


def _varints(message: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(message):
        value, at = _varint(message, at)
        found.append(value)
    return found


def _read_npz(path: Path, layers: Sequence[str]) -> dict[str, list[np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name.replace(":", "/"): file[name] for name in file.files}
    except Exception as error:  # numpy and zipfile raise errors of many kinds here
        if "allow_pickle" in str(error):
            msg = (
                f"{path}: cannot be read as weights: it holds pickled objects, which are not run;"
                " save each blob by itself, called layer/0 or layer/1"
            )
            raise InputError(msg) from error
        msg = f"{path}: cannot be read as weights: it is damaged, or no .npz ({error})"
        raise InputError(" ".join(msg.split())) from error
    found: dict[str, list[np.ndarray]] = {}
    for layer in layers:
        blobs = [
            next((arrays[n] for n in _spelled(layer, which) if n in arrays), None)
            for which in (("0", "weight", "weights", "W", "w"), ("1", "bias", "biases", "b"))
        ]
        if all(blob is not None for blob in blobs):
            found[layer] = [np.asarray(blob) for blob in blobs]
    return found or {name: [] for name in arrays}


def _spelled(layer: str, endings: Sequence[str]) -> list[str]:
    names = (layer, layer.replace("/", "_"))
    return [f"{name}{between}{end}" for name in names for between in "/._" for end in endings]
