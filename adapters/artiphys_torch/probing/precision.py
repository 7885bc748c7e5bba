"""Arithmetic that does not depend on what a session has switched on, and the device it runs on."""

import contextlib
import threading
from collections.abc import Iterator

import torch

from artiphys.errors import InputError

__all__ = ["at_least_two", "exact_arithmetic", "resolved_device", "resolved_dtype"]

DTYPES = ("float16", "bfloat16", "float32", "float64")


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


def resolved_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """Return the type of the numbers to compute with, given by its name too; None if none is.

    Raises
    ------
    InputError
        If it is none of floating numbers.
    """
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        msg = f"dtype must be one of {', '.join(DTYPES)}; got {dtype!r}"
        raise InputError(msg)
    return getattr(torch, name)


class _Shared:
    """Settings of the whole process: the first who comes changes them, the last restores them.

    Were each to restore what it found, probings that overlap in threads would leave the session
    with each other's settings, or lose their own half-way.
    """

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0
        self._restoring = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._count:
                precision = torch.get_float32_matmul_precision()
                self._restoring.callback(torch.set_float32_matmul_precision, precision)
                torch.set_float32_matmul_precision("highest")
                cudnn = torch.backends.cudnn.flags(
                    enabled=torch.backends.cudnn.enabled,
                    benchmark=False,
                    deterministic=True,
                    allow_tf32=False,
                )
                self._restoring.enter_context(cudnn)
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                self._restoring.close()


_SHARED = _Shared()


@contextlib.contextmanager
def exact_arithmetic(device: torch.device) -> Iterator[None]:
    """Keep single precision single: no TF32, no autocast, no benchmarking; all restored after."""
    # Autocast and inference mode are each thread's own.
    with _SHARED, torch.autocast(device.type, enabled=False), torch.inference_mode():
        yield


def at_least_two(canvases: torch.Tensor) -> torch.Tensor:
    """Return the batch, a single canvas twice.

    One alone takes another path through the convolutions, which rounds otherwise; from two on the
    values do not depend on the size of the batch.
    """
    return torch.cat([canvases, canvases]) if len(canvases) == 1 else canvases
