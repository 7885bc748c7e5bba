"""Receptive fields: measured against arithmetic, and refused where there is none."""

import copy
import json

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from artiphys.errors import InputError
from artiphys_torch import layer_inputs, probe, receptive_field
from artiphys_torch.probing.chains import chains
from artiphys_torch.probing.inputs import unrectified_inputs
from artiphys_torch.receptive_fields.connections import Connections
from artiphys_torch.receptive_fields.fields import fields
from torch_networks import Residual, brute_force, chain, photographs, reference_canvas

SHIFTS = (0, 1 / 4)


@pytest.fixture(scope="module")
def alexnet():
    with torch.random.fork_rng():
        return torchvision.models.alexnet().eval()


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        ("features.0", (11, 4, 3.0)),
        ("features.1", (11, 4, 3.0)),
        ("features.2", (19, 8, 7.0)),
        ("features.3", (51, 8, 7.0)),
        ("features.6", (99, 16, 15.0)),
        ("features.8", (131, 16, 15.0)),
        ("features.10", (163, 16, 15.0)),
        ("features.12", (195, 32, 31.0)),
    ],
)
def test_alexnet(alexnet, layer, field):
    assert receptive_field(alexnet, layer) == field


def by_arithmetic(layers):
    """Size, stride and centre of a chain, as Araujo et al. (2019) have them."""
    size, jump, start = 1, 1, 0
    for layer in layers:
        kernel, dilation = layer.kernel_size[0], layer.dilation[0]
        start -= layer.padding[0] * jump
        size += (kernel - 1) * dilation * jump
        jump *= layer.stride[0]
    return size, jump, start + (size - 1) / 2


window = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2))


@given(st.lists(window, min_size=1, max_size=4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_chains_equal_arithmetic(windows, grouped):
    layers = [
        nn.Conv2d(
            3 if i == 0 else 4,
            4,
            k,
            stride=s,
            dilation=d,
            padding=p,
            groups=2 if grouped and i else 1,
        )
        for i, (k, s, d, p) in enumerate(windows)
    ]
    expected = by_arithmetic(layers)
    network = nn.Sequential(*[m for layer in layers for m in (layer, nn.ReLU(inplace=True))])
    name = str(2 * len(layers) - 2)
    assert receptive_field(network, name) == expected
    assert chains(network, [name])[name].size == expected[0]


def test_strides_that_pass_over_a_small_frame():
    """Of 32 pixels the one unit would lie in the padding alone."""
    strided = [nn.Conv2d(3, 3, 1, stride=3) for _ in range(3)]
    network = nn.Sequential(*strided, nn.Conv2d(3, 2, 1, stride=3, padding=1))
    assert receptive_field(network, "3") == (1, 81, -27.0)


def test_paths_that_meet_again():
    network = Residual()
    assert receptive_field(network, "stem") == (7, 2, 0.0)
    assert receptive_field(network, "two") == (15, 2, 0.0)
    assert receptive_field(network, "short") == (7, 2, 0.0)
    assert receptive_field(network, "out") == (19, 4, 0.0)


@pytest.mark.parametrize(
    ("name", "layer", "field"),
    [
        ("squeezenet1_1", "features.12.expand3x3", (207, 16, 15.0)),  # ceil_mode pooling
        ("resnet18", "layer2.0.downsample.0", (43, 8, 0.0)),
        ("resnet18", "layer2.1.conv2", (99, 8, 0.0)),
        ("vit_b_16", "conv_proj", (16, 16, 7.5)),
    ],
)
def test_networks_of_torchvision(name, layer, field):
    with torch.device("meta"):  # weights have no say
        skeleton = torchvision.models.get_model(name)
    network = skeleton.to_empty(device="cpu")
    for value in (*network.parameters(), *network.buffers()):
        nn.init.zeros_(value)
    assert receptive_field(network, layer) == field


def test_other_channels_and_the_network_itself():
    assert receptive_field(nn.Sequential(nn.Conv2d(1, 2, 5)), "0") == (5, 1, 2.0)
    assert receptive_field(nn.Conv2d(3, 2, 5, stride=3), "") == (5, 3, 2.0)
    reflected = nn.Sequential(nn.Conv2d(3, 2, 5, padding=2, padding_mode="reflect"))
    assert receptive_field(reflected, "0") == (5, 1, 0.0)


def test_even_kernels_and_one_channel_a_group():
    depthwise = nn.Conv2d(3, 6, 4, padding="same", groups=3)
    assert receptive_field(nn.Sequential(depthwise), "0") == (4, 1, 0.5)
    plain = nn.Sequential(nn.Conv2d(3, 4, (2, 2), padding="valid", stride=2), nn.MaxPool2d(3, 1, 1))
    assert receptive_field(plain, "1") == (6, 2, 0.5)


def test_weights_made_from_others():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3, stride=2))
    nn.utils.parametrizations.weight_norm(network[0])
    nn.utils.parametrizations.spectral_norm(network[2])
    assert receptive_field(network, "2") == (5, 2, 2.0)


def test_normalisation_across_channels():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(3), nn.Conv2d(4, 2, 3, stride=2)
    )
    assert receptive_field(network, "2") == (5, 2, 2.0)


def test_the_network_stays_as_it_is():
    network = Residual().train()
    network.stem.weight.requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    receptive_field(network, "out")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(module.training for module in network.modules())
    assert not any(module._forward_hooks for module in network.modules())
    assert [p.requires_grad for p in network.parameters()].count(False) == 1
    assert "forward" not in vars(network.stem)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.idle = nn.Conv2d(3, 3, 3)
        self.pair = Pair()

    def forward(self, x):
        return self.pair(self.conv(self.conv(x)))[0]


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 4, stride=4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        x = self.conv(x)
        tokens = x.flatten(2).transpose(1, 2)
        tokens, _ = self.attention(tokens, tokens, tokens)
        return self.out(tokens.transpose(1, 2).reshape(x.shape))


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.conv(torch.ones_like(x))


class WeightsUsed(nn.Module):
    """The weights of plain modules go into the computation by other ways than their own."""

    def __init__(self, answer):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 4, 3)
        self.conv = nn.Conv2d(4, 4, 3, stride=2)
        self.linear = nn.Linear(4, 4)
        self.out = nn.Conv2d(4, 2, 1)
        self.answer = answer

    def forward(self, x):
        return self.out(self.answer(self, self.stem(x)))


def standardised(model, x):
    weight = model.conv.weight
    return nn.functional.conv2d(x, weight - weight.mean(), model.conv.bias, stride=2)


def across_channels(model, x):
    x = model.conv(x).movedim(1, -1)
    return nn.functional.linear(x, model.linear.weight).movedim(-1, 1)


@pytest.mark.parametrize(
    "answer",
    [standardised, across_channels, lambda model, x: model.conv(x) * model.linear.weight.mean()],
)
def test_weights_used_otherwise_than_by_their_module(answer):
    network = WeightsUsed(answer)
    assert receptive_field(network, "out") == (5, 2, 2.0)
    pixels = photographs(2)
    found = probe(network, pixels, ["out"], shifts=SHIFTS, progress=False)
    expected = brute_force(network, "out", pixels, SHIFTS, size=5, stride=2, start=0, frame=32)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)


def test_before_attention_in_windows_that_takes_weights_from_its_modules():
    network = torchvision.models.swin_t().eval()
    assert receptive_field(network, "features.0.0") == (4, 4, 1.5)
    with pytest.raises(InputError, match="or windows are shifted in a circle"):
        receptive_field(network, "features.2.reduction")


def test_circular_padding_is_told():
    network = nn.Sequential(nn.Conv2d(3, 4, 5, padding=2, padding_mode="circular"))
    with pytest.raises(InputError, match="goes round the edges of the image: padding is circular"):
        receptive_field(network, "0")


def made_weights(kind):
    network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 4, 5))
    if kind == "pruned":
        prune.l1_unstructured(network[0], "weight", amount=0.5)
    elif kind == "weight_norm":
        nn.utils.weight_norm(network[0])
    else:
        nn.utils.spectral_norm(network[0])
    network.eval()(torch.zeros(1, 3, 9, 9))
    assert not network[0].weight.is_leaf
    return network


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", ["pruned", "weight_norm", "spectral_norm"])
def test_weights_made_from_others_in_each_pass(kind):
    """Of which no copy could be had, and that of spectral norm for a false reason."""
    network, pixels = made_weights(kind), photographs(2)
    assert receptive_field(network, "2").size == 9
    found = probe(network, pixels, ["2"], shifts=SHIFTS, progress=False)
    expected = brute_force(network, "2", pixels, SHIFTS, size=9, stride=1, start=0, frame=32)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    assert unrectified_inputs(network, pixels, "2", progress=False).sizes["channel"] == 4


@pytest.mark.parametrize(
    ("network", "layer", "message"),
    [
        (nn.Sequential(nn.Conv2d(3, 2, (3, 5))), "0", "same along rows and columns; got 3 pixels"),
        (
            Residual(),
            "scale",
            r"'scale': its .* is the whole image: .* \(measured up to 1024 pixels\)",
        ),
        (Residual(), "head", r"'head' gives no map of units but shape \(1, 2\)"),
        (Attention(), "out", "whole image: global pooling, attention"),
        (Twice(), "conv", "'conv' runs 2 times in a forward pass"),
        (Twice(), "idle", "'idle' does not run in a forward pass"),
        (Twice(), "pair", "'pair' must give a tensor; it gives tuple"),
        (Constant(), "conv", "does not depend on the image"),
        (
            nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(6)),
            "1",
            r"not the same .* in every size of image",
        ),
        (chain(), "conv9", "no layer 'conv9'; the layers are 0, 1, 2, 3, 4, 5, 6, 7, 8"),
        (nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(7)), "1", "runs on no frame of"),
    ],
)
def test_layers_without_a_field_are_refused(network, layer, message):
    with pytest.raises(InputError, match=message):
        receptive_field(network, layer)


def test_a_model_is_asked_for():
    with pytest.raises(InputError, match=r"model must be a torch\.nn\.Module; got str"):
        receptive_field("alexnet", "features.0")


def test_weights_that_are_nan():
    network = nn.Sequential(nn.Conv2d(3, 2, 3))
    nn.init.constant_(network[0].bias, torch.nan)
    with pytest.raises(InputError, match="gives NaN on a blank image"):
        receptive_field(network, "0")


def test_many_layers_at_once_say_which_have_none():
    found, refused = fields(Connections(Residual(), ["stem", "scale", "out"]))
    assert list(found) == ["stem", "out"]
    assert list(refused) == ["scale"]


class StopsNaN(nn.Module):
    """Takes what is no number for 0 between two convolutions, so that NaN is not handed on."""

    def __init__(self, stop):
        super().__init__()
        self.first, self.second, self.stop = nn.Conv2d(3, 4, 5), nn.Conv2d(4, 5, 3), stop

    def forward(self, image):
        return self.second(self.stop(self.first(image)))


def rectifying(values):
    return torch.where(values > 0, values, torch.zeros_like(values))


def agrees(network, layer, field):
    """The field is that of arithmetic, and what is probed is what whole frames answer."""
    assert receptive_field(network, layer) == field
    size, stride, centre = field
    pixels = photographs(2)
    found = probe(network, pixels, [layer], shifts=SHIFTS, progress=False)
    start = round(centre - (size - 1) / 2)
    expected = brute_force(
        network, layer, pixels, SHIFTS, size=size, stride=stride, start=start, frame=64
    )
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    return True


@pytest.mark.parametrize("stop", [torch.nan_to_num, rectifying])
def test_a_field_that_nan_does_not_show_is_shown_by_noise(stop):
    network = StopsNaN(stop)
    assert agrees(network, "second", (7, 1, 3.0))
    assert receptive_field(network, "first").size == 5


def refusing(values):
    if values.isnan().any():
        msg = "not finite"
        raise ValueError(msg)
    return values


def test_a_network_that_takes_no_nan_is_measured_with_noise():
    assert agrees(StopsNaN(refusing), "second", (7, 1, 3.0))


class StopsNaNOnOnePath(nn.Module):
    """A wide path that NaN does not take, and a narrow one that it does."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 4, 9, padding=4)
        self.narrow = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 4, 1)

    def forward(self, image):
        wide = self.wide(image)
        return self.last(self.narrow(image) + torch.where(wide > 0, wide, 0.01 * wide.nan_to_num()))


def test_a_field_that_nan_shows_in_part_is_measured_with_noise():
    assert agrees(StopsNaNOnOnePath(), "last", (9, 1, 0.0))


class Doing(nn.Module):
    """Two convolutions, with something done before, between or to them."""

    def __init__(self, between=None, before=None):
        super().__init__()
        torch.manual_seed(4)
        self.head = nn.Conv2d(5, 2, 1)  # declared first, run last
        self.first, self.second = nn.Conv2d(3, 4, 5), nn.Conv2d(4, 5, 3)
        self.between, self.before = between, before

    def forward(self, image):
        if self.before:
            image = self.before(image)
        values = self.first(image)
        if self.between:
            values = self.between(self, values)
        return self.head(self.second(values))


def test_the_first_convolution_declared_need_not_be_the_first_to_run():
    assert agrees(Doing(), "second", (7, 1, 3.0))
    model = Doing()
    model.register_forward_hook(lambda *_: None)  # by frames
    assert agrees(model, "head", (7, 1, 3.0))


def test_single_precision_asked_for_inside_a_forward_pass():
    assert agrees(Doing(lambda _, x: x.float()), "head", (7, 1, 3.0))
    assert agrees(Doing(lambda _, x: x.to(torch.float32)), "head", (7, 1, 3.0))
    kernel = torch.rand(4, 1, 3, 3)
    norm = nn.BatchNorm2d(4).eval()
    assert agrees(Doing(lambda _, x: norm(x.float())), "head", (7, 1, 3.0))
    fixed = Doing(lambda _, x: nn.functional.conv2d(x, kernel, groups=4))
    assert agrees(fixed, "head", (9, 1, 4.0))


def test_standardising_is_not_weights_that_are_not_finite():
    def across_channels(x):
        return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)

    assert receptive_field(Doing(before=across_channels), "head") == (7, 1, 3.0)
    with pytest.raises(InputError, match=r"weights are finite; does it standardise its image"):
        probe(Doing(before=across_channels), photographs(1), "head", progress=False)

    def of_each(x):
        return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)

    with pytest.raises(InputError, match="is the whole image"):
        receptive_field(Doing(before=of_each), "head")
    assert probe(Doing(before=of_each), photographs(2), "head", frame=24, progress=False).size
    with pytest.raises(
        InputError, match="mixes the images of a batch; let it take moments of each"
    ):
        receptive_field(Doing(before=lambda x: (x - x.mean()) / x.std()), "head")


class ChannelsLast(nn.Module):
    """A block of ConvNeXt: linear layers on maps whose channels come last."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.norm = nn.Conv2d(3, 6, 5, stride=2), nn.LayerNorm(6)
        self.wide, self.act, self.out = nn.Linear(6, 9), nn.GELU(), nn.Conv2d(9, 4, 3)

    def forward(self, x):
        x = self.act(self.wide(self.norm(self.conv(x).permute(0, 2, 3, 1))))
        return self.out(x.permute(0, 3, 1, 2))


def test_channels_that_come_last_are_channels():
    network, pixels = ChannelsLast(), photographs(2)
    for layer in ("norm", "wide", "act"):
        assert receptive_field(network, layer) == (5, 2, 2.0)
    found = probe(network, pixels, ["wide", "out"], shifts=SHIFTS, progress=False)
    assert (found.layer == "wide").sum() == 9
    conv = brute_force(network, "conv", pixels, SHIFTS, size=5, stride=2, start=0, frame=32)
    with torch.no_grad():
        values = torch.from_numpy(conv).movedim(0, -1)
        expected = network.wide(network.norm(values)).movedim(-1, 0).numpy()
    np.testing.assert_allclose(found.values[:9], expected, rtol=1e-4, atol=1e-5)


class SqueezeAndExcitation(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(6)
        self.stem, self.low = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.pool, self.scale = nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1)
        self.high, self.fc = nn.Conv2d(4, 3, 3), nn.Linear(3, 2)

    def forward(self, x):
        x = self.low(self.stem(x))
        x = self.high(x * torch.sigmoid(self.scale(self.pool(x))))
        return self.fc(x.mean((2, 3)))


def test_a_whole_image_says_what_may_be_probed_and_how():
    network = SqueezeAndExcitation()
    with pytest.raises(
        InputError,
        match=r"whole image: .*layers before 'pool' have one, the last 'low'; frame=224 probes",
    ):
        receptive_field(network, "high")


def test_units_of_the_whole_image_are_probed_on_frames():
    network, pixels = SqueezeAndExcitation(), photographs(2)
    found = probe(network, pixels, ["high", "fc"], frame=40, progress=False)
    assert found.sizes == {"unit": 5, "image": 2, "position": 3}
    assert set(found.rf_size.values) == {40}
    assert found.x.values.tolist() == [0, 5, 10]
    record = json.loads(found.attrs["provenance"])
    assert record["passes"][0]["method"] == "whole image"
    assert record["arguments"]["frame"] == 40
    expected = np.empty((5, 2, 3))
    for i, picture in enumerate(pixels):
        for p, shift in enumerate((0, 1 / 8, 1 / 4)):
            canvas = reference_canvas(picture, 40, shift)[None]
            with torch.no_grad():
                x = network.low(network.stem(canvas))
                x = network.high(x * torch.sigmoid(network.scale(network.pool(x))))
                expected[:3, i, p] = x[0, :, 17, 17]
                expected[3:, i, p] = network.fc(x.mean((2, 3)))[0]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)


def test_a_field_smaller_than_the_largest_frame_fits():
    blocks = [nn.Conv2d(3, 3, 2, stride=2) for _ in range(5)]
    network = nn.Sequential(*blocks, nn.Conv2d(3, 3, 31))  # 992 pixels, in strides of 32
    network.register_forward_hook(lambda *_: None)  # by frames
    assert receptive_field(network, "5") == (992, 32, 495.5)
    found = probe(network, photographs(1), "5", shifts=(0, 1 / 4), progress=False)
    assert set(found.rf_size.values) == {992}


def test_randomness_that_stays_in_evaluation_is_refused_by_both():
    network = Doing(lambda _, x: nn.functional.dropout(x))
    message = r"answers otherwise to the same image: the network is random in evaluation too"
    with pytest.raises(InputError, match=message):
        receptive_field(network, "second")
    with pytest.raises(InputError, match=message):
        probe(network, photographs(1), "second", progress=False)
    quiet = Doing(lambda model, x: nn.functional.dropout(x, training=model.training))
    assert agrees(quiet, "second", (7, 1, 3.0))


def strided(model, x):
    model.second.stride, model.second.padding = (2, 2), (1, 1)
    return x


class SetAndPutBack(nn.Module):
    """A stride that no attribute tells of before the pass or after it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 7, stride=2), nn.Conv2d(8, 6, 3)
        self.last = nn.Conv2d(6, 5, 3)

    def forward(self, x):
        self.second.stride, self.second.padding = (2, 2), (1, 1)
        x = self.second(self.first(x).relu()).relu()
        self.second.stride, self.second.padding = (1, 1), (0, 0)
        return self.last(x)


def test_a_stride_that_a_forward_pass_sets_and_puts_back():
    assert receptive_field(SetAndPutBack(), "last") == (19, 4, 7.0)
    assert agrees(SetAndPutBack(), "last", (19, 4, 7.0))


def test_strides_and_padding_set_inside_a_forward_pass():
    network = Doing(strided)
    network.head = nn.Conv2d(5, 2, 5)
    assert receptive_field(network, "head") == (15, 2, 6.0)
    assert network.second.stride == (1, 1)
    assert agrees(network, "head", (15, 2, 6.0))
    network = Doing(strided)
    inputs = layer_inputs(network, photographs(2), "second", shifts=SHIFTS, progress=False)
    answers = probe(network, photographs(2), "second", shifts=SHIFTS, progress=False)
    weights = network.second.weight.detach().numpy()
    sums = np.einsum("ipckl,uckl->uip", inputs.values, weights)
    sums += network.second.bias.detach().numpy()[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(sums, answers.values, rtol=1e-4, atol=1e-5)
