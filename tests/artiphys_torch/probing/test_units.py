"""``units="all"``: every unit answers as the one in the middle does to what lies there for it."""

import numpy as np
import pytest
import torch
from torch import nn

from artiphys.errors import InputError
from artiphys.responses.schema import validate
from artiphys_torch import load_alexnet, probe
from artiphys_torch.probing import frames as frames_module
from artiphys_torch.stimuli.canvas import Stimulus
from torch_networks import Residual, chain, photographs, reference_canvas

SHIFTS = (0, 1 / 8, 1 / 4)


def close(values, expected):
    np.testing.assert_allclose(values, expected, atol=1e-5 * np.abs(expected).max())


def whole_maps(model, layer, pixels, size, corner, frame=224):
    """Return a layer's maps, (image, position, channel, row, column), canvases at a corner."""
    kept = []
    hook = model.get_submodule(layer).register_forward_hook(
        lambda _m, _i, output: kept.append(output.clone())
    )
    frames = torch.zeros(len(pixels) * len(SHIFTS), 3, frame, frame)
    for index, picture in enumerate(pixels):
        for position, shift in enumerate(SHIFTS):
            top, left = corner
            frames[index * len(SHIFTS) + position, :, top : top + size, left : left + size] = (
                reference_canvas(picture, size, shift)
            )
    with torch.no_grad():
        model.eval()(frames)
    hook.remove()
    return kept[0].unflatten(0, (len(pixels), len(SHIFTS))).numpy()


# Of each layer: size, stride and first pixel of the first unit's field.
LAYERS = [
    (chain, "4", 25, 4, -12),
    (chain, "8", 45, 8, -20),
    (Residual, "two", 15, 2, -7),
    (Residual, "out", 19, 4, -9),
    (load_alexnet, "features.10", 163, 16, -66),
]


@pytest.mark.parametrize(("build", "layer", "size", "stride", "start"), LAYERS)
def test_all_units_equal_brute_force(build, layer, size, stride, start):
    model, pixels = build(), photographs(2)
    responses = validate(probe(model, pixels, layer, units="all", progress=False))
    middle = round(((224 - size) / 2 - start) / stride)
    corner = start + middle * stride
    maps = whole_maps(model, layer, pixels, size, (corner, corner))
    starts = start + stride * np.arange(maps.shape[3])
    fit = (starts >= 0) & (starts + size <= 224)
    side = round(size * 3 / 4)
    top, left = corner + (size - side) // 2, corner  # of the photograph
    tall, wide = ((starts + size > low) & (starts < low + side) for low in (top, left))
    rows, columns = np.nonzero((fit & tall)[:, np.newaxis] & fit & wide)
    n_channels = maps.shape[2]
    assert responses.sizes["unit"] == n_channels * len(rows)
    np.testing.assert_array_equal(responses.channel, np.repeat(np.arange(n_channels), len(rows)))
    np.testing.assert_array_equal(responses.row, np.tile(rows, n_channels))
    np.testing.assert_array_equal(responses.column, np.tile(columns, n_channels))
    np.testing.assert_array_equal(responses.rf_y, stride * (responses.row - middle))
    np.testing.assert_array_equal(responses.rf_x, stride * (responses.column - middle))
    expected = maps[:, :, responses.channel, responses.row, responses.column]
    close(responses.values, np.moveaxis(expected, 2, 0))
    first = responses.isel(unit=0)
    assert str(first.unit.values).endswith(f"/{layer}/0/{rows[0]}/{columns[0]}")


def test_the_unit_under_the_canvas_is_the_central_one():
    pixels = photographs(3)
    central = probe(chain(), pixels, ["4", "8"], progress=False)
    found = probe(chain(), pixels, ["4", "8"], units="all", progress=False)
    there = found[((found.rf_x == 0) & (found.rf_y == 0)).values]
    assert there.layer.values.tolist() == central.layer.values.tolist()
    close(there.values, central.values)


def test_a_unit_beside_answers_to_the_canvas_as_if_it_were_shifted():
    """One stride to the left of the middle is one stride's shift to the right."""
    network = nn.Sequential(nn.Conv2d(3, 4, 16, stride=4))
    found = probe(network, photographs(3), "0", units="all", shifts=(0, 1 / 4), progress=False)
    left = found[((found.rf_x == -4) & (found.rf_y == 0)).values]
    under = found[((found.rf_x == 0) & (found.rf_y == 0)).values]
    close(left.sel(position=0).values, under.sel(position=0.25).values)


def test_values_do_not_depend_on_the_batch():
    pixels = photographs(5)
    several = probe(Residual(), pixels, ["two"], units="all", progress=False)
    for batch_size in (1, 4):
        other = probe(
            Residual(), pixels, ["two"], units="all", batch_size=batch_size, progress=False
        )
        close(other.values, several.values)


def test_whole_maps_of_whole_images():
    """Padding has its part, and fields are none of the unit's own."""
    model, pixels = Residual(), photographs(2)
    found = probe(model, pixels, ["two"], units="all", frame=64, progress=False)
    maps = whole_maps(model, "two", pixels, 64, (0, 0), frame=64)
    close(found.values, np.moveaxis(maps.reshape(2, 3, -1), 2, 0))
    assert (found.row.values.max(), found.column.values.max()) == (31, 31)
    assert np.isnan(found.rf_x).all()
    central = probe(model, pixels, ["two"], frame=64, progress=False)
    there = found[((found.row == 16) & (found.column == 16)).values]
    np.testing.assert_array_equal(there.values, central.values)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.norm(self.patches(x).flatten(2).transpose(1, 2)).mean(dim=1))


def test_tokens_are_a_map_of_one_row():
    found = probe(Tokens(), photographs(2), ["norm", "head"], units="all", frame=32, progress=False)
    norm = found[(found.layer == "norm").values]
    assert norm.sizes["unit"] == 8 * 16
    assert norm.row.values.max() == 0
    assert norm.column.values[:16].tolist() == list(range(16))
    first = probe(Tokens(), photographs(2), ["norm"], frame=32, progress=False)
    np.testing.assert_array_equal(norm[(norm.column == 0).values].values, first.values)
    assert found[(found.layer == "head").values].sizes["unit"] == 4


def test_units_that_answer_beyond_their_fields_are_refused(monkeypatch):
    tried = []

    def beyond(connections, units, where):
        tried.append((units, where))
        return {"two": "layer 'two': no"} if len(tried) == 3 else {}

    monkeypatch.setattr(frames_module, "answers_beyond", beyond)
    with pytest.raises(InputError, match="layer 'two': no"):
        probe(Residual(), photographs(1), "two", units="all", progress=False)
    # Fields of 15 pixels begin at 2 i - 7: the middle one, 2 pixels below whose top a photograph of
    # 11 pixels lies, and the first and the last that reach into that.
    places = [(units["two"], where[1]) for units, where in tried]
    assert places == [((56, 56), (105, 105)), ((50, 49), (93, 91)), ((62, 61), (117, 115))]


def test_units_whose_fields_lie_elsewhere_are_refused(monkeypatch):
    monkeypatch.setattr(frames_module, "units_inside", lambda *_: None)
    with pytest.raises(InputError, match="15 × 15 pixels lies elsewhere in every size of frame"):
        probe(Residual(), photographs(1), "two", units="all", progress=False)


def test_the_frame_grows_with_the_field():
    network = nn.Sequential(nn.Conv2d(3, 2, 201, stride=100), nn.Conv2d(2, 2, 2))
    found = probe(network, photographs(1), "1", units="all", progress=False)
    assert set(found.rf_size.values) == {301}
    assert Stimulus().geometry(301).size == 301
    assert '"frame": 512' in found.attrs["provenance"]
