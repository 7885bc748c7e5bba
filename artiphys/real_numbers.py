"""Real numbers: what a caller gave, as floats, or one line that says what it is instead."""

from typing import Any

import numpy as np

from artiphys.errors import InputError

__all__ = ["real_numbers"]


def real_numbers(given: Any, name: str) -> np.ndarray:
    """Return `given` as floats, or raise InputError that calls it `name`.

    None is refused where NumPy would make NaN of it, and so are numbers in text.
    """
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:  # nested lists of unlike lengths
        msg = f"{name} must be real numbers; got {' '.join(str(error).split())}"
        raise InputError(msg) from None
    if array.dtype.kind not in "biuf":
        got = f"dtype {array.dtype}" if array.ndim else repr(given)
        msg = f"{name} must be real numbers; got {got}; convert with .astype(float), None to NaN"
        raise InputError(msg)
    return array.astype(float, copy=False)
