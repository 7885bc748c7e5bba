"""One picture given as an array, or a tensor, as the 8 bits that a photograph has."""

from typing import Any

import numpy as np
import torch
from PIL import Image

from artiphys.errors import InputError, counted

__all__ = ["as_uint8", "is_array", "plain"]

HALF_A_LEVEL = 0.5 / 255  # what lies less beyond 0 or 1 has their grey level: a rounding error
NUMPYS = (torch.float16, torch.float32, torch.float64)


def is_array(source: Any) -> bool:
    """Return whether something is an array of one picture or of many, and no picture of PIL's."""
    return hasattr(source, "__array__") and not isinstance(source, Image.Image)


def plain(source: Any, name: str) -> np.ndarray:
    """Return an array, masked array or tensor as a plain array.

    Raises
    ------
    InputError
        If pixels are masked, or a tensor holds no values.
    """
    if isinstance(source, torch.Tensor):
        return _values(source, name)
    if isinstance(source, np.ma.MaskedArray):
        n_masked = int(np.ma.count_masked(source))
        if n_masked:
            msg = (
                f"{name}: an array must have no masked pixels; got"
                f" {counted(n_masked, 'masked value')}; fill them with what is to be shown there,"
                " by .filled(...)"
            )
            raise InputError(msg)
        return source.data
    return np.asarray(source)


def as_uint8(source: Any, name: str) -> np.ndarray:
    """Return one picture as (row, column) or (row, column, 3 or 4) of uint8.

    Raises
    ------
    InputError
        If it has another shape, is of another kind, or has floating values beyond 0 and 1.
    """
    pixels = plain(source, name)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.size == 0 or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    ):
        msg = (
            f"{name}: an array must be (row, column) or (row, column, 3); got shape {pixels.shape}"
        )
        raise InputError(msg)
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype.kind != "f":
        msg = f"{name}: an array must be uint8, or floating from 0 to 1; got {pixels.dtype}"
        raise InputError(msg)
    pixels = pixels.astype(np.float64)
    low, high = pixels.min(), pixels.max()
    if not (low > -HALF_A_LEVEL and high < 1 + HALF_A_LEVEL):
        msg = f"{name}: floating pixels must lie from 0 to 1; got {low:g} to {high:g}"
        raise InputError(msg)
    return np.rint(255 * pixels.clip(0, 1)).astype(np.uint8)


def _values(tensor: torch.Tensor, name: str) -> np.ndarray:
    try:
        found = tensor.detach().cpu().to_dense()
        if found.is_floating_point() and found.dtype not in NUMPYS:  # bfloat16, say
            found = found.float()
        return found.numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:  # on the meta device, say
        msg = f"{name}: a tensor whose values cannot be had: {' '.join(str(error).split())}"
        raise InputError(msg) from error
