"""Which units a signature from trials leaves out, and why."""

import numpy as np

from artiphys.estimators.signal_moments import MAX_NOISE_ERROR

__all__ = ["ITS_REFERENCE", "LEFT_OUT", "of_one_repeat", "why_left_out"]

LEFT_OUT = {
    "n_too_noisy": "too noisy",
    "n_without_signal": "without signal",
    "n_without_repeats": "one repeat, which does not say how noisy it is",
    "n_not_measured": "not measured",
}
ITS_REFERENCE = "the unit's reference"  # has no invariance, and counts nowhere


def why_left_out(noise_error: np.ndarray, own: np.ndarray, once: np.ndarray) -> np.ndarray:
    """Return why each unit is left out at each position (unit, position), "" where it is used.

    Parameters
    ----------
    noise_error : numpy.ndarray, (unit, position)
        Of a correlation, by noise; infinite without signal, NaN where it is not known.
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position.
    once : numpy.ndarray of bool, (unit, position)
        From :func:`of_one_repeat`.
    """
    at_reference = np.arange(noise_error.shape[1]) == own[:, None]
    unknown = np.isnan(noise_error)
    why = [LEFT_OUT[name] for name in LEFT_OUT]
    conditions = [
        unknown & at_reference,
        np.isfinite(noise_error) & (noise_error > MAX_NOISE_ERROR),
        np.isinf(noise_error),
        unknown & once,
        unknown,
    ]
    return np.select(conditions, [ITS_REFERENCE, *why], default="")


def of_one_repeat(values: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return where units (unit, position) and their references were shown, one never twice."""
    n = (~np.isnan(values)).sum(-1)
    shown, repeated = (n > 0).any(1), (n > 1).any(1)
    at = np.maximum(own, 0)[:, None]
    both_shown = shown & np.take_along_axis(shown, at, axis=1) & (own >= 0)[:, None]
    return both_shown & ~(repeated & np.take_along_axis(repeated, at, axis=1))
