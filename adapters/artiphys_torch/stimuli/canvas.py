"""Canvases: a photograph as small as a receptive field, laid at its left edge and shifted right.

For a receptive field of R pixels the photograph is centre-cropped to a square, resized to
c = round(crop · R) pixels and laid on an R × R background, vertically centred, flush left at the
reference position and round(shift · R) pixels further right at the others. ``round`` is Python's,
halves to even: with crop 3/4 and shift 1/4 picture and shift then fill every R exactly, where
halves rounded up would leave the canvas by a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from artiphys.errors import InputError
from artiphys_torch.stimuli.photographs import as_photographs

__all__ = [
    "CROP",
    "IMAGENET",
    "SHIFTS",
    "Geometry",
    "Normalisation",
    "Stimulus",
    "canvas_pictures",
    "patch",
]

SHIFTS = (0, 1 / 8, 1 / 4)
CROP = 3 / 4


class Normalisation(NamedTuple):
    """What weights expect of pixels from 0 to 1: ``(pixel - mean) / std``, in R, G and B."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # torchvision's


class Geometry(NamedTuple):
    """Where a photograph lies on the canvas, in pixels."""

    size: int
    """Side of the canvas, the receptive field."""
    patch: int
    """Side of the photograph."""
    top: int
    left: tuple[int, ...]
    """Of each position."""


@dataclass(frozen=True)
class Stimulus:
    """What becomes of a photograph: its place on the canvas, the background and the normalisation.

    Attributes
    ----------
    shifts : sequence of float
        Displacements to the right as shares of the receptive field, at least 0 and at most
        1 - `crop`. Where rounding would push the photograph over the edge (by one pixel at most),
        it is laid flush right.
    crop : float
        Side of the photograph as a share of the receptive field, above 0 and at most 1.
    background : {"mean", "black"} or float
        ``"mean"`` is 0 after normalisation, ``"black"`` is (0 - mean) / std of each channel; a
        number is taken as it is, after normalisation.
    normalisation : Normalisation

    Raises
    ------
    InputError
        If the photograph would leave the canvas, or have no pixel, or the background is none.
    """

    shifts: Sequence[float] = SHIFTS
    crop: float = CROP
    background: str | float = "mean"
    normalisation: Normalisation = IMAGENET

    def __post_init__(self) -> None:
        shifts, crop = _numbers(self.shifts), _number(self.crop)
        if not 0 < crop <= 1:
            msg = f"crop must be above 0 and at most 1; got {crop:g}"
            raise InputError(msg)
        outside = [shift for shift in shifts if not 0 <= shift <= 1 - crop + 1e-9]
        if outside:
            msg = (
                f"shifts must lie from 0 to 1 - crop = {1 - crop:g}, or the photograph leaves the"
                f" canvas; got {outside[0]:g}; take smaller shifts or a smaller crop"
            )
            raise InputError(msg)
        cleaned = {
            "shifts": shifts,
            "crop": crop,
            "normalisation": Normalisation(*self.normalisation),
        }
        for name, value in cleaned.items():
            object.__setattr__(self, name, value)
        self.background_value()

    def geometry(self, size: int) -> Geometry:
        """Return where the photograph lies on a canvas of `size` pixels.

        Examples
        --------
        >>> Stimulus().geometry(51)
        Geometry(size=51, patch=38, top=6, left=(0, 6, 13))
        """
        side = max(1, round(self.crop * size))
        left = tuple(min(round(shift * size), size - side) for shift in self.shifts)
        return Geometry(size, side, (size - side) // 2, left)

    def photograph_at_reference(self, size: int) -> tuple[range, range]:
        """Return the rows and columns that a photograph takes where it is not shifted."""
        where = self.geometry(size)
        return range(where.top, where.top + where.patch), range(where.patch)

    def background_value(self) -> torch.Tensor:
        """Return the background's value after normalisation, (channel)."""
        if self.background == "mean":
            return torch.zeros(3)
        if self.background == "black":
            mean, std = (torch.tensor(v, dtype=torch.float32) for v in self.normalisation)
            return -mean / std
        try:
            value = float(self.background)
        except (TypeError, ValueError):
            value = np.nan
        if not abs(value) <= torch.finfo(torch.float32).max:
            msg = (
                'background must be "mean", "black" or a number, within single precision;'
                f" got {self.background!r}"
            )
            raise InputError(msg)
        return torch.full((3,), value)

    def canvases(
        self, patches: torch.Tensor, size: int, *, over: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the canvases of some patches at every position, as a network takes them.

        Parameters
        ----------
        patches : torch.Tensor of uint8, (image, row, column, channel)
            As wide as :meth:`geometry` says, on the device that the canvases are wanted on.
        size : int
            Receptive field in pixels.
        over : torch.Tensor, optional
            Canvases of as many patches or more that this returned before, and that nothing has
            changed: the new ones take their memory, of which the background is laid already.

        Returns
        -------
        torch.Tensor of float32, (image * position, channel, row, column)
            Channels last in memory; the positions of an image lie side by side.
        """
        where = self.geometry(size)
        device, n, side = patches.device, len(patches), where.patch
        # A row of pixels with its channels is one dim here, which is many times faster than three
        # values at a time; in memory it is (image, position, row, column, channel).
        mean, std, empty = (
            torch.as_tensor(values, dtype=torch.float32, device=device)
            for values in (*self.normalisation, self.background_value())
        )
        pixels = patches.reshape(n, side, side * 3).to(torch.float32).div_(255)
        pixels.sub_(mean.repeat(side)).div_(std.repeat(side))
        shape = (n, len(where.left), size, size * 3)
        if over is None:
            laid = torch.empty(shape, dtype=torch.float32, device=device)
            laid.copy_(empty.repeat(size))
        else:
            laid = over[: n * len(where.left)].permute(0, 2, 3, 1).view(shape)
        for position, left in enumerate(where.left):
            columns = slice(3 * left, 3 * (left + side))
            laid[:, position, where.top : where.top + side, columns] = pixels
        return laid.view(-1, size, size, 3).permute(0, 3, 1, 2)


def patch(photograph: Image.Image, size: int) -> np.ndarray:
    """Return the central square of an RGB picture, resized to `size` pixels (bicubic, by PIL).

    Returns
    -------
    numpy.ndarray of uint8, (row, column, channel)
    """
    width, height = photograph.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if (width, height) != (side, side):
        photograph = _square(photograph, left, top, side)
    return np.asarray(photograph.resize((size, size), Image.Resampling.BICUBIC))


def canvas_pictures(
    images: Any,
    size: int,
    *,
    shifts: Sequence[float] = SHIFTS,
    crop: float = CROP,
    background: str | float = "mean",
    normalisation: Normalisation = IMAGENET,
) -> np.ndarray:
    """Return the canvases as pictures for the eye, pixels from 0 to 1.

    Parameters
    ----------
    images
        As :func:`artiphys_torch.as_photographs` takes them.
    size : int
        Receptive field in pixels.
    shifts, crop, background, normalisation
        As :func:`artiphys_torch.probe` takes them.

    Returns
    -------
    numpy.ndarray of float32, (image, position, row, column, channel)
    """
    stimulus = Stimulus(shifts, crop, background, normalisation)
    side = stimulus.geometry(size).patch
    patches = np.stack([patch(item.read(), side) for item in as_photographs(images)])
    laid = stimulus.canvases(torch.from_numpy(patches), size)
    mean, std = (np.array(v, dtype=np.float32) for v in stimulus.normalisation)
    pixels = laid.permute(0, 2, 3, 1).numpy() * std + mean
    return pixels.clip(0, 1).reshape(len(patches), len(stimulus.shifts), size, size, 3)


def _square(photograph: Image.Image, left: int, top: int, side: int) -> Image.Image:
    if Image.MAX_IMAGE_PIXELS is None or side**2 <= Image.MAX_IMAGE_PIXELS:
        return photograph.crop((left, top, left + side, top + side))
    # PIL's crop would warn once more of a picture that was told to be large.
    pixels = np.asarray(photograph)[top : top + side, left : left + side]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _numbers(shifts: Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(float(shift) for shift in shifts)
    except (TypeError, ValueError) as error:
        msg = f"shifts must be numbers; got {shifts!r}"
        raise InputError(msg) from error


def _number(crop: float) -> float:
    try:
        return float(crop)
    except (TypeError, ValueError) as error:
        msg = f"crop must be a number; got {crop!r}"
        raise InputError(msg) from error
