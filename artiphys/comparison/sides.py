"""The two sides of a comparison, checked, at the positions and images that go together."""

import warnings
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.comparison.pairing import PositionPairs, pair_positions
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.schema import reference_label, require

__all__ = ["Sides", "checked_sides", "images_drawn", "shared_images"]


class Sides(NamedTuple):
    """Both arrays at the positions that go together, the reference first."""

    model: xr.DataArray
    brain: xr.DataArray
    pairs: PositionPairs
    trials: bool  # whether the recording has them


def checked_sides(
    model: xr.DataArray,
    brain: xr.DataArray,
    matched: bool,
    by_model: str,
    by_brain: str,
    reference_model: Hashable | None,
    reference_brain: Hashable | None,
    positions: Mapping[Any, Any] | None,
) -> Sides:
    """Return both sides; the arguments are those of :func:`artiphys.compare`.

    Raises
    ------
    InputError
        If they cannot be compared, or matched.
    """
    if not isinstance(matched, bool | np.bool_):
        msg = f"matched must be True or False; got {matched!r}"
        raise InputError(msg)
    model = require(model, name="the model's responses")
    brain = require(brain, name="the recording's responses")
    if matched and "trial" in model.dims:
        msg = (
            "the model must have no 'trial' dim to be matched; average over its trials, or compare "
            "unmatched; if it is the recording, swap the two"
        )
        raise InputError(msg)
    for array, by, name in ((model, by_model, "by_model"), (brain, by_brain, "by_brain")):
        along = [str(n) for n, c in array.coords.items() if c.dims == ("unit",)]
        if by != "unit" and by not in along:
            msg = f"{name} must be a coordinate along 'unit': one of {along}; got {by!r}"
            raise InputError(msg)
    references = (reference_label(model, reference_model), reference_label(brain, reference_brain))
    pairs = pair_positions(model, brain, references, positions)
    model = model.sel(position=[references[0], *pairs.model])
    brain = brain.sel(position=[references[1], *pairs.brain])
    trials = matched and "trial" in brain.dims
    if trials:
        _check_trials(brain)
    if not trials:
        brain = brain.mean("trial", keep_attrs=True) if "trial" in brain.dims else brain
    if "trial" in model.dims:
        model = model.mean("trial", keep_attrs=True)
    attrs = ({"reference": label} for label in references)
    model, brain = (a.assign_attrs(new) for a, new in zip((model, brain), attrs, strict=True))
    if matched and not trials:
        msg = "the recording has no trials: its noise is unknown, and only its images are matched"
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
    return Sides(model, brain, pairs, trials)


def _check_trials(brain: xr.DataArray) -> None:
    n_trials = brain.notnull().sum("trial")
    if not bool((n_trials > 0).any()):
        msg = "the recording holds no measured response at these positions, only NaN"
        raise InputError(msg)
    if not bool((n_trials > 1).any()):
        msg = (
            "the recording cannot be matched: no cell has 2 trials, which say how noisy it is; "
            "compare unmatched, and mind that noise then counts as dynamic range"
        )
        raise InputError(msg)


def images_drawn(
    probed: xr.DataArray, recorded: xr.DataArray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the model's responses to the recording's images, or to as many; and which they are."""
    n_image = recorded.sizes["image"]
    at = shared_images(probed, recorded)
    if at is None:
        if probed.sizes["image"] < n_image:
            msg = (
                f"the model must have at least the {n_image} images of the recording to be "
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
