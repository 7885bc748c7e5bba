"""Onsets and spikes that are not in seconds on one clock, as far as columns show it."""

import contextlib
import math

import h5py
import numpy as np

from artiphys_nwb.files.tables import Table
from artiphys_nwb.proposing.columns import Facts

__all__ = [
    "other_units",
    "relative_to_trial",
]

# Milliseconds, samples, microseconds: what spikes and onsets are taken in where they cannot be in
# seconds, by the rates that neurons have and the pace at which images are shown.
OTHER_SCALES = (1e-3, 1 / 30000, 1e-6)
TYPICAL_RATE, LONGEST_GAP, SLOW_RATE = 10.0, 45.0, 0.5


def relative_to_trial(onset: Facts, columns: dict[str, Facts]) -> tuple[str | None, float | None]:
    """Return the offset and scale of onsets that count from the start of their trial."""
    start, stop = (columns.get(name) for name in ("start_time", "stop_time"))
    if start is None or stop is None or onset is start or onset.numbers is None:
        return None, None
    begin, end, moment = start.numbers, stop.numbers, onset.numbers
    if begin is None or end is None or not len(begin) == len(end) == len(moment):
        return None, None
    if np.mean((moment >= begin - 0.25) & (moment <= end + 0.25)) > 0.5:
        return None, None
    for scale in (1.0, 1e-3):
        within = (moment >= 0) & (moment * scale <= (end - begin) + 0.25)
        if np.mean(within) > 0.9:
            return "start_time", None if scale == 1 else scale
    return None, None


def other_units(
    onset: Facts, offset: str | None, units: Table
) -> tuple[float | None, float | None, list[str]]:
    """Return scales for onsets and spikes that are not in seconds, by rates and paces, and why."""
    last, n_spikes = _last_spike(units)
    numbers = onset.numbers
    if numbers is None or offset is not None or last <= 0 or n_spikes < 5:
        return None, None, []
    moments = np.unique(numbers[np.isfinite(numbers)])
    gap, end = float(np.median(np.diff(moments))), float(moments[-1])
    rate = n_spikes / last / max(units.n_rows, 1)
    if end > 300 * last:
        scale = _nearest(end, last)
        return scale, None, [f"{onset.name} is not in the unit of the spikes; milliseconds?"]
    if last > 300 * end and rate < SLOW_RATE:
        return None, _nearest(last, end), ["spikes are not in the unit of onsets; milliseconds?"]
    if gap > LONGEST_GAP and rate < SLOW_RATE:
        scale = min(OTHER_SCALES, key=lambda s: abs(math.log(rate / s / TYPICAL_RATE)))
        told = f"onsets {gap:.4g} and spikes {1 / rate:.4g} apart: not in seconds; milliseconds?"
        return scale, scale, [told]
    return None, None, []


def _nearest(large: float, small: float) -> float:
    return min(OTHER_SCALES, key=lambda scale: abs(math.log(large * scale / small)))


def _last_spike(units: Table) -> tuple[float, int]:
    """Return about when the last spike was, from the last of the first and the last unit."""
    times, index = units.dataset("spike_times"), units.dataset("spike_times_index")
    if not isinstance(times, h5py.Dataset) or times.dtype.kind not in "iuf" or times.size == 0:
        return 0.0, 0
    ends = {times.size - 1}
    if isinstance(index, h5py.Dataset) and index.size:
        first = int(np.ravel(index[...])[0])
        ends |= {first - 1} if 0 < first <= times.size else set()
    with contextlib.suppress(OSError, RuntimeError):
        flat = times.ndim == 1
        return max(float(times[at] if flat else np.ravel(times)[at]) for at in ends), times.size
    return 0.0, 0
