"""Arithmetic that does not depend on what a session has switched on, and the device it runs on."""

import contextlib
from collections.abc import Iterator

import torch

from artiphys.errors import InputError

__all__ = ["at_least_two", "exact_arithmetic", "resolved_device"]


def resolved_device(device: str | torch.device) -> torch.device:
    """Return the device to run on; ``"auto"`` is the first there is of cuda, mps and cpu.

    Raises
    ------
    InputError
        If there is no such device here.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    if torch.cuda.is_available():
        here.insert(0, "cuda")
    if str(device) == "auto":
        return torch.device(here[0])
    try:
        wanted = torch.device(device)
        torch.zeros(1, device=wanted).item()  # which the device "meta" does not have
    except Exception as error:  # torch raises errors of many kinds here
        msg = f"no device {str(device)!r} here; expected auto, {', '.join(here)}"
        raise InputError(msg) from error
    return wanted


@contextlib.contextmanager
def exact_arithmetic(device: torch.device) -> Iterator[None]:
    """Keep single precision single: no TF32, no autocast, no benchmarking; all restored after."""
    precision = torch.get_float32_matmul_precision()
    with contextlib.ExitStack() as stack:
        stack.callback(torch.set_float32_matmul_precision, precision)
        torch.set_float32_matmul_precision("highest")
        stack.enter_context(
            torch.backends.cudnn.flags(
                enabled=torch.backends.cudnn.enabled,
                benchmark=False,
                deterministic=True,
                allow_tf32=False,
            )
        )
        stack.enter_context(torch.autocast(device.type, enabled=False))
        stack.enter_context(torch.inference_mode())
        yield


def at_least_two(canvases: torch.Tensor) -> torch.Tensor:
    """Return the batch, a single canvas twice.

    One alone takes another path through the convolutions, which rounds otherwise; from two on the
    values do not depend on the size of the batch.
    """
    return torch.cat([canvases, canvases]) if len(canvases) == 1 else canvases
