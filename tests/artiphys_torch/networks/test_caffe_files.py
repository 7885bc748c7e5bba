"""Caffe's own files: written here byte by byte, and answered as Caffe answers."""

import struct
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from artiphys.errors import InputError
from artiphys_torch import load_network, probe, receptive_field
from artiphys_torch.networks.caffe_files import read_caffemodel
from artiphys_torch.networks.caffe_googlenet import INCEPTIONS, LAYERS
from torch_networks import photographs


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def blob(array, *, old):
    data = field(5, array.astype("<f4").tobytes())
    if old:
        shape = (1,) * (4 - array.ndim) + array.shape
        return b"".join(field(n + 1, size) for n, size in enumerate(shape)) + data
    return field(7, field(1, b"".join(varint(size) for size in array.shape))) + data


def oldest_caffemodel(blobs):
    """As of 2013: each layer within a connection."""
    out = field(1, b"Net")
    for layer, pair in blobs.items():
        inner = field(1, layer.encode()) + b"".join(
            field(50, blob(each, old=True)) for each in pair
        )
        out += field(2, field(1, inner) + field(2, b"bottom") + field(3, b"top"))
    return out


def caffemodel(blobs, *, old=False):
    """A network of layers, the data layer without blobs among them."""
    number, name, arrays = (2, 4, 6) if old else (100, 1, 7)
    out = field(1, b"Net") + field(number, field(name, b"data"))
    for layer, pair in blobs.items():
        body = field(name, layer.encode()) + b"".join(
            field(arrays, blob(each, old=old)) for each in pair
        )
        out += field(number, body + varint(15 << 3 | 5) + struct.pack("<f", 1.0))
    return out


def blobs_of(model, layers, first):
    """As Caffe would hold a network's weights: the first layer's kernels in B, G, R."""
    found = {}
    for layer in layers:
        module = model.get_submodule(layer)
        weight = module.weight.detach().numpy().copy()
        found[layer] = (weight[:, ::-1] if layer == first else weight, module.bias.numpy().copy())
    return found


ALEXNET = [f"conv{n}" for n in range(1, 6)] + ["fc6", "fc7", "fc8"]


@pytest.fixture(scope="module")
def alexnet():
    return load_network("caffe_alexnet", seed=3)


@pytest.fixture(scope="module")
def googlenet():
    return load_network("caffe_googlenet", seed=3)


@pytest.mark.parametrize("kind", ["new", "old", "oldest", "npz", "npz of caffe2", "pth"])
def test_alexnet_of_every_kind_of_file(tmp_path, alexnet, kind):
    blobs = blobs_of(alexnet, ALEXNET, "conv1")
    if kind == "pth":
        torch.save(alexnet.state_dict(), tmp_path / "w.pth")
        path = tmp_path / "w.pth"
    elif kind == "npz":
        path = tmp_path / "w.npz"
        np.savez(path, **{f"{n}/{i}": b for n, pair in blobs.items() for i, b in enumerate(pair)})
    elif kind == "npz of caffe2":
        path = tmp_path / "w.npz"
        np.savez(
            path, **{f"{n}_{e}": b for n, p in blobs.items() for e, b in zip("wb", p, strict=True)}
        )
    else:
        path = tmp_path / "bvlc_alexnet.caffemodel"
        write = oldest_caffemodel if kind == "oldest" else partial(caffemodel, old=kind == "old")
        path.write_bytes(write(blobs))
    model = load_network("caffe_alexnet", weights=path)
    for key, value in model.state_dict().items():
        assert torch.equal(value, alexnet.state_dict()[key])
    assert model.artiphys_origin.source == f"caffe_alexnet-{path.stem}"
    assert model.artiphys_origin.normalisation_from.startswith("Caffe's")


def test_googlenet_from_its_file(tmp_path, googlenet):
    blobs = blobs_of(googlenet, LAYERS, "conv1/7x7_s2")
    blobs["loss1/conv"] = (np.zeros((2, 3, 1, 1)), np.zeros(2))  # a head of training alone
    path = tmp_path / "bvlc_googlenet.caffemodel"
    path.write_bytes(caffemodel(blobs, old=True))
    model = load_network("caffe_googlenet", weights=path)
    assert all(torch.equal(v, googlenet.state_dict()[k]) for k, v in model.state_dict().items())
    np.savez(
        tmp_path / "w.npz",
        **{
            f"{n.replace('/', ':')}/{i}": b for n, pair in blobs.items() for i, b in enumerate(pair)
        },
    )
    model = load_network("caffe_googlenet", weights=tmp_path / "w.npz")
    assert all(torch.equal(v, googlenet.state_dict()[k]) for k, v in model.state_dict().items())


def test_pixels_are_caffe_s(googlenet):
    """In B, G, R, from 0 to 255, less the published means: to the kernels of the file."""
    layer = "conv1/7x7_s2"
    (picture,) = photographs(1)
    found = probe(googlenet, [picture], layer, crop=1, shifts=(0,), progress=False)
    seven = np.asarray(Image.fromarray(picture).resize((7, 7), Image.Resampling.BICUBIC))
    image = seven[:, :, ::-1].astype(np.float64) - (104, 117, 123)
    (weight, bias) = blobs_of(googlenet, [layer], layer)[layer]
    expected = np.einsum("ucij,ijc->u", weight.astype(np.float64), image) + bias
    np.testing.assert_allclose(found.values.ravel(), expected, rtol=1e-5, atol=1e-4)


def test_fields_and_areas_of_googlenet(googlenet):
    areas = googlenet.artiphys_origin.areas
    assert list(areas) == ["conv2", *INCEPTIONS]
    assert receptive_field(googlenet, areas["conv2"]).size == 19  # 7 + 2 · 2 + 2 · 4
    assert receptive_field(googlenet, "inception_3a/3x3").size == 43  # 19 + 2 · 4 + 2 · 8
    assert receptive_field(googlenet, areas["3a"]).size == 59  # of its widest branch
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert googlenet(image).shape == (1, 1000)
        out = []
        googlenet.get_submodule(areas["3a"]).register_forward_hook(lambda _m, _i, o: out.append(o))
        googlenet(image)
    assert out[0].shape == (1, 256, 28, 28)
    assert (out[0] < 0).any()  # before it is rectified


def test_local_normalisation_is_caffe_s(alexnet):
    """Alpha over the size of the window, across channels, k of 1."""
    values = torch.rand(1, 7, 2, 2, dtype=torch.float64)
    padded = functional.pad(values**2, (0, 0, 0, 0, 2, 2))
    sums = sum(padded[:, i : i + 7] for i in range(5))
    torch.testing.assert_close(alexnet.norm(values), values / (1 + 1e-4 / 5 * sums) ** 0.75)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no .caffemodel, or holds no blobs"),
        (b"\xff\xff\xff\xff", "damaged, truncated, or no .caffemodel"),
        (caffemodel({"conv1": (np.ones((96, 3, 11, 11)), np.ones(96))})[:900], "damaged, trunc"),
        (
            caffemodel({"conv1": (np.ones((96, 3, 11, 11)), np.ones(96))}),
            r"no weights and bias for conv2, conv3, conv4 \(7 of 8 layers\); it holds conv1",
        ),
    ],
)
def test_files_that_are_none_of_caffe_s(tmp_path, content, message):
    (tmp_path / "w.caffemodel").write_bytes(content)
    with pytest.raises(InputError, match=rf"w\.caffemodel: .*{message}"):
        load_network("caffe_alexnet", weights=tmp_path / "w.caffemodel")


def test_shapes_are_checked(tmp_path, alexnet):
    blobs = blobs_of(alexnet, ALEXNET, "conv1")
    blobs["conv2"] = (np.ones((256, 96, 5, 5)), blobs["conv2"][1])
    (tmp_path / "w.caffemodel").write_bytes(caffemodel(blobs))
    with pytest.raises(InputError, match=r"size mismatch for conv2\.weight"):
        load_network("caffe_alexnet", weights=tmp_path / "w.caffemodel")
    with pytest.raises(InputError, match=r"gone\.caffemodel: .*"):
        load_network("caffe_alexnet", weights=tmp_path / "gone.caffemodel")


def test_pickled_blobs_are_not_run(tmp_path):
    blobs = np.empty(2, dtype=object)
    np.savez(tmp_path / "w.npz", conv1=blobs)
    with pytest.raises(
        InputError, match="holds pickled objects, which are not run; save each blob"
    ):
        load_network("caffe_alexnet", weights=tmp_path / "w.npz")


@pytest.mark.parametrize("side", [224, 227, 231])
def test_windows_of_pooling_may_end_outside_as_caffe_s(alexnet, side):
    sizes = []
    hook = alexnet.conv3.register_forward_hook(
        lambda _m, _i, output: sizes.append(output.shape[-1])
    )
    with torch.no_grad():
        alexnet(torch.zeros(1, 3, side, side))
    hook.remove()
    size = (side - 11) // 4 + 1
    for _ in range(2):
        size = -(-(size - 3) // 2) + 1
    assert sizes == [size]


def test_the_mean_of_alexnet_is_the_published_file_s(alexnet):
    red, green, blue = (255 * value for value in alexnet.artiphys_origin.normalisation.mean)
    np.testing.assert_allclose((blue, green, red), (104.00698793, 116.66876762, 122.67891434))


def test_no_file_is_read_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_caffemodel(tmp_path / "gone.caffemodel")
