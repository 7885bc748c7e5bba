"""A light copy of a network, which keeps its connections and drops their cost.

In double precision, with the channels of a convolution merged, since each sees all of them.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from artiphys_torch.networks.copies import copied
from artiphys_torch.networks.layers import is_patched

__all__ = ["light_copy", "padding"]


def light_copy(model: nn.Module, *, with_weights: bool = False) -> nn.Module:
    """Copy a network; without the weights of those layers whose connections go without saying."""
    memo: dict[int, Any] = {
        id(module.weight): nn.Parameter(torch.empty(0), requires_grad=False)
        for module in model.modules()
        if _merged_forward(module) and not with_weights
    }
    light = copied(model, memo).cpu().double().eval().requires_grad_(False)
    for module in light.modules():
        merged = _merged_forward(module)
        if merged:
            module.forward = functools.partial(merged, module)
    return light


def padding(convolution: Any) -> tuple[int, ...]:
    """Return a convolution's padding left, right, above and below."""
    if convolution.padding == "valid":
        return (0, 0, 0, 0)
    if convolution.padding == "same":
        spans = [
            dilation * (kernel - 1)
            for dilation, kernel in zip(convolution.dilation, convolution.kernel_size, strict=True)
        ]
        return tuple(pad for span in reversed(spans) for pad in (span // 2, span - span // 2))
    return tuple(int(pad) for pad in reversed(convolution.padding) for _ in range(2))


def _merged_forward(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    if is_patched(module):
        return None
    if type(module) is nn.Conv2d and module.padding_mode == "zeros":
        return _merged
    return _merged_linear if type(module) is nn.Linear else None


def _merged(convolution: nn.Conv2d, image: torch.Tensor) -> torch.Tensor:
    """Spread NaN as a convolution does: an output channel sees all input channels of its group.

    The maximum of a window is NaN where any of it is.
    """
    groups = convolution.groups
    if image.shape[1] != convolution.in_channels:
        msg = f"expected {convolution.in_channels} channels; got {image.shape[1]}"
        raise RuntimeError(msg)
    merged = F.pad(image.unflatten(1, (groups, -1)).amax(dim=2), padding(convolution))
    (down, right), stride, dilation = (
        convolution.kernel_size,
        convolution.stride,
        convolution.dilation,
    )
    # Along columns, then along rows: the same maxima, at a fraction of the cost for large kernels.
    window = F.max_pool2d(merged, (down, 1), (stride[0], 1), dilation=(dilation[0], 1))
    window = F.max_pool2d(window, (1, right), (1, stride[1]), dilation=(1, dilation[1]))
    output = (0 * window).repeat_interleave(convolution.out_channels // groups, dim=1)
    return output if convolution.bias is None else output + convolution.bias[:, None, None]


def _merged_linear(linear: nn.Linear, values: torch.Tensor) -> torch.Tensor:
    merged = 0 * values.amax(dim=-1, keepdim=True)
    output = merged.repeat(*[1] * (values.ndim - 1), linear.out_features)
    return output if linear.bias is None else output + linear.bias
