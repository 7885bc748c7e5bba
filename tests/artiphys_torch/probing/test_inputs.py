"""Inputs before rectification, the weights on them, and the identity through a real network."""

import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.integration.explained import agreement, explained_invariance
from environment import missing

try:
    import torch
    from torch import nn

    from artiphys_torch import dead_leaves, layer_inputs, load_alexnet, load_network, probe
    from artiphys_torch.probing.inputs import (
        kernel_weights,
        probe_with_inputs,
        unrectified_inputs,
    )
except ImportError:
    missing("the extra 'torch'", module=True)

LAYERS = {
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
}


@pytest.fixture(scope="module")
def leaves():
    return dead_leaves(10, size=96, seed=3)


@pytest.fixture(scope="module")
def alexnet():
    return load_alexnet(seed=1).double()  # so that rounding hides nothing


@pytest.fixture(scope="module")
def responses(alexnet, leaves):
    return probe(alexnet, leaves, LAYERS, progress=False)


def summed(inputs, weights):
    """Return variances and invariances of units that sum their rectified inputs, by numpy's own."""
    rectified = np.maximum(inputs.values, 0).astype(float).reshape(*inputs.shape[:2], -1)
    answers = rectified @ weights.values.reshape(len(weights), -1).T
    correlations = [
        [np.corrcoef(answers[:, 0, unit], answers[:, column, unit])[0, 1] for column in (1, 2)]
        for unit in range(len(weights))
    ]
    return {"variance": answers[:, 0].var(axis=0, ddof=1), "invariance": np.array(correlations)}


@pytest.mark.parametrize("area", LAYERS)
def test_the_exact_prediction_is_what_is_measured(alexnet, leaves, responses, area):
    """The check of the whole chain: canvases, inputs, weights, moments."""
    before = {name: values.clone() for name, values in alexnet.state_dict().items()}
    inputs = unrectified_inputs(alexnet, leaves, LAYERS[area], progress=False)
    rectified = layer_inputs(alexnet, leaves, LAYERS[area], progress=False)
    np.testing.assert_array_equal(np.maximum(inputs.values, 0), rectified.values)
    assert (inputs.values < 0).mean() > 0.01
    measured = responses.isel(unit=responses["area"].values == area)
    expected = {"variance": dynamic_range(measured), "invariance": invariance(measured)}
    weights = kernel_weights(alexnet, LAYERS[area])
    found = summed(inputs, weights)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, err_msg=name)
    # The control: the weights of other units do not do.
    assert (
        np.abs(summed(inputs, weights.roll(unit=1))["variance"] / expected["variance"] - 1).max()
        > 0.1
    )
    assert all((before[name] == values).all() for name, values in alexnet.state_dict().items())


def test_the_identity_with_all_inputs(alexnet, leaves, responses):
    inputs = unrectified_inputs(alexnet, leaves, "features.3", progress=False)
    members = responses["area"].values == "conv2"
    measured = responses.isel(unit=members)
    table = agreement(
        explained_invariance(inputs, kernel_weights(alexnet, "features.3")),
        dynamic_range(measured),
        invariance(measured),
    ).sel(prediction="exact")
    assert (table["largest_error_variance"] < 1e-9).all()
    assert (table["largest_error_invariance"] < 1e-9).all()


def test_fire_modules(leaves):
    """Concatenated inputs, frames in place of patches."""
    network = load_network("squeezenet1_1", "untrained")
    for layer in ("features.4.squeeze", "features.4.expand3x3"):
        inputs = unrectified_inputs(network, leaves[:4], layer, progress=False)
        rectified = layer_inputs(network, leaves[:4], layer, progress=False)
        np.testing.assert_array_equal(np.maximum(inputs.values, 0), rectified.values)
        assert (inputs.values < 0).any()


def test_weights_of_groups_are_zero_on_the_others_inputs():
    convolution = nn.Conv2d(6, 4, 3, groups=2)
    weights = kernel_weights(nn.Sequential(convolution), "0")
    assert weights.dims == ("unit", "channel", "kh", "kw")
    inputs = torch.randn(1, 6, 3, 3)
    with torch.no_grad():
        expected = (convolution(inputs).flatten() - convolution.bias).numpy()
    found = np.einsum("uchw,chw->u", weights.values, inputs[0].numpy())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (weights[:2, 3:] == 0).all()
    assert (weights[2:, :3] == 0).all()


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3) for _ in range(3))
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.third(self.relu(self.second(self.relu(self.first(x)))))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.last = nn.Conv2d(6, 2, 3)

    def forward(self, x):
        x = self.relu1(self.first(x))
        return self.last(torch.cat([x, self.relu2(self.second(x))], dim=1))


@pytest.mark.parametrize(
    ("network", "layer", "match"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 2, 3)), "0", "must come from nn.ReLU modules"),
        (
            lambda: nn.Sequential(
                nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3)
            ),
            "3",
            "concatenation after; got AvgPool2d",
        ),
        (Shared, "third", "each used once"),
        (Dense, "last", "also come to it by way of others"),
        (Dense, "lost", "lost"),
    ],
)
def test_inputs_that_are_refused(leaves, network, layer, match):
    with pytest.raises(InputError, match=match):
        unrectified_inputs(network(), leaves, layer, progress=False)


def test_weights_that_are_refused():
    with pytest.raises(InputError, match="layer '0' must be a Conv2d; got ReLU"):
        kernel_weights(nn.Sequential(nn.ReLU()), "0")


def test_probe_with_inputs_answers_as_probe_does(alexnet, leaves):
    responses, inputs = probe_with_inputs(alexnet, leaves, LAYERS, progress=False)
    expected = probe(alexnet, leaves, LAYERS, progress=False)
    xr.testing.assert_allclose(responses, expected, rtol=1e-5, atol=1e-6)
    assert responses.attrs["provenance"] == expected.attrs["provenance"]
    assert list(inputs) == list(LAYERS)
    alone = unrectified_inputs(alexnet, leaves, LAYERS["conv3"], progress=False)
    xr.testing.assert_identical(inputs["conv3"], alone)


@pytest.mark.parametrize("groups", [1, 2])
def test_probe_with_inputs_where_kernels_are_spread_grouped_and_without_bias(leaves, groups):
    layers = {"last": "2"}
    network = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, dilation=2, padding=2, groups=groups, bias=False),
    )
    responses, _ = probe_with_inputs(network, leaves, layers, progress=False)
    expected = probe(network, leaves, layers, progress=False)
    xr.testing.assert_allclose(responses, expected, rtol=1e-5, atol=1e-6)
