"""``artiphys power``: what a design finds, before the experiment."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from artiphys_cli.options import (
    SEVERAL,
    Count,
    Folder,
    Fraction,
    Jobs,
    Number,
    Overwrite,
    Quiet,
    Seed,
    Words,
    position_label,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["power"]

MAX_SHARES = 4  # columns of power in the printed table
Numbers = Annotated[tuple[float, ...], SEVERAL, Parameter(metavar="NUMBER")]


def power(
    *,
    pilot: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    n_units: Count | None = None,
    n_images: Count | None = None,
    n_repeats: Count | None = None,
    rate: Number | None = None,
    fano: Number | None = None,
    window: Number | None = None,
    area: Annotated[str | None, Parameter(metavar="NAME")] = None,
    position: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    reference: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    relations: Numbers = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    factors: Numbers = (0.5, 2.0),
    target: Fraction = 0.8,
    n_experiments: Count = 100,
    resample: Annotated[Words | None, Parameter(metavar="DIM")] = None,
    jobs: Jobs | None = None,
    seed: Seed = 0,
    out: Folder | None = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Plan an experiment: what relation a design finds, and what a larger one would.

    Experiments with a known relation are simulated, from nothing or from the units of a pilot
    recording, and measured. All of it takes minutes; more with many units.

    Parameters
    ----------
    pilot
        a recording to take units and noise from: .nc or .zarr
    n_units
        units; by default the pilot's, or 80
    n_images
        images; by default the pilot's, or 60
    n_repeats
        trials of each image; by default the pilot's, or 5
    rate
        typical rate in spikes/s, without a pilot: 10
    fano
        variance over mean of counts, without a pilot: 1
    window
        of counting, in seconds, without a pilot: 0.2
    area
        of the pilot's units, if there are several
    position
        of the pilot, if there are several beside the reference
    reference
        the pilot's reference position; by default the file's
    relations
        true r_s to try, rising from 0
    factors
        what units, images and repeats are multiplied by, one at a time
    target
        power that is wanted
    n_experiments
        for each design and each r_s
    resample
        what the test is over, as of artiphys signature
    out
        write a table and a figure here: power.csv and .png

    Examples
    --------
    $ artiphys power --n-units 40 --relations 0.3 0.6 --n-experiments 4
    $ artiphys power --pilot v4.nc --factors 2 --n-experiments 2 --out results/
    """
    from artiphys.atomic_files import written_together
    from artiphys.design.power import power as powers
    from artiphys.design.report import power_paragraphs
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import (
        print_paragraphs,
        print_table,
        say_written,
        write_csv,
        write_figure,
    )

    outputs = [] if out is None else [out / f"power.{kind}" for kind in ("csv", "png")]
    check_new(outputs, overwrite=overwrite)
    of_pilot = _of_pilot(pilot, area, position, reference)
    if resample is not None:
        of_pilot["resample"] = resample
    if out is not None:
        from artiphys.plotting.design import power_figure
    with nullcontext() if out is None else written_together(out) as folder:
        result = powers(
            n_units,
            n_images,
            n_repeats,
            rate,
            fano=fano,
            window=window,
            relations=relations,
            factors=factors,
            target=target,
            n_experiments=n_experiments,
            jobs=jobs,
            progress=False if quiet else None,
            rng=seed,
            **of_pilot,
        )
        if folder is not None:
            write_csv(_frame(result), folder / "power.csv")
            write_figure(power_figure(result), folder / "power.png")
    table = _for_reading(result)
    printed = print_table(table, quiet=quiet, right=list(table.columns[1:]))
    print_paragraphs(power_paragraphs(result), printed=printed, quiet=quiet)
    say_written(*outputs, quiet=quiet)


def _of_pilot(
    pilot: Path | None, area: str | None, position: str | None, reference: str | None
) -> dict[str, Any]:
    """Return the pilot, and its labels as they are in the file."""
    from artiphys.errors import InputError
    from artiphys.responses.storage import open_responses

    given = {"area": area, "position": position, "reference": reference}
    named = {name: text for name, text in given.items() if text is not None}
    if pilot is None:
        if named:
            options = ", ".join(f"--{name}" for name in named)
            msg = f"{options}: of a pilot, which --pilot names; got none"
            raise InputError(msg)
        return {}
    responses = open_responses(pilot)
    labels = responses["position"].values.tolist()
    for name in {"position", "reference"} & set(named):
        named[name] = position_label(named[name], labels, where=f"the positions; --{name} may be")
    return {"pilot": responses, **named}


def _frame(result: "xr.Dataset") -> "pd.DataFrame":
    """Return a row for each design and relation."""
    from artiphys_cli.terminal import frame_with_bounds

    designs = result["detectable_interval"]
    result = result.assign(
        detectable_lower=designs.sel(ci_bound="lower", drop=True),
        detectable_upper=designs.sel(ci_bound="upper", drop=True),
    )
    cells = result.drop_vars("detectable_interval")
    frame = frame_with_bounds(cells, "power")
    first = ["changed", "n_units", "n_images", "n_repeats", "relation", "power"]
    first += ["ci_lower", "ci_upper"]
    return frame[[*first, *(name for name in frame if name not in (*first, "design"))]]


def _for_reading(result: "xr.Dataset") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    from artiphys_cli.terminal import number_text

    relations = result["relation"].values
    most = number_text(relations.max())

    def bound(value: float) -> str:
        return number_text(value) if np.isfinite(value) else f"> {most}"

    columns: dict[str, Any] = {
        "design": result["changed"].values,
    }
    for at in np.unique(np.linspace(0, len(relations) - 1, MAX_SHARES).round().astype(int)):
        power = result["power"].values[:, at]
        columns[f"at {relations[at]:g}"] = [number_text(each) for each in power]
    columns[f"{100 * result.attrs['target']:g} % at"] = [
        bound(each) for each in result["detectable"].values
    ]
    columns["interval"] = [
        f"[{bound(low)}, {bound(high)}]" for low, high in result["detectable_interval"].values
    ]
    return pd.DataFrame(columns)
