"""``artiphys compare``: layers of a network against areas of a recording."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from artiphys_cli.options import (
    Count,
    Flag,
    Folder,
    Level,
    Overwrite,
    Quiet,
    Words,
    position_label,
    position_pairs,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["compare"]


def compare(
    model: Path,
    brain: Path,
    /,
    *,
    unmatched: Flag = False,
    positions: Annotated[Words | None, Parameter(metavar="MODEL=BRAIN")] = None,
    reference_model: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    reference_brain: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    by_model: Annotated[str, Parameter(metavar="COORD")] = "area",
    by_brain: Annotated[str, Parameter(metavar="COORD")] = "area",
    resample: Annotated[Words | None, Parameter(metavar="DIM")] = None,
    n_passes: Count = 8,
    level: Level = 0.95,
    seed: Count = 0,
    out: Folder | None = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Compare layers of a network with areas of a recording.

    The difference between the signatures of network layers and cortical areas, with the network
    measured through the recording's number of images, repeats and noise.

    Parameters
    ----------
    model
        responses of a network
    brain
        responses of a recording
    unmatched
        take both as they are: noise then makes differences that are not there
    positions
        positions that go together, e.g. 0.125=2; by default equal shifts, or equal labels
    reference_model
        reference position of the network
    reference_brain
        reference position of the recording
    by_model
        coordinate of layers
    by_brain
        coordinate of areas
    resample
        what the recording is a sample of: by default image unit, with trials; or unit, or
        session unit
    n_passes
        passes of simulated noise
    seed
        of all that is random
    out
        write a table and a figure here: compare-MODEL-BRAIN.csv and .png

    Examples
    --------
    $ artiphys compare alexnet.nc v4.nc --positions 0.125=1
    $ artiphys compare alexnet.nc v4.nc --positions 0.125=1 --out results/
    """
    from artiphys.atomic_files import written_together
    from artiphys.comparison.compare import compare as compared
    from artiphys.comparison.units import compared_units
    from artiphys.responses.storage import open_responses
    from artiphys.signatures.report import paragraphs, summary
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import (
        MAX_VERDICTS,
        frame_with_bounds,
        print_paragraphs,
        print_table,
        say,
        say_written,
        write_csv,
        write_figure,
    )

    name = f"compare-{model.stem}-{brain.stem}"
    outputs = [] if out is None else [out / f"{name}.{suffix}" for suffix in ("csv", "png")]
    check_new(outputs, overwrite=overwrite)
    network, recording = open_responses(model), open_responses(brain)
    pairs = _pairs(positions, network, recording)
    references = {
        "reference_model": _reference(reference_model, network, "network"),
        "reference_brain": _reference(reference_brain, recording, "recording"),
    }
    if out is not None:
        from artiphys.plotting.comparison import comparison_figure
    with nullcontext() if out is None else written_together(out) as folder:
        result = compared(
            network,
            recording,
            matched=not unmatched,
            positions=pairs,
            **references,
            by_model=by_model,
            by_brain=by_brain,
            resample=resample,
            n_passes=n_passes,
            level=level,
            rng=seed,
            progress=False if quiet else None,
        )
        frame = frame_with_bounds(result, "difference")
        if folder is not None:
            shown = compared_units(
                network,
                recording,
                result,
                by_model=by_model,
                by_brain=by_brain,
                positions=pairs,
                rng=seed,
            )
            write_csv(frame, folder / f"{name}.csv")
            write_figure(comparison_figure(*shown, result), folder / f"{name}.png")
    printed = print_table(
        _for_reading(frame),
        quiet=quiet,
        whole="add --out DIR for all" if out is None else f"all are in {out}/{name}.csv",
        names=("layer", "area"),
        drop=("units", "p", *(("area",) if result.sizes["area"] == 1 else ()), "area r_s"),
        right=("layer r_s", "area r_s", "difference"),
    )
    say(f"matched: {result.attrs['matched']}", quiet=quiet)
    said = paragraphs(result) if len(frame) <= MAX_VERDICTS else summary(result)
    print_paragraphs(said, printed=printed, quiet=quiet)
    say_written(*outputs, quiet=quiet)


def _pairs(
    texts: Sequence[str] | None, model: "xr.DataArray", brain: "xr.DataArray"
) -> dict[Any, Any] | None:
    from artiphys.errors import InputError

    if texts is None:
        return None
    pairs = {}
    for one, other in position_pairs(texts).items():
        label = _label(one, model, "network")
        if label in pairs:  # spelt in two ways
            msg = f"--positions: each position of the network may be named once; got {one} twice"
            raise InputError(msg)
        pairs[label] = _label(other, brain, "recording")
    return pairs


def _reference(text: str | None, responses: "xr.DataArray", whose: str) -> Any:
    return responses.attrs["reference"] if text is None else _label(text, responses, whose)


def _label(text: str, responses: "xr.DataArray", whose: str) -> Any:
    labels = responses["position"].values.tolist()
    return position_label(text, labels, where=f"the {whose}'s positions")


def _for_reading(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    from artiphys_cli.terminal import correlation_text, interval_text, p_text

    intervals = zip(frame["ci_lower"], frame["ci_upper"], strict=True)
    units = zip(frame["n_units_model"], frame["n_units_brain"], strict=True)
    return pd.DataFrame(
        {
            "layer": frame["layer"].astype(str),
            "area": frame["area"].astype(str),
            "position": [str(label) for label in frame["position"]],
            "layer r_s": frame["spearman_model"].map(correlation_text),
            "area r_s": frame["spearman_brain"].map(correlation_text),
            "difference": [correlation_text(value, limit=2) for value in frame["difference"]],
            "interval": [interval_text(*bounds, limit=2) for bounds in intervals],
            "p": frame["p_value"].map(p_text),
            "units": [f"{int(m)}, {int(b)}" for m, b in units],
        }
    )
