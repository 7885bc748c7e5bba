"""Each unit's best position, chosen on trials that no estimate then uses."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from artiphys.errors import InputError

__all__ = ["best_positions", "is_best"]

SHARE = 3  # one trial in so many chooses
SEED = 20180620  # of the choosing trials: the same for every call


def is_best(reference: Any, labels: Sequence[Any] | np.ndarray) -> bool:
    """Return whether each unit is to have its own reference; a position may be called "best"."""
    return isinstance(reference, str) and reference == "best" and "best" not in list(labels)


def best_positions(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's position of greatest mean response, and the trials that did not choose.

    Of each cell a third of the trials, rounded down, choose, in a random order that is the same for
    all units and every call. The others are free of the choice, so that no estimate from them is
    biased by it.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.

    Returns
    -------
    own : numpy.ndarray of int, (unit)
        -1 for units of which no cell has 3 trials.
    rest : numpy.ndarray, like `values`
        NaN for the trials that chose.

    Raises
    ------
    InputError
        If no unit has a cell of 3 trials.
    """
    rng = np.random.default_rng(SEED)
    order = rng.random(values.shape[1:]).argsort(-1)[None]
    dealt = np.take_along_axis(values, order, axis=-1)
    measured = ~np.isnan(dealt)
    n = measured.sum(-1, keepdims=True)
    choosing = measured & (np.cumsum(measured, axis=-1) <= n // SHARE)
    n_choosing = choosing.sum((1, 3))
    if not n_choosing.any():
        msg = "reference='best' needs cells of at least 3 trials, one of which chooses; name one"
        raise InputError(msg)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(choosing, dealt, 0.0).sum((1, 3)) / n_choosing
    own = np.where(np.isnan(mean).all(1), -1, np.argmax(np.nan_to_num(mean, nan=-np.inf), axis=1))
    return own, np.where(choosing, np.nan, dealt)
