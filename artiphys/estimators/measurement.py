"""What is to be measured: one response array, its reference and what is done about its noise.

Every public function makes this record once, at its door, and all that it calls take the record.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.moments import Moments
from artiphys.estimators.pieces import (
    Averages,
    HalvedCells,
    averages_of,
    cells_of_trials,
    halved_cells,
    in_memory,
)
from artiphys.estimators.reference import best_positions, is_best
from artiphys.estimators.signal_moments import Cells
from artiphys.responses.schema import reference_label, require

__all__ = [
    "Measurement",
    "Noise",
    "measurement",
    "measurement_of",
    "resolved_noise",
    "without_dims",
]

Noise = Literal["auto", "corrected", "split"] | None


@dataclass(frozen=True)
class Measurement:
    """Responses that were checked, with the reference and the noise resolved.

    Attributes
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
        Without trials where `noise` is None. In chunks that are read as they are needed, or in
        memory.
    reference : str or number
        Label of the reference position, or "best".
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position; -1 where a unit has none.
    noise : {None, "corrected", "split"}
        What is done about the noise of the trials.
    """

    responses: xr.DataArray
    reference: Hashable
    own: np.ndarray
    noise: Noise

    @property
    def values(self) -> np.ndarray:
        """The responses as numbers."""
        return self.responses.values

    @cached_property
    def cells(self) -> Cells:
        """The cells of all the trials."""
        if "halved" in vars(self):
            return self.halved.whole
        return cells_of_trials(self.responses)

    @cached_property
    def halved(self) -> HalvedCells:
        """The cells, and those of the two halves of the trials that ``noise="split"`` takes."""
        return halved_cells(self.responses)

    @cached_property
    def averages(self) -> Averages:
        """The moments of the responses as they are, where all units share a reference."""
        return averages_of(self.responses, int(self.own[0]))

    @property
    def moments(self) -> Moments:
        """The moments of the averages."""
        return self.averages.moments

    @property
    def has_trials(self) -> bool:
        """Whether single trials are at hand."""
        return "trial" in self.responses.dims

    @property
    def is_best(self) -> bool:
        """Whether each unit has a reference position of its own, its best."""
        return is_best(self.reference, self.responses["position"].values)

    @property
    def away(self) -> list[int]:
        """The positions to measure invariance at: all but the reference, if all units share one."""
        n_position = self.responses.sizes["position"]
        if self.is_best:
            return list(range(n_position))
        return [at for at in range(n_position) if at != self.own[0]]

    def by_reference(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each reference position with its units (bool)."""
        for at in np.unique(self.own[self.own >= 0]):
            yield int(at), self.own == at

    def at_reference(self) -> np.ndarray:
        """Return the responses at each unit's reference, (unit, image[, trial])."""
        own = np.maximum(self.own, 0)  # of a unit without one those at the first position
        return self.values[np.arange(own.size), :, own]

    def as_measured(self) -> "Measurement":
        """Return the record of the mean responses, whatever noise is in them."""
        if not self.has_trials:
            return self
        averages = self.responses.isel(trial=0, drop=True).copy(data=self.cells.mean)
        return replace(self, responses=averages, noise=None)

    def gone_through(self) -> "Measurement":
        """Return the record once its cells are known, or the moments of its averages."""
        _ = self.cells if self.has_trials else self.averages
        return self

    def of_units(self, members: np.ndarray) -> "Measurement":
        """Return the record of some units (bool), with what is known of them."""
        if members.all():
            return self
        part = replace(
            self, responses=self.responses.isel(unit=np.flatnonzero(members)), own=self.own[members]
        )
        if {"cells", "halved"} & set(vars(self)):  # where a cached property is kept
            vars(part)["cells"] = Cells(*(of[members] for of in self.cells))
        if "averages" in vars(self):
            moments = Moments(*(of[members] for of in self.moments))
            vars(part)["averages"] = Averages(moments, self.averages.mean[members])
        return part


def measurement(
    responses: xr.DataArray,
    *,
    reference: Hashable | None = None,
    noise: Noise = "auto",
    name: str = "responses",
) -> Measurement:
    """Return what is to be measured; the arguments are those of :func:`artiphys.dynamic_range`.

    Raises
    ------
    InputError
        If dims are missing, labels repeat, the reference is not among the positions, or `noise`
        asks for what the trials do not allow.
    """
    _check_noise(noise)
    return measurement_of(require(responses, name=name), reference, noise)


def measurement_of(
    responses: xr.DataArray, reference: Hashable | None, noise: Noise, *, halves: bool = True
) -> Measurement:
    """Return :func:`measurement` of an array that was checked by ``require`` already.

    What was opened lazily stays so. Its single trials are gone through once: for their cells, and
    those of their `halves` if it takes these; and before that to choose a reference on some.
    """
    _check_noise(noise)
    labels = responses["position"].values.tolist() if "position" in responses.coords else []
    best = bool(labels) and is_best(reference, labels)
    label: Hashable = "best" if best else reference_label(responses, reference)
    if best:
        if "trial" not in responses.dims:
            msg = "reference='best' chooses on trials of its own; got averages; name a position"
            raise InputError(msg)
        own, responses = best_positions(responses)
        names = np.array([str(labels[at]) if at >= 0 else "" for at in own])
        responses = responses.assign_coords(reference=("unit", names))
    else:
        own = np.full(responses.sizes["unit"], labels.index(label))
    known: dict[str, Any] = {}
    if "trial" in responses.dims and noise is not None:
        if not (halves and noise != "corrected"):
            known["cells"] = cells_of_trials(responses)  # all that is asked for needs them
        elif not in_memory(responses):
            known["halved"] = halved_cells(responses)
    cells = known["halved"].whole if "halved" in known else known.get("cells")
    noise = resolved_noise(responses, noise, None if cells is None else cells.n)
    if noise is None and best:
        return Measurement(responses, label, own, "corrected").as_measured()
    if noise is None and "trial" in responses.dims:
        responses = responses.mean("trial", keep_attrs=True)
    measured = Measurement(responses, label, own, noise)
    vars(measured).update(known)
    return measured


def resolved_noise(
    responses: xr.DataArray, noise: Any, n_trials: np.ndarray | None = None
) -> Noise:
    """Return `noise` with "auto" resolved, once the responses are known to allow it.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
    noise : {"auto", None, "corrected", "split"}
    n_trials : numpy.ndarray, (unit, image, position), optional
        Of each cell, where they were counted already.

    Raises
    ------
    InputError
        If `noise` is none of the choices, needs trials or repeats that are not there, or nothing
        was measured.
    """
    _check_noise(noise)
    if noise in ("corrected", "split") and "trial" not in responses.dims:
        msg = (
            f"responses must have a 'trial' dim for noise={noise!r}; got averages only; use "
            "noise=None"
        )
        raise InputError(msg)
    if noise is None or "trial" not in responses.dims:
        return None
    most = int((responses.notnull().sum("trial") if n_trials is None else n_trials).max())
    if most == 0:
        msg = "responses must hold something that was measured; got NaN only"
        raise InputError(msg)
    if most == 1:
        msg = (
            "no cell has 2 trials, which say how noisy it is; use noise=None, and mind that noise "
            "then counts as dynamic range"
        )
        raise InputError(msg)
    return "split" if noise == "auto" else noise


def without_dims(responses: xr.DataArray, *dims: str) -> xr.DataArray:
    """Return the first entry along dims, if they are there: what a result is made like."""
    return responses.isel({dim: 0 for dim in dims if dim in responses.dims}, drop=True)


def _check_noise(noise: Any) -> None:
    choice = isinstance(noise, str) and noise in ("auto", "corrected", "split")
    if noise is not None and not choice:
        msg = f"noise must be None, 'auto', 'corrected' or 'split'; got {noise!r}"
        raise InputError(msg)
