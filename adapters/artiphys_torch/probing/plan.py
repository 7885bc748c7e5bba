"""The plan of a probing: what is run on what, with everything checked and nothing run yet."""

import dataclasses
import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from artiphys.arguments import whole_number
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.progress import bar
from artiphys.responses.provenance import dropped
from artiphys_torch.networks.copies import working_copy
from artiphys_torch.networks.layers import areas_of, dtype_of
from artiphys_torch.networks.origins import Origin, normalisation_of, origin_of
from artiphys_torch.networks.weights import one_line
from artiphys_torch.probing.chains import ChainPass, chain_passes
from artiphys_torch.probing.frames import FramePass, WholePass, frame_passes
from artiphys_torch.probing.partial_folders import partial_folder
from artiphys_torch.probing.precision import exact_arithmetic, resolved_device, resolved_dtype
from artiphys_torch.receptive_fields.connections import Connections
from artiphys_torch.receptive_fields.fields import fields
from artiphys_torch.receptive_fields.steadiness import steadiness
from artiphys_torch.stimuli.canvas import Stimulus
from artiphys_torch.stimuli.photographs import Photographs, as_photographs

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["BATCH_SIZE", "Plan", "Run", "probe_plan", "records"]

BATCH_SIZE = 48  # canvases in one forward pass; their activations stay in the cache's reach
UNITS = ("central", "all")


@dataclass(frozen=True)
class Run:
    """How a probing is executed, and what becomes of it.

    Attributes
    ----------
    batch_size : int
        Canvases in one forward pass.
    device : torch.device
        Given by its name too; ``"auto"`` is the first there is of cuda, mps and cpu.
    source : str, optional
        Name of the network and its weights.
    out : path, optional
        Of the file to write.
    progress : bool, optional
        Whether there are progress bars; by default only on a terminal.
    dtype : torch.dtype, optional
        Of the numbers to compute with; by default the network's own, single precision for half.
    frame : int, optional
        Side in pixels of the whole images to probe with, in place of receptive fields.
    units : {"central", "all"}
        One unit of each channel, or all of its map.
    overwrite : bool
        Whether what is at `out` may be replaced.

    Raises
    ------
    InputError
        If one of them is no such thing.
    """

    batch_size: int = BATCH_SIZE
    device: Any = "auto"
    source: str | None = None
    out: str | Path | None = None
    progress: bool | None = None
    dtype: Any = None
    frame: int | None = None
    units: str = "central"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.overwrite, bool):  # "no" would be true
            msg = f"overwrite must be True or False; got {self.overwrite!r}"
            raise InputError(msg)
        if self.out is not None:
            partial_folder(self.out, overwrite=self.overwrite)
        if self.units not in UNITS:
            msg = f"units must be one of {', '.join(map(repr, UNITS))}; got {self.units!r}"
            raise InputError(msg)
        batch_size = whole_number(self.batch_size, "batch_size", 1)
        if self.source is not None and (not isinstance(self.source, str) or not self.source):
            msg = f"source must be a name, the network and its weights; got {self.source!r}"
            raise InputError(msg)
        if self.frame is not None:
            object.__setattr__(self, "frame", whole_number(self.frame, "frame", 1))
        object.__setattr__(self, "batch_size", batch_size)
        object.__setattr__(self, "device", resolved_device(self.device))
        object.__setattr__(self, "dtype", resolved_dtype(self.dtype))

    def bar(self, **how: Any) -> "tqdm":
        """Return a progress bar; what it shows is tqdm's to be told."""
        return bar(self.progress, **how)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute without short cuts; what torch raises on what does not fit becomes one line."""
        try:
            with exact_arithmetic(self.device):
                yield
        except torch.OutOfMemoryError as error:
            msg = f"the memory of {self.device} is full; take a batch_size below {self.batch_size}"
            raise InputError(msg) from error
        except RuntimeError as error:
            msg = f"the network cannot be run on canvases of RGB photographs: {one_line(error)}"
            raise InputError(msg) from error


@dataclass(frozen=True)
class Plan:
    """What is run on what: everything checked, nothing run yet."""

    passes: tuple[ChainPass | FramePass, ...]
    areas: dict[str, str]  # by layer, in the order of the units
    photographs: Photographs
    stimulus: Stimulus
    run: Run
    origin: Origin
    dropped: tuple[dict[str, Any], ...]
    architecture: str
    network: nn.Module
    """What is run: a copy."""
    dtype: str
    """Of the numbers computed with."""
    own_dtype: str
    """Of the network's weights."""

    @property
    def normalisation_from(self) -> str:
        """Who says what the network asks of pixels."""
        own = self.stimulus.normalisation == self.origin.normalisation
        return self.origin.normalisation_from if own else "given"

    @property
    def source(self) -> str:
        """The network and its weights by name."""
        return self.run.source or self.origin.source

    def blank(self, size: int) -> torch.Tensor:
        """Return the canvases of a black photograph, to be tried first."""
        side = self.stimulus.geometry(size).patch
        black = torch.zeros(1, side, side, 3, dtype=torch.uint8)
        return self.stimulus.canvases(black.to(self.run.device), size)

    def bar(self, n_done: int = 0) -> "tqdm":
        """Return a progress bar, `n_done` images of it done already."""
        per_image = len(self.stimulus.shifts) * len(self.passes)
        return self.run.bar(
            total=len(self.photographs) * per_image,
            initial=n_done * per_image,
            desc=self.source,
            unit="canvas",
        )

    def why_not_finite(self) -> str:
        """Say why responses may be none."""
        values = (*self.network.parameters(), *self.network.buffers())
        if all(bool(value.isfinite().all()) for value in values):
            return (
                "its weights are finite; does it standardise its image, which divides by 0 where"
                " the background is flat? Take another background"
            )
        return "are the network's weights finite?"

    @functools.cached_property
    def digest_of_photographs(self) -> str:
        """SHA-256 of all names and pictures, which takes reading all the files."""
        return self.photographs.digest()

    def key(self) -> dict[str, Any]:
        """Return everything that the responses depend on."""
        return {
            "weights": self.origin.digest,
            "architecture": self.architecture,
            "images": self.digest_of_photographs,
            "layers": self.areas,
            "units": self.run.units,
            "source": self.run.source,
            "passes": [each.describe() for each in self.passes],
            **dataclasses.asdict(self.stimulus),
            "device": self.run.device.type,
            "dtype": self.dtype,
            "versions": {name: version(name) for name in ("artiphys", "torch", "pillow", "numpy")},
        }


def records(model: nn.Module, **how: Any) -> tuple[Stimulus, Run]:
    """Return the stimulus and the run of some of :func:`artiphys_torch.probe`'s arguments."""
    names = {field.name for field in dataclasses.fields(Stimulus)}
    stimulus = {name: how.pop(name) for name in names & how.keys()}
    stimulus["normalisation"] = stimulus.get("normalisation") or normalisation_of(model)
    return Stimulus(**stimulus), Run(**how)


def probe_plan(
    model: nn.Module,
    images: Any,
    layers: str | Sequence[str] | Mapping[str, str] | None,
    stimulus: Stimulus,
    run: Run,
) -> Plan:
    """Check everything that can be checked before any work, and say what is to be run.

    What is given and raised, as for :func:`artiphys_torch.probe`. Warnings point two calls up, at
    the user of the function that asks for a plan.
    """
    areas, asked = areas_of(model, layers)
    shifts = stimulus.shifts
    if 0 not in shifts or len(set(shifts)) < len(shifts):
        msg = f"shifts must hold 0, the reference position, and each value once; got {shifts}"
        raise InputError(msg)
    photographs = as_photographs(images)
    network = working_copy(model, run.dtype)
    passes, refused = _passes(network, list(areas), stimulus, run)
    if refused and (asked or not passes):
        raise InputError("; ".join(refused.values()))
    still = _unshifted(passes, stimulus)
    if still and not asked and len(still) < sum(len(each.layers) for each in passes):
        passes = [each for each in passes if not set(each.layers) & set(still)]
        refused |= still
    elif still:
        warnings.warn("; ".join(still.values()), ArtiphysWarning, stacklevel=3)
    left: tuple[dict[str, Any], ...] = ()
    if refused:
        first = next(iter(refused.values()))
        msg = f"{len(refused)} of {len(areas)} convolutions are left out: {first}"
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
        left = (
            dropped(
                "layer",
                "receptive field too large to fit or too small to shift in",
                len(refused),
                layers=list(refused),
            ),
        )
    return Plan(
        passes=tuple(passes),
        areas={layer: area for layer, area in areas.items() if layer not in refused},
        photographs=photographs,
        stimulus=stimulus,
        run=run,
        origin=origin_of(model),
        dropped=(*photographs.dropped, *left),
        architecture=repr(model),
        network=network,
        dtype=_named(dtype_of(network)),
        own_dtype=_named(dtype_of(model)),
    )


def _passes(
    model: nn.Module, layers: Sequence[str], stimulus: Stimulus, run: Run
) -> tuple[list[ChainPass | FramePass], dict[str, str]]:
    """Return the passes that the layers need, and why some layers have none."""
    whole_map = run.units == "all"
    if run.frame is not None:
        refused = _unsteady(model, layers, run.frame)
        if refused:
            return [], refused
        network = model.to(run.device)
        background = stimulus.background_value()
        return [WholePass(network, layers, run.frame, background, whole_map=whole_map)], {}
    in_chains = [] if whole_map else chain_passes(model, layers, run.device)
    rest = [layer for layer in layers if not any(layer in each.layers for each in in_chains)]
    if not rest:
        return [*in_chains], {}
    # Measured, then looked for in a frame: two steps a layer, half a second each in large networks.
    with run.bar(total=2 * len(rest), desc="receptive fields", unit="step") as bar:
        connections = Connections(model, rest)
        found, refused = fields(connections, bar.update)
        in_frames, too_large = frame_passes(
            model,
            connections,
            found,
            stimulus.background_value(),
            run.device,
            bar.update,
            reached=stimulus.photograph_at_reference if whole_map else None,
        )
    problems = {**refused, **too_large}
    return [*in_chains, *in_frames], {layer: problems[layer] for layer in rest if layer in problems}


def _unsteady(model: nn.Module, layers: Sequence[str], frame: int) -> dict[str, str]:
    """Return why some layers have no answer of their own to a whole image."""
    noise = torch.randn(3, 3, frame, frame, generator=torch.Generator().manual_seed(0))
    try:
        answers, refused = steadiness(model, layers, noise)
    except Exception as error:  # a forward pass raises what it likes
        msg = (
            f"the network cannot be run on two frames of {frame} pixels at once: {one_line(error)}"
        )
        raise InputError(msg) from error
    idle = [layer for layer in layers if layer not in answers]
    return {
        **refused,
        **{layer: f"layer {layer!r} gives no tensor in a forward pass" for layer in idle},
    }


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _unshifted(passes: Sequence[ChainPass | FramePass], stimulus: Stimulus) -> dict[str, str]:
    """Return the layers whose fields are so small that a shift is less than a pixel."""
    found = {}
    for each in passes:
        left = stimulus.geometry(each.size).left
        if left.count(left[stimulus.shifts.index(0)]) > 1:
            for layer in each.layers:
                found[layer] = (
                    f"layer {layer!r}: its receptive field is {each.size} pixels, too few for the"
                    f" shifts {', '.join(f'{shift:g}' for shift in stimulus.shifts)}, which are"
                    f" {', '.join(map(str, left))} pixels, so that some invariance is 1 by itself"
                )
    return found
