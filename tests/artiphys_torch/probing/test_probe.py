"""Probing: equal to the slow way, whatever the route, batch, mode or precision; and bad input."""

import copy
import json

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.schema import validate
from artiphys_torch import (
    Normalisation,
    as_photographs,
    layer_inputs,
    load_alexnet,
    load_caffe_alexnet,
    load_network,
    probe,
)
from artiphys_torch.probing import extent as extent_module
from artiphys_torch.probing import frames as frames_module
from artiphys_torch.probing import probe as probing_module
from artiphys_torch.probing.chains import Chain, ChainPass, chains
from artiphys_torch.receptive_fields import fields as fields_module
from scripts import benchmark
from torch_networks import Residual, brute_force, chain, photographs

SHIFTS = (0, 1 / 8, 1 / 4)


@pytest.fixture(scope="module")
def alexnet():
    return load_alexnet()


@pytest.fixture(scope="module")
def of_alexnet(alexnet):
    return probe(alexnet, photographs(2, size=100), progress=False)


def close(values, expected, relative=1e-4):
    """Equal to a part of the values' own size: rounding is, and some values lie near zero."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(values, expected, rtol=relative, atol=relative * scale)
    assert np.abs(values - expected).max() < relative * scale


@pytest.mark.parametrize(
    ("area", "layer", "size", "stride", "start"),
    [
        ("conv2", "features.3", 51, 8, -18),
        ("conv3", "features.6", 99, 16, -34),
        ("conv4", "features.8", 131, 16, -50),
        ("conv5", "features.10", 163, 16, -66),
    ],
)
def test_alexnet_equals_brute_force(alexnet, of_alexnet, area, layer, size, stride, start):
    expected = brute_force(
        alexnet,
        layer,
        photographs(2, size=100),
        SHIFTS,
        size=size,
        stride=stride,
        start=start,
        frame=224,
    )
    close(of_alexnet.values[(of_alexnet.area == area).values], expected, 1e-5)


# Of each layer: size, stride and first pixel of the first unit's field.
CHAIN = {"0": (5, 2, -2), "2": (9, 4, -4), "4": (25, 4, -12), "6": (29, 8, -12), "8": (45, 8, -20)}
RESIDUAL = {
    "stem": (7, 2, -3),
    "one": (11, 2, -5),
    "two": (15, 2, -7),
    "short": (7, 2, -3),
    "out": (19, 4, -9),
}


@pytest.mark.parametrize("background", ["mean", 0.7])
@pytest.mark.parametrize(("build", "layers"), [(chain, CHAIN), (Residual, RESIDUAL)])
def test_small_networks_equal_brute_force(build, layers, background):
    model, pixels = build().train(), photographs(3)
    responses = probe(model, pixels, list(layers), background=background, progress=False)
    for layer, (size, stride, start) in layers.items():
        expected = brute_force(
            model,
            layer,
            pixels,
            SHIFTS,
            size=size,
            stride=stride,
            start=start,
            frame=96,
            background=0.0 if background == "mean" else background,
        )
        close(responses.values[(responses.layer == layer).values], expected, 1e-5)


@pytest.mark.filterwarnings("ignore:.*taken to ask for:artiphys.ArtiphysWarning")
def test_trained_squeezenet_equals_brute_force(shared_data):
    model = load_network("squeezenet1_1", shared_data / "squeezenet1_1.pth")
    found = as_photographs(shared_data / "images", n_images=2)
    layers = {"features.3.squeeze": (7, 4, 0), "features.7.expand3x3": (63, 8, -24)}
    responses = probe(model, found, list(layers), progress=False)
    pixels = [np.asarray(item.read()) for item in found]
    for layer, (size, stride, start) in layers.items():
        expected = brute_force(
            model, layer, pixels, SHIFTS, size=size, stride=stride, start=start, frame=224
        )
        close(responses.values[(responses.layer == layer).values], expected)


def test_both_routes_agree():
    model, pixels = chain(), photographs(3)
    patches = probe(model, pixels, list(CHAIN), progress=False)
    model.register_forward_hook(lambda *_: None)  # a container's hook asks for whole frames
    frames = probe(model, pixels, list(CHAIN), progress=False)
    methods = [
        {p["method"] for p in json.loads(r.attrs["provenance"])["passes"]}
        for r in (patches, frames)
    ]
    assert methods == [{"patch"}, {"frame"}]
    close(frames.sel(unit=patches.unit).values, patches.values, 1e-5)


def test_before_rectification_even_in_place(alexnet):
    assert alexnet.features[1].inplace
    responses = probe(alexnet, photographs(4), ["features.0", "features.1"], progress=False)
    before, after = (responses.values[(responses.layer == f"features.{i}").values] for i in (0, 1))
    assert 0.2 < (before < 0).mean() < 0.8
    assert np.array_equal(after, before.clip(0))


def test_before_rectification_in_frames_too():
    """Both layers have one field, so that one pass reads them, with the rectification between."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 9), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1))
    model.register_forward_hook(lambda *_: None)  # a container's hook asks for whole frames
    responses = probe(model, photographs(3), ["0", "2"], progress=False)
    assert len(json.loads(responses.attrs["provenance"])["passes"]) == 1
    assert (responses.values[:8] < 0).any()


@pytest.mark.parametrize("build", [chain, Residual, load_alexnet])
def test_values_do_not_depend_on_the_batch(build):
    model, pixels = build(), photographs(5)
    layers = None if build is load_alexnet else list(CHAIN if build is chain else RESIDUAL)
    several = probe(model, pixels, layers, progress=False)
    for batch_size in (1, 2, 4, 7):
        other = probe(model, pixels, layers, batch_size=batch_size, progress=False)
        close(other.values, several.values, 1e-6)
    alone = probe(model, pixels[:1], layers, shifts=[0], progress=False)
    close(alone.values[:, 0, 0], several.values[:, 0, 0], 1e-6)


def test_the_model_stays_as_it_is():
    model = Residual().train()
    model.one.eval()
    model.one.weight.requires_grad_(False)
    calls = []
    model.out.register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(model.state_dict())
    attributes = {name: set(vars(module)) for name, module in model.named_modules()}
    rng = torch.get_rng_state()
    probe(model, photographs(2), ["two"], progress=False)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [module.training for module in model.modules()].count(False) == 1
    assert not model.one.weight.requires_grad
    assert model.two.weight.requires_grad
    assert len(model.out._forward_hooks) == 1
    assert not any(m._forward_hooks for name, m in model.named_modules() if name != "out")
    assert attributes == {name: set(vars(module)) for name, module in model.named_modules()}
    assert torch.equal(rng, torch.get_rng_state())


def test_a_session_s_precision_has_no_say_and_is_restored():
    model, pixels = chain().eval(), photographs(2)
    expected = probe(model, pixels, ["8"], progress=False)
    precision, tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = probe(model, pixels, ["8"], progress=False)
            assert torch.is_autocast_enabled("cpu")
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.allow_tf32 == tf32
    finally:
        torch.set_float32_matmul_precision(precision)
    assert np.array_equal(found.values, expected.values)


def test_double_precision_is_kept():
    single = probe(chain(), photographs(2), ["8"], progress=False)
    double = probe(chain().double(), photographs(2), ["8"], progress=False)
    half = probe(Residual().bfloat16(), photographs(2), ["two"], progress=False)
    assert (single.dtype, double.dtype, half.dtype) == (np.float32, np.float64, np.float32)
    close(single.values, double.values, 1e-5)


def test_hooks_of_the_user_take_part():
    for model in (chain(), Residual()):
        layer, at = ("4", "0") if isinstance(model, nn.Sequential) else ("two", "stem")
        whole = probe(model, photographs(2), [layer], progress=False)
        model.get_submodule(at).register_forward_hook(lambda _m, _i, output: 0 * output)
        silenced = probe(model, photographs(2), [layer], progress=False)
        assert whole.values.std(axis=1).max() > 0
        assert silenced.values.std(axis=1).max() == 0


def test_weights_made_from_others_and_wrapped_networks():
    pixels = photographs(2)
    expected = probe(chain(), pixels, ["8"], progress=False)
    normed = chain()
    nn.utils.parametrizations.weight_norm(normed[4])
    close(probe(normed, pixels, ["8"], progress=False).values, expected.values, 1e-5)
    parallel = nn.DataParallel(chain())
    close(probe(parallel, pixels, ["module.8"], progress=False).values, expected.values, 1e-5)


class Functional(nn.Module):
    """A chain of functions rather than modules."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.one = nn.Conv2d(3, 4, 3, padding=1)
        self.two = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = nn.functional.relu(self.one(x), inplace=True)
        x = nn.functional.max_pool2d(x, 3, 2, padding=1)
        x = nn.functional.dropout(x, training=self.training)
        x = nn.functional.avg_pool2d(x.tanh(), 2, padding=1)
        return torch.relu_(self.two(x))


def test_functions_are_part_of_a_chain():
    model, pixels = Functional(), photographs(2)
    responses = probe(model, pixels, ["two"], progress=False)
    (each,) = json.loads(responses.attrs["provenance"])["passes"]
    assert (each["method"], each["rf_size"]) == ("patch", 15)
    expected = brute_force(model, "two", pixels, SHIFTS, size=15, stride=4, start=-8, frame=64)
    close(responses.values, expected, 1e-5)


class Altering(nn.Module):
    """Another user of a value changes it in place before the next layer reads it."""

    def __init__(self, alter):
        super().__init__()
        torch.manual_seed(3)
        self.one = nn.Conv2d(3, 4, 3)
        self.two = nn.Conv2d(4, 4, 3)
        self.identity = nn.Identity()
        self.alter = alter

    def forward(self, x):
        x = self.one(x)
        self.alter(self, x)
        return self.two(x)


def view_of_a_view(_, x):
    y = x.view(x.shape).transpose(2, 3)
    y.relu_()


def add_to_a_view(_, x):
    y = x.detach()
    y += 1


def add_to_another_name(_, x):
    x += 1


@pytest.mark.parametrize(
    "alter",
    [
        lambda _, x: x.mul_(2),
        lambda _, x: x[:, :2].relu_(),
        view_of_a_view,
        add_to_a_view,
        add_to_another_name,
        lambda _, x: x.chunk(2, dim=1)[1].mul_(2),
        lambda model, x: model.identity(x).mul_(2),
        lambda _, x: nn.functional.relu(x, True),
        lambda _, x: torch.sigmoid(x, out=x),
    ],
)
def test_changes_in_place_elsewhere_are_not_lost(alter):
    model, pixels = Altering(alter).requires_grad_(False), photographs(2)
    responses = probe(copy.deepcopy(model), pixels, ["two"], batch_size=99, progress=False)
    expected = brute_force(
        copy.deepcopy(model), "two", pixels, SHIFTS, size=5, stride=1, start=0, frame=32
    )
    assert methods(responses) == {"frame"}
    close(responses.values, expected, 1e-5)


@pytest.mark.parametrize(
    "alter",
    [
        lambda model, _: model.two.weight.mul_(2),
        lambda model, _: model.two.weight.data.mul_(2),
    ],
)
def test_weights_that_each_forward_pass_changes_are_refused(alter):
    model = Altering(alter).requires_grad_(False)
    with pytest.raises(InputError, match="each forward pass changes the network"):
        probe(model, photographs(2), ["two"], progress=False)


class Rescaling(Altering):
    """The network changes its own image in place."""

    def forward(self, x):
        x.mul_(2)
        return self.one(x)


def test_a_change_of_the_image_is_not_lost():
    model, pixels = Rescaling(None), photographs(2)
    responses = probe(model, pixels, ["one"], shifts=(0, 1 / 4), progress=False)
    plain = probe(nn.Sequential(model.one), pixels, ["0"], shifts=(0, 1 / 4), progress=False)
    bias = model.one.bias.detach().numpy()[:, np.newaxis, np.newaxis]
    close(responses.values - bias, 2 * (plain.values - bias), 1e-5)


def test_reading_elsewhere_takes_no_chain_away():
    """Residual networks read every value twice, and rectify in place what comes of it."""
    model = load_network("resnet18")
    found = chains(model, ["layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1"])
    assert list(found) == ["layer1.0.conv1", "layer1.0.conv2"]


def methods(responses):
    return {each["method"] for each in json.loads(responses.attrs["provenance"])["passes"]}


class Coarser:
    """A forward pass put in the place of a module's own: what it is given is pooled first."""

    def __init__(self, forward):
        self.forward = forward

    def __call__(self, image):
        return self.forward(nn.functional.avg_pool2d(image, 2))


@pytest.mark.parametrize(("patched", "size"), [("3", 17), ("", 22)])
def test_a_forward_pass_put_in_place_of_a_module_s_own_is_run(patched, size):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 2, 3)
    )
    module, pixels = model.get_submodule(patched), photographs(2)
    module.forward = Coarser(module.forward)
    responses = probe(model, pixels, ["3"], progress=False)
    expected = brute_force(model, "3", pixels, SHIFTS, size=size, stride=4, start=0, frame=96)
    close(responses.values, expected, 1e-5)


def test_a_chain_of_more_than_one_unit_is_refused():
    """A class patched as a whole is not seen beforehand."""
    step = nn.Conv2d(3, 2, 3)
    member = Chain("conv", ("conv",), (step,), 4)
    with pytest.raises(InputError, match="layer 'conv': must have one unit .* got a map of 2 × 2"):
        ChainPass([member], torch.device("cpu"))(torch.zeros(1, 3, 4, 4))


def test_labels_of_alexnet(of_alexnet):
    responses = validate(of_alexnet)
    assert responses.sizes == {"unit": 1088, "image": 2, "position": 3}
    assert responses.unit.values[[0, 192, 1087]].tolist() == [
        "alexnet/conv2/0",
        "alexnet/conv3/0",
        "alexnet/conv5/255",
    ]
    first = responses.isel(unit=200)
    assert (first.area, first.layer, first.channel, first.rf_size) == ("conv3", "features.6", 8, 99)
    assert set(responses.source.values) == {"alexnet-untrained-seed0"}
    assert responses.position.values.tolist() == responses["shift"].values.tolist() == list(SHIFTS)
    assert responses.attrs["reference"] == 0
    assert responses.attrs["units"] == "a.u."
    np.testing.assert_array_equal(responses.x, [0, np.nan, np.nan])
    record = json.loads(responses.attrs["provenance"])
    assert record["maker"] == "artiphys_torch.probe"
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    assert record["inputs"][1]["count"] == 2


def test_labels_of_other_networks():
    responses = probe(chain(), photographs(1), {"last": "8"}, source="net", progress=False)
    assert responses.unit.values[0] == "net/last/0"
    assert set(responses.source.values) == {"net"}
    assert responses.x.values.tolist() == [0, 6, 11]
    unnamed = probe(chain(), photographs(1), "8", progress=False)
    assert unnamed.unit.values[0] == "sequential/8/0"
    assert unnamed.source.values[0].startswith("sequential-")


def test_all_that_fit_by_default_the_others_told():
    with pytest.warns(ArtiphysWarning, match="1 of 6 convolutions are left out: layer 'scale'"):
        responses = probe(Residual(), photographs(1), progress=False)
    assert list(dict.fromkeys(responses.layer.values)) == ["stem", "one", "two", "short", "out"]
    record = json.loads(responses.attrs["provenance"])
    assert record["dropped"] == [
        {
            "what": "layer",
            "reason": "receptive field too large to fit or too small to shift in",
            "count": 1,
            "layers": ["scale"],
        }
    ]


@pytest.mark.filterwarnings("ignore:.*too few for the shifts")
def test_normalisation_is_the_network_s():
    network = load_caffe_alexnet()
    pixels = photographs(1)
    own = probe(network, pixels, ["conv1"], progress=False)
    other = probe(
        network,
        pixels,
        ["conv1"],
        normalisation=network.artiphys_origin.normalisation,
        progress=False,
    )
    assert np.array_equal(own, other)
    plain = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    model = nn.Sequential(nn.Conv2d(3, 1, 4, bias=False))
    nn.init.ones_(model[0].weight)
    grey = np.full((8, 8), 51, dtype=np.uint8)
    found = probe(model, grey, "0", normalisation=plain, progress=False)
    np.testing.assert_allclose(found.values.ravel(), [27 * 0.2] * 3, rtol=1e-6)


def test_dead_leaves_where_no_photographs_are_given():
    found = as_photographs(n_images=2, seed=1)
    responses = probe(chain(), found, "0", progress=False)
    assert responses.image.values.tolist() == ["leaves-1-000", "leaves-1-001"]


def test_each_photograph_is_read_once(monkeypatch):
    monkeypatch.setattr(extent_module, "CHUNK", 2)
    found = as_photographs(photographs(5))
    reads = []
    counted = type(found)(
        tuple(
            type(item)(
                item.name, lambda item=item: reads.append(item.name) or item.read(), item.digest
            )
            for item in found
        ),
        "counted",
    )
    chunked = probe(chain(), counted, list(CHAIN), progress=False)
    assert sorted(reads) == found.names
    assert np.array_equal(chunked, probe(chain(), found, list(CHAIN), progress=False))


def test_progress_can_be_forced_and_silenced(capsys):
    probe(chain(), photographs(1), "0", progress=True)
    assert "canvas/s" in capsys.readouterr().err
    for progress in (False, None):  # None: the captured stream is no terminal
        probe(chain(), photographs(1), "0", progress=progress)
        assert capsys.readouterr().err == ""


def test_progress_of_the_plan_too(capsys):
    """Receptive fields of large networks take half a minute to measure."""
    probe(Residual(), photographs(1), ["out"], progress=True)
    told = capsys.readouterr().err
    assert "receptive fields:" in told
    assert told.index("step/s") < told.index("canvas/s")
    layer_inputs(Residual(), photographs(1), "out", progress=True)
    assert "receptive fields:" in capsys.readouterr().err
    for progress in (False, None):
        probe(Residual(), photographs(1), ["out"], progress=progress)
        assert capsys.readouterr().err == ""


def test_one_photograph_and_one_pixel():
    responses = probe(chain(), np.full((1, 1), 99, dtype=np.uint8), "8", progress=False)
    assert np.isfinite(responses.values).all()


def test_weights_that_are_not_finite():
    model = chain()
    with torch.no_grad():
        model[4].weight[5, 0, 0, 0] = torch.nan
    with pytest.raises(
        InputError, match=r"6 of 6 units answer NaN or infinity, first to image-000"
    ):
        probe(model, photographs(2), "8", progress=False)


class Grey(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.conv(x)


@pytest.mark.filterwarnings("ignore:.*too few for the shifts")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": "a"}, "crop must be a number; got 'a'"),
        ({"batch_size": True}, "batch_size must be a whole number of at least 1; got True"),
        ({"batch_size": 2.0}, "batch_size must be a whole number of at least 1; got 2.0"),
        ({"layers": ["conv2"]}, "no layer 'conv2'; the layers are 0, 1, 2, 3"),
        ({"layers": []}, "at least one layer, each once; got none"),
        ({"layers": ["0", "0"]}, "got 0 more than once"),
        ({"layers": {"a": "0", "b": "0"}}, "got 0 more than once"),
        (
            {"shifts": (1 / 8, 1 / 4)},
            r"must hold 0, the reference position, .* got \(0.125, 0.25\)",
        ),
        ({"shifts": (0, 0.2, 0.2)}, "each value once"),
        ({"shifts": (0, "far")}, "shifts must be numbers"),
        ({"shifts": (0, 0.5)}, "the photograph leaves the canvas; got 0.5"),
        ({"crop": 2}, "crop must be above 0 and at most 1"),
        ({"background": "white"}, 'background must be "mean", "black" or a number'),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"device": "tpu9"}, "no device 'tpu9' here; expected auto, "),
        ({"device": "meta"}, "no device 'meta' here; expected auto, "),
        ({"layers": 5}, "layers must be names, or a mapping of areas to names; got 5"),
        ({"layers": [["0"]]}, r"layers must be names, as .*; got \[\['0'\]\]"),
        ({"out": 5}, "out must be the path of a file to write; got 5"),
        ({"model": chain().to("meta")}, r"must hold its weights; 0\.weight is on meta; load it fi"),
        (
            {"model": nn.LazyConv2d(2, 3), "layers": ""},
            "must hold its weights; weight is lazy; run the network once",
        ),
        ({"source": ""}, "source must be a name"),
        ({"overwrite": "no"}, "overwrite must be True or False; got 'no'"),
        ({"units": "some"}, "units must be one of 'central', 'all'; got 'some'"),
        ({"images": []}, "at least one photograph"),
        ({"model": "alexnet"}, r"model must be a torch\.nn\.Module; got str"),
        ({"model": Grey(), "layers": ["conv"]}, "cannot be run on canvases of RGB photographs"),
        ({"model": nn.Linear(3, 2), "layers": None}, "Linear has no Conv2d; name the layers"),
        ({"model": Residual(), "layers": ["head"]}, r"shape \(1, 2\): .* the whole image"),
        ({"model": Residual(), "layers": ["scale", "pool"]}, "layer 'scale': .*; layer 'pool'"),
        (
            {"model": nn.Sequential(nn.Conv2d(3, 2, (3, 5))), "layers": "0"},
            "must be square, as the canvas is; got 3 × 5 pixels",
        ),
        ({"out": "responses.csv"}, r"must end in \.nc \(netCDF4\) or \.zarr"),
        ({"out": "nowhere/responses.nc"}, "the folder nowhere does not exist"),
    ],
)
def test_bad_input_is_refused_before_any_work(arguments, message, monkeypatch):
    monkeypatch.setattr(probing_module, "_answers", lambda *_: pytest.fail("work was done"))
    given = {"model": chain(), "images": photographs(1), "layers": "0", "progress": False}
    with pytest.raises(InputError, match=message):
        probe(**given | arguments)


def test_a_field_that_does_not_fit_is_refused_with_its_size(monkeypatch):
    for module in (frames_module, fields_module):
        monkeypatch.setattr(module, "LARGEST", 512)
    blocks = [m for _ in range(5) for m in (nn.Conv2d(3, 3, 3, stride=3, dilation=3), nn.ReLU())]
    model = nn.Sequential(*blocks)
    model.register_forward_hook(lambda *_: None)  # not as a chain: by frames
    message = "'8': its receptive field of 727 × 727 pixels does not fit in a frame of 512 pixels"
    with pytest.raises(InputError, match=message):
        probe(model, photographs(1), ["8"], progress=False)


@pytest.mark.parametrize(
    ("build", "layer"),
    [
        (load_alexnet, "features.6"),
        (chain, "4"),
        (chain, "8"),
        (Residual, "two"),
        (Residual, "out"),
    ],
)
def test_inputs_give_the_responses(build, layer):
    model, pixels = build(), photographs(3)
    responses = probe(model, pixels, [layer], progress=False)
    inputs = layer_inputs(model, pixels, layer, progress=False)
    convolution = model.get_submodule(layer)
    weights = convolution.weight.detach().numpy()
    assert inputs.dims == ("image", "position", "channel", "kh", "kw")
    assert inputs.image.values.tolist() == responses.image.values.tolist()
    assert inputs.shape[2:] == (convolution.in_channels, *weights.shape[2:])
    groups = np.split(inputs.values, convolution.groups, axis=2)
    sums = [
        np.einsum("ipckl,uckl->uip", group, kernel)
        for group, kernel in zip(groups, np.split(weights, convolution.groups), strict=True)
    ]
    sums = np.concatenate(sums) + convolution.bias.detach().numpy()[:, np.newaxis, np.newaxis]
    close(sums, responses.values, 1e-5)


def test_inputs_are_of_convolutions():
    with pytest.raises(InputError, match="layer '1' must be a Conv2d; got ReLU"):
        layer_inputs(chain(), photographs(1), "1")
    with pytest.raises(InputError, match="no layer '99'"):
        layer_inputs(chain(), photographs(1), "99")


def test_torchvision_s_own_alexnet_has_its_areas_too():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.alexnet()
    responses = probe(model, photographs(1), progress=False)
    assert list(dict.fromkeys(responses.area.values)) == ["conv2", "conv3", "conv4", "conv5"]


@pytest.mark.slow
def test_benchmark_runs_and_its_values_agree():
    threads = torch.get_num_threads()
    faster, *_ = benchmark("probing").main(n_images=4, n_rounds=1)
    assert torch.get_num_threads() == threads
    assert faster > 1


def test_a_field_too_small_for_the_shifts_is_told():
    """Round(3/8) is 0: the shifted canvas would be the reference's, and the invariance 1."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 9))
    with pytest.warns(ArtiphysWarning, match=r"layer '0': .* 3 pixels, too few .* 0, 0, 1 pixels"):
        responses = probe(model, photographs(2), ["0", "2"], progress=False)
    assert responses.sizes["unit"] == 8
    with pytest.warns(ArtiphysWarning, match="1 of 2 convolutions are left out: layer '0'"):
        responses = probe(model, photographs(2), progress=False)
    assert set(responses.area.values) == {"2"}
    assert json.loads(responses.attrs["provenance"])["dropped"][-1]["layers"] == ["0"]


def test_moments_taken_from_the_batch_are_refused():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 5), nn.BatchNorm2d(4, track_running_stats=False), nn.Conv2d(4, 3, 5)
    )
    with pytest.raises(InputError, match="layer '2'"):
        probe(model, photographs(3), "2", progress=False)


def test_benchmark_of_networks_runs_and_agrees(tmp_path):
    page = tmp_path / "networks.md"
    row, *more = benchmark("networks").main(["torchvision/squeezenet1_1"], str(page))
    assert not more
    assert row.field == row.by_gradients
    assert row.outcome.startswith("equal to ")
    assert f"| {' | '.join(row)} |" in page.read_text()
