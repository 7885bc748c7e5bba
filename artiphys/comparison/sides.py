"""The two sides of a comparison, checked once, at the positions and images that go together."""

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from artiphys.comparison.pairing import PositionPairs, pair_positions
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.measurement import Measurement, Noise
from artiphys.responses.schema import reference_label, require

__all__ = ["Sides", "checked_sides", "images_drawn", "shared_images"]


@dataclass(frozen=True)
class Sides:
    """Both arrays at the positions that go together, the reference first.

    Attributes
    ----------
    model : Measurement
        In memory if it is to be seen through the recording, whose images are drawn from its own.
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
    if matched:
        model = model.compute()
    else:
        model, brain = (
            array.mean("trial", keep_attrs=True) if "trial" in array.dims else array
            for array in (model, brain)
        )
    sides = Sides(_measured(model, references[0]), _measured(brain, references[1]), pairs, matched)
    if sides.trials:
        _check_trials(sides.brain)
    elif matched:
        msg = "the recording has no trials: its noise is unknown, and only its images are matched"
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
    return sides


def images_drawn(
    probed: xr.DataArray, recorded: xr.DataArray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the model's responses to the recording's images, or to as many; and which they are."""
    n_image = recorded.sizes["image"]
    at = shared_images(probed, recorded)
    if at is None:
        if probed.sizes["image"] < n_image:
            msg = (
                f"the network must have at least the {n_image} images of the recording to be "
                f"matched; got {probed.sizes['image']}; probe it with more, or take fewer images "
                "of the recording"
            )
            raise InputError(msg)
        at = rng.permutation(probed.sizes["image"])[:n_image]
    return probed.values[:, at].astype(float), at


def shared_images(probed: xr.DataArray, recorded: xr.DataArray) -> np.ndarray | None:
    """Return where the model has the recording's images, or None if it has not all of them."""
    if "image" not in probed.coords or "image" not in recorded.coords:
        return None
    place = {label: i for i, label in enumerate(probed["image"].values.tolist())}
    wanted = recorded["image"].values.tolist()
    if not all(label in place for label in wanted):
        return None
    return np.array([place[label] for label in wanted])


def _measured(responses: xr.DataArray, reference: Hashable) -> Measurement:
    """Return one side, gone through: its groups are then parts of what was found."""
    responses = responses.assign_attrs(reference=reference)
    own = np.zeros(responses.sizes["unit"], dtype=int)
    noise: Noise = "split" if "trial" in responses.dims else None
    measured = Measurement(responses, reference, own, noise)
    return measured.gone_through()


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
