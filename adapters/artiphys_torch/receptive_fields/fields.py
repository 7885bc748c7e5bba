"""Receptive fields, measured: a unit is NaN if its field reaches a pixel that is NaN.

That holds for any module that lets NaN through, whatever its forward pass does, where arithmetic on
kernel sizes and strides holds for chains alone; where it is not let through, noise takes its place.
Either way the network itself has the last word: noise outside the field that was found must not
change the unit's answer.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.copies import working_copy
from artiphys_torch.networks.layers import check_layers
from artiphys_torch.receptive_fields.connections import Connections

__all__ = [
    "LARGEST",
    "Place",
    "ReceptiveField",
    "Where",
    "answers_beyond",
    "fields",
    "placed",
    "receptive_field",
    "units_inside",
]

WHOLE_FRAME = 1024
LARGEST = 1024  # side of a frame in pixels; larger ones are refused rather than run for hours
STEP = 32  # what encoders that halve five times need
ONE_SIZE = 224  # what networks for one size only are mostly made for


Where = tuple[int, tuple[int, int], int]  # a frame, and the corner and size of a field in it


class Place(NamedTuple):
    """A unit whose field lies wholly inside a square frame of pixels."""

    frame: int
    """Side of the frame."""
    unit: tuple[int, int]
    """Row and column in the layer's map."""
    corner: tuple[int, int]
    """First row and column of the unit's field."""


class ReceptiveField(NamedTuple):
    """What a unit of a layer sees of the image, in pixels.

    ``centre`` is the coordinate, with 0 the centre of the image's first pixel, of the centre of the
    field of the layer's first unit; the field of unit i begins at
    ``centre - (size - 1) / 2 + stride * i``. With padding that may lie before the image.
    """

    size: int
    stride: int
    centre: float

    def start(self, index: int) -> int:
        """Return the first pixel of the field of unit `index`."""
        return round(self.centre - (self.size - 1) / 2) + self.stride * index

    def nearest(self, frame: int) -> int:
        """Return the unit whose field's centre is nearest that of a frame."""
        return max(0, round(((frame - 1) / 2 - self.centre) / self.stride))


def receptive_field(model: nn.Module, layer: str) -> ReceptiveField:
    """Return size, stride and centre of the receptive field of a layer's units, in pixels.

    Parameters
    ----------
    model : torch.nn.Module
        Any; it takes images, (image, channel, row, column). It stays as it is.
    layer : str
        A name in ``model.named_modules()``.

    Returns
    -------
    ReceptiveField

    Raises
    ------
    InputError
        For an unknown layer (the valid ones are listed), one without a map of units, one whose
        field is the whole image (after global pooling or attention), one whose field is not the
        same along rows and columns, and one that answers to pixels outside the field measured.

    Notes
    -----
    The field is that of the architecture: pixels that a weight of zero hangs on count.

    References
    ----------
    Araujo, Norris & Sim (2019), Computing receptive fields of convolutional neural networks,
    Distill, doi:10.23915/distill.00021.

    Examples
    --------
    >>> receptive_field(nn.Sequential(nn.Conv2d(3, 8, 11, stride=4, padding=2)), "0")
    ReceptiveField(size=11, stride=4, centre=3.0)
    """
    check_layers(model, [layer])
    connections = Connections(working_copy(model), [layer])
    found, refused = fields(connections)
    if layer in refused:
        raise InputError(refused[layer])
    vertical, horizontal = found[layer]
    if vertical != horizontal:
        msg = (
            f"layer {layer!r}: the receptive field must be the same along rows and columns;"
            f" got {_told(vertical)} along a column, {_told(horizontal)} along a row"
        )
        raise InputError(msg)
    place = placed(connections, layer, (vertical, horizontal))
    if place:
        where = (place.frame, place.corner, horizontal.size)
        beyond = answers_beyond(connections, {layer: place.unit}, where)
        if beyond:
            raise InputError(beyond[layer])
    return horizontal


def fields(
    connections: Connections, tick: Callable[[int], Any] = lambda n_layers: None
) -> tuple[dict[str, tuple[ReceptiveField, ReceptiveField]], dict[str, str]]:
    """Return the fields of layers, (along a column, along a row), and why the others have none.

    `tick` is called with the number of layers whenever some are done.
    """
    found, refused = {}, dict(connections.without_map)
    for layer in connections.layers:
        try:
            horizontal = _along(connections, layer, "column")
            found[layer] = (_along(connections, layer, "row", guess=horizontal), horizontal)
        except InputError as error:
            refused[layer] = f"layer {layer!r}: {error}"
        tick(1)
    return found, refused


def placed(
    connections: Connections,
    layer: str,
    field: tuple[ReceptiveField, ReceptiveField],
    least: int = 0,
) -> Place | None:
    """Return a frame, the unit nearest its centre, and where the unit's square field begins.

    None if no frame of `least` pixels or more holds the field.
    """
    size = field[0].size
    needed = max(least, size + 2 * max(axis.stride for axis in field))
    first = -(-needed // STEP) * STEP
    # Eight frames; as many of the largest fields too, which no frame of their own size centres.
    frames = [*range(first, first + 8 * STEP, STEP)] if size <= LARGEST else []
    if size <= ONE_SIZE:
        frames.append(ONE_SIZE)
    for frame in frames:
        unit = (field[0].nearest(frame), field[1].nearest(frame))
        corner = (field[0].start(unit[0]), field[1].start(unit[1]))
        inside = min(corner) >= 0 and max(corner) + size <= frame
        if inside and connections.runs_on(frame):
            # Padding may hang on the size of the frame, and the fields' places with it.
            along = zip(("row", "column"), unit, field, strict=True)
            if all(_lies_at(connections, layer, axis, frame, u, f) for axis, u, f in along):
                return Place(frame, unit, corner)
    return None


def units_inside(
    connections: Connections,
    layer: str,
    field: tuple[ReceptiveField, ReceptiveField],
    place: Place,
    reached: tuple[range, range],
) -> tuple[range, range] | None:
    """Return the rows and columns of units whose fields lie wholly inside a frame.

    Of these, the ones whose fields reach into some rows and columns of pixels of the field of the
    unit at `place`. None if the outermost of them see other pixels than their strides say.
    """
    found = []
    for axis, along, corner, pixels in zip(
        ("row", "column"), field, place.corner, reached, strict=True
    ):
        begin, end = (corner + pixel - along.start(0) for pixel in (pixels.start, pixels.stop))
        first = max(0, -(along.start(0) // along.stride), (begin - along.size) // along.stride + 1)
        most = (place.frame - along.size - along.start(0)) // along.stride
        last = min(most, -(-end // along.stride) - 1)
        edges = (_lies_at(connections, layer, axis, place.frame, u, along) for u in (first, last))
        if not all(edges):
            return None
        found.append(range(first, last + 1))
    return found[0], found[1]


def answers_beyond(
    connections: Connections,
    units: Mapping[str, tuple[int, int]],
    where: Where,
) -> dict[str, str]:
    """Return what is wrong with those of some layers whose unit answers beyond its field.

    Parameters
    ----------
    units : mapping of str to (row, column)
        Of each layer the unit whose field is there.
    where : Where
        That is.
    """
    frame, corner, size = where
    return {
        layer: (
            f"layer {layer!r}: its units answer to pixels outside the receptive field of {size}"
            " pixels that was measured: it hangs on the values of the image, or the network is"
            " random; take a layer before that"
        )
        for layer in connections.answering_beyond(units, frame, corner, size)
    }


def _lies_at(
    connections: Connections, layer: str, axis: str, frame: int, unit: int, field: ReceptiveField
) -> bool:
    """Say whether in a frame of that length the field of `unit` begins and ends as `field` says."""
    edges = (field.start(unit), field.start(unit) + field.size)
    return _edges(_seeing(connections, layer, frame, axis), unit, frame, edges) == edges


def _along(
    connections: Connections,
    layer: str,
    axis: str,
    guess: ReceptiveField | None = None,
) -> ReceptiveField:
    """Measure the field along one axis, in frames that grow until three units' lie inside them."""
    length = max(connections.side, 64)
    while True:
        seeing = _seeing(connections, layer, length, axis)
        n_units = _n_units(seeing)
        begin, end = seeing("before", 1), seeing("from", length - 1)
        middle = n_units // 2
        if n_units >= 4 and not (begin[middle - 1 :].any() or end[: middle + 2].any()):
            larger = _seeing(connections, layer, 2 * length, axis)
            field = _measured(seeing, middle, length, guess)
            if field and _grows_by(larger, n_units, length // field.stride):
                return field
            problem = "is not the same for every unit, or in every size of image"
            largest = 128 if connections.is_by_noise(layer) else 512
        else:
            problem = _why_so_wide(begin, end)
            largest = 512 if connections.is_by_noise(layer) else 4096
        # Where the first unit sees the last pixel, frames of twice the size mostly tell no more.
        whole = bool(begin[-1] and end[0])
        largest = min(largest, WHOLE_FRAME) if whole else largest
        if length >= largest:
            msg = f"its receptive field {problem} (measured up to {length} pixels)"
            if "whole image" in problem:
                msg += _remedy(connections)
            raise InputError(msg)
        length = largest if whole else 2 * length


def _why_so_wide(begin: torch.Tensor, end: torch.Tensor) -> str:
    """Say why no frame holds three units' fields, from who sees its first and its last pixel."""
    middle = slice(max(0, len(begin) // 2 - 1), len(begin) // 2 + 2)
    if begin[-1] and end[0] and not (begin[middle].any() or end[middle].any()):
        return (
            "goes round the edges of the image: padding is circular before it, or windows are"
            " shifted in a circle; pad with zeros"
        )
    return "is the whole image: global pooling, attention or a norm over the image lies before it"


def _remedy(connections: Connections) -> str:
    """Say what may be probed where a field is the whole image."""
    found = connections.before_the_whole
    before = f"; layers before {found[0]!r} have one, the last {found[1]!r}" if found else ""
    return f"{before}; frame=224 probes units of the whole image"


def _seeing(
    connections: Connections, layer: str, length: int, axis: str
) -> Callable[[str, int], torch.Tensor]:
    # Frames are thin, as wide as the network needs: along the other axis nothing is asked.
    frame = (connections.side, length) if axis == "column" else (length, connections.side)
    return functools.partial(connections.seeing, layer, *frame, axis)


def _n_units(seeing: Callable[[str, int], torch.Tensor]) -> int:
    """Return how many units there are along the axis; all must see the image and not be NaN."""
    try:
        blank = seeing("before", 0)
    except Exception as error:  # what a network says of a size that it does not take
        msg = f"its receptive field is larger than the images that the network takes ({error})"
        raise InputError(" ".join(msg.split())) from error
    if blank.any():
        msg = "gives NaN on a blank image; its weights are not finite"
        raise InputError(msg)
    if not seeing("from", 0).any():
        msg = "does not depend on the image"
        raise InputError(msg)
    return len(blank)


def _measured(
    seeing: Callable[[str, int], torch.Tensor],
    unit: int,
    length: int,
    guess: ReceptiveField | None,
) -> ReceptiveField | None:
    """Return a unit's field if its neighbours' are the same, a stride away."""
    start = 0 if guess is None else guess.start(unit)
    first, last = _edges(seeing, unit, length, (start, start + (guess.size if guess else 0)))
    stride = (
        _first(lambda pixel: bool(seeing("before", pixel + 1)[unit + 1]), first, length) - first
    )
    for neighbour, step in ((unit - 1, -stride), (unit + 1, stride)):
        expected = (first + step, last + step)
        if stride == 0 or _edges(seeing, neighbour, length, expected) != expected:
            return None
    return ReceptiveField(last - first, stride, first - stride * unit + (last - first - 1) / 2)


def _grows_by(seeing: Callable[[str, int], torch.Tensor], n_units: int, expected: int) -> bool:
    """Say whether a larger frame has so many units more; after adaptive pooling it has not."""
    try:
        more = len(seeing("before", 0)) - n_units
    except Exception:  # a network for images of one size: there is no other to compare with
        return True
    return abs(more - expected) <= 1


def _edges(
    seeing: Callable[[str, int], torch.Tensor], unit: int, length: int, guess: tuple[int, int]
) -> tuple[int, int]:
    """Return the first pixel of a unit's field and the one after its last."""

    def seen_up_to(pixel: int) -> bool:
        return bool(seeing("before", pixel + 1)[unit])

    def unseen_from(pixel: int) -> bool:
        return not bool(seeing("from", pixel)[unit])

    return (
        _first(seen_up_to, 0, length, guess[0]),
        _first(unseen_from, 0, length, guess[1]),
    )


def _first(true: Callable[[int], bool], low: int, high: int, guess: int = 0) -> int:
    """Return the least number from which on `true` holds; a good guess saves the bisection."""
    if low < guess < high and true(guess) and not true(guess - 1):
        return guess
    while low < high:
        middle = (low + high) // 2
        if true(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _told(field: ReceptiveField) -> str:
    return f"{field.size} pixels (stride {field.stride}, centre {field.centre:g})"
