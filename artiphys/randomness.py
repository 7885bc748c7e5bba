"""The generator of all that is drawn at random, from whatever a caller gave as ``rng=``."""

from typing import Any

import numpy as np

from artiphys.errors import InputError

__all__ = ["generator"]


def generator(rng: Any) -> np.random.Generator:
    """Return the generator that ``numpy.random.default_rng`` makes of `rng`.

    Raises
    ------
    InputError
        If it makes none of it: a negative seed, say, or a text.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        msg = (
            "rng must be a seed (a whole number of at least 0), a numpy.random.Generator or None; "
            f"got {rng!r}"
        )
        raise InputError(msg) from error
