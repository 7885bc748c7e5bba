"""The two sides of a comparison, checked once, at the positions and images that go together."""

import itertools
import warnings
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from artiphys.comparison.pairing import PositionPairs, pair_positions
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.measurement import Measurement, Noise
from artiphys.estimators.pieces import in_memory, values_of
from artiphys.responses.schema import reference_label, require

__all__ = ["Sides", "checked_sides", "images_drawn", "shared_images"]


@dataclass(frozen=True)
class Sides:
    """Both arrays at the positions that go together, the reference first.

    Attributes
    ----------
    model : Measurement
        In chunks or in memory. Images are drawn from its own in each pass through the recording.
    brain : Measurement
        Without trials where nothing is made of them.
    pairs : PositionPairs
    matched : bool
        Whether the model is to be seen through the recording.
    """

    model: Measurement
    brain: Measurement
    pairs: PositionPairs
    matched: bool

    @property
    def trials(self) -> bool:
        """Whether the recording's noise is known."""
        return self.brain.has_trials


def checked_sides(
    model: xr.DataArray,
    brain: xr.DataArray,
    *,
    matched: bool = True,
    reference_model: Hashable | None = None,
    reference_brain: Hashable | None = None,
    positions: Mapping[Any, Any] | None = None,
    trials: bool | None = None,
) -> Sides:
    """Return both sides; the arguments are those of :func:`artiphys.compare`.

    `trials` says whether the recording must have them; None if it need not.

    Raises
    ------
    InputError
        If they cannot be compared, or matched.
    """
    if not isinstance(matched, bool | np.bool_):
        msg = f"matched must be True or False; got {matched!r}"
        raise InputError(msg)
    model = require(model, name="the network's responses")
    brain = require(brain, trial=trials, name="the recording's responses")
    if matched and "trial" in model.dims:
        msg = (
            "the network must have no 'trial' dim to be matched; average over its trials, or "
            "compare unmatched; if it is the recording, swap the two"
        )
        raise InputError(msg)
    references = (reference_label(model, reference_model), reference_label(brain, reference_brain))
    pairs = pair_positions(model, brain, references, positions)
    model = model.sel(position=[references[0], *pairs.model])
    brain = brain.sel(position=[references[1], *pairs.brain])
    if not matched:
        model, brain = (
            array.mean("trial", keep_attrs=True) if "trial" in array.dims else array
            for array in (model, brain)
        )
    recorded = _measured(brain, references[1]).gone_through()
    sides = Sides(_measured(model, references[0]), recorded, pairs, matched)
    if sides.trials:
        _check_trials(sides.brain)
    elif matched:
        msg = "the recording has no trials: its noise is unknown, and only its images are matched"
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
    return sides


def images_drawn(
    probed: xr.DataArray, recorded: xr.DataArray, n_passes: int, rng: np.random.Generator
) -> Iterator[tuple[xr.DataArray, np.ndarray]]:
    """Yield the model at the recording's images, or at as many, drawn anew in each pass; and which.

    In chunks they are yet to be read, each chunk once, unless all passes take the same.
    """
    at, n_image = shared_images(probed, recorded), recorded.sizes["image"]
    if at is not None:
        shown = _at_images(probed, at)
        yield from itertools.repeat((shown.copy(data=values_of(shown)), at), n_passes)
        return
    if probed.sizes["image"] < n_image:
        msg = (
            f"the network must have at least the {n_image} images of the recording to be "
            f"matched; got {probed.sizes['image']}; probe it with more, or take fewer images "
            "of the recording"
        )
        raise InputError(msg)
    for _ in range(n_passes):
        at = rng.permutation(probed.sizes["image"])[:n_image]
        yield _at_images(probed, at), at


def shared_images(probed: xr.DataArray, recorded: xr.DataArray) -> np.ndarray | None:
    """Return where the model has the recording's images, or None if it has not all of them."""
    if "image" not in probed.coords or "image" not in recorded.coords:
        return None
    place = {label: i for i, label in enumerate(probed["image"].values.tolist())}
    wanted = recorded["image"].values.tolist()
    if not all(label in place for label in wanted):
        return None
    return np.array([place[label] for label in wanted])


def _at_images(probed: xr.DataArray, at: np.ndarray) -> xr.DataArray:
    shown = probed.isel(image=at)
    if in_memory(shown):
        return shown
    return shown.chunk({"image": -1})  # else a chunk is read for each that it has images in


def _measured(responses: xr.DataArray, reference: Hashable) -> Measurement:
    responses = responses.assign_attrs(reference=reference)
    own = np.zeros(responses.sizes["unit"], dtype=int)
    noise: Noise = "split" if "trial" in responses.dims else None
    return Measurement(responses, reference, own, noise)


def _check_trials(brain: Measurement) -> None:
    n_trials = brain.cells.n
    if not bool((n_trials > 0).any()):
        msg = "the recording holds no measured response at these positions, only NaN"
        raise InputError(msg)
    if not bool((n_trials > 1).any()):
        msg = (
            "the recording cannot be matched: no cell has 2 trials, which say how noisy it is; "
            "compare unmatched, and mind that noise then counts as dynamic range"
        )
        raise InputError(msg)
