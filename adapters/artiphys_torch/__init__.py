"""Probe torch networks into the response array: photographs, canvases, networks, responses."""

try:
    import PIL  # noqa: F401
    import safetensors  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401
except ImportError as error:
    _msg = f"artiphys_torch needs {error.name}: pip install 'artiphys[torch]'"
    raise ImportError(_msg, name=error.name) from error

from artiphys_torch.caffe_alexnet import CaffeAlexNet, load_caffe_alexnet
from artiphys_torch.canvas import IMAGENET, Normalisation, canvas_pictures
from artiphys_torch.initialisations import initialised
from artiphys_torch.kernel_inputs import layer_inputs
from artiphys_torch.leaves import dead_leaves
from artiphys_torch.networks import (
    Origin,
    load_alexnet,
    load_network,
    origin_of,
)
from artiphys_torch.photographs import Photograph, Photographs, as_photographs
from artiphys_torch.probing import probe
from artiphys_torch.receptive_fields import ReceptiveField, receptive_field

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
