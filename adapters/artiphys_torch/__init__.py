"""Probe torch networks into the response array: photographs, canvases, networks, responses."""

try:
    import filelock  # noqa: F401
    import PIL  # noqa: F401
    import safetensors  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401
except ImportError as error:
    from artiphys.errors import to_install as _to_install

    _msg = f"artiphys_torch needs {error.name}: {_to_install('torch')}"
    raise ImportError(_msg, name=error.name) from error

from artiphys_torch.networks.caffe_alexnet import CaffeAlexNet, load_caffe_alexnet
from artiphys_torch.networks.initialisations import initialised
from artiphys_torch.networks.loading import (
    Origin,
    load_alexnet,
    load_network,
    origin_of,
)
from artiphys_torch.probing.inputs import layer_inputs
from artiphys_torch.probing.probe import probe
from artiphys_torch.receptive_fields.fields import ReceptiveField, receptive_field
from artiphys_torch.stimuli.canvas import IMAGENET, Normalisation, canvas_pictures
from artiphys_torch.stimuli.dead_leaves import dead_leaves
from artiphys_torch.stimuli.photographs import Photograph, Photographs, as_photographs

__all__ = [
    "IMAGENET",
    "CaffeAlexNet",
    "Normalisation",
    "Origin",
    "Photograph",
    "Photographs",
    "ReceptiveField",
    "as_photographs",
    "canvas_pictures",
    "dead_leaves",
    "initialised",
    "layer_inputs",
    "load_alexnet",
    "load_caffe_alexnet",
    "load_network",
    "origin_of",
    "probe",
    "receptive_field",
]
