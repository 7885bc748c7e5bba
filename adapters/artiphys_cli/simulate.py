"""``artiphys simulate``: a recording whose truth is known."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from artiphys_cli.options import SEVERAL, Count, Number, Quiet

__all__ = ["simulate"]


def simulate(
    *,
    out: Annotated[Path, Parameter(metavar="FILE")],
    truth: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    relation: Literal["rectification", "none"] = "rectification",
    n_units: Count = 80,
    n_images: Count = 60,
    n_positions: Count = 2,
    n_sessions: Count = 1,
    repeats: Annotated[tuple[int, ...], SEVERAL, Parameter(metavar="N")] = (5,),
    rate: Number = 10.0,
    window: Number = 0.2,
    fano: Number = 1.0,
    area: Annotated[str, Parameter(metavar="NAME")] = "simulated",
    seed: Count = 0,
    quiet: Quiet = False,
) -> None:
    """Simulate a recording whose truth is known.

    Simulated spikes of a population in which invariance goes with dynamic range, or does not.

    Parameters
    ----------
    out
        the recording: .nc or .zarr
    truth
        write rates and true quantities here: .nc
    relation
        what relates invariance to dynamic range
    n_units
        neurons, over all sessions
    n_images
        images, each shown at every position
    n_positions
        positions, the reference among them
    n_sessions
        sessions in which the units are recorded
    repeats
        trials in each cell, or the fewest and the most
    rate
        typical rate in spikes/s
    window
        of counting, in seconds
    fano
        variance over mean of counts; 1 is Poisson
    area
        name of the area
    seed
        of all that is random

    Examples
    --------
    $ artiphys simulate --out recording.nc --truth truth.nc --relation none
    $ artiphys simulate --out recording.nc --n-units 40 --repeats 2 10 --rate 6
    """
    from artiphys.atomic_files import with_suffix, written_whole
    from artiphys.errors import InputError
    from artiphys.responses.storage import save_responses, with_known_suffix, write_netcdf
    from artiphys.simulation import simulate_responses
    from artiphys_cli.terminal import say_written

    if len(repeats) > 2:
        msg = f"--repeats takes one number, or the fewest and the most; got {list(repeats)}"
        raise InputError(msg)
    with_known_suffix(out)
    if truth is not None and with_suffix(truth, ".nc").resolve() == out.resolve():
        msg = f"{truth}: --truth and --out must be different files"
        raise InputError(msg)
    simulated = simulate_responses(
        relation=relation,
        n_units=n_units,
        n_images=n_images,
        n_positions=n_positions,
        repeats=repeats[0] if len(repeats) == 1 else repeats,
        rate=rate,
        window=window,
        fano=fano,
        n_sessions=n_sessions,
        area=area,
        rng=seed,
    )
    if truth is None:
        save_responses(simulated.responses, out)
    else:
        with written_whole(truth) as partial:  # neither file is there without the other
            write_netcdf(simulated.truth, partial)
            save_responses(simulated.responses, out)
    say_written(*(path for path in (out, truth) if path is not None), quiet=quiet)
