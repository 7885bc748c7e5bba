"""``artiphys simulate``: a recording whose truth is known."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from artiphys_cli.options import SEVERAL, Count, Number, Overwrite, Quiet

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["simulate"]

DEFAULT_WINDOW = 0.2  # s, from 0.05 s on: where `artiphys ingest` counts unless told otherwise


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
    window: Number = DEFAULT_WINDOW,
    fano: Number = 1.0,
    area: Annotated[str, Parameter(metavar="NAME")] = "simulated",
    seed: Count = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a recording whose truth is known.

    Simulated spikes of a population in which invariance goes with dynamic range, or does not: as
    responses, or as an NWB file of spike trains, from which `artiphys ingest` counts the same.

    Parameters
    ----------
    out
        the recording: .nwb; or its responses: .nc or .zarr. Several sessions are several .nwb
        files, NAME_0.nwb and on
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
    $ artiphys simulate --out session.nwb --truth truth.nc --relation none
    $ artiphys simulate --out recording.nc --n-units 40 --repeats 2 10 --rate 6
    """
    from artiphys.atomic_files import with_suffix, written_whole
    from artiphys.errors import InputError
    from artiphys.responses.storage import write_netcdf
    from artiphys.simulation import simulate_responses
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import say, say_written

    if len(repeats) > 2:
        msg = f"--repeats takes one number, or the fewest and the most; got {list(repeats)}"
        raise InputError(msg)
    outputs = _outputs(out, n_sessions)
    if truth is not None and with_suffix(truth, ".nc").resolve() == out.resolve():
        msg = f"{truth}: --truth and --out must be different files"
        raise InputError(msg)
    check_new([*outputs, *([] if truth is None else [truth])], overwrite=overwrite)
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
    # No file is there without the others.
    with contextlib.nullcontext() if truth is None else written_whole(truth) as partial:
        if partial is not None:
            write_netcdf(simulated.truth, partial)
        _write(simulated.responses, outputs, window=window, seed=seed)
    say_written(*outputs, *([] if truth is None else [truth]), quiet=quiet)
    if _is_nwb(out) and window != DEFAULT_WINDOW:
        say(f"read it with --window 0.05 {0.05 + window:g}", quiet=quiet)


def _is_nwb(path: Path) -> bool:
    return path.suffix.lower() == ".nwb"


def _outputs(out: Path, n_sessions: int) -> list[Path]:
    """Return the files to write; NWB has one session in each."""
    from artiphys.errors import InputError
    from artiphys.responses.storage import with_known_suffix

    if not _is_nwb(out):
        try:
            return [with_known_suffix(out)]
        except InputError as error:
            msg = f"{error}; or in .nwb, for spike trains"
            raise InputError(msg) from error
    if not out.parent.is_dir():
        msg = f"{out}: the folder {out.parent} does not exist; make it first"
        raise InputError(msg)
    from artiphys_nwb.simulated import session_paths

    return session_paths(out, n_sessions)


def _write(responses: "xr.DataArray", outputs: list[Path], *, window: float, seed: int) -> None:
    from artiphys.atomic_files import written_together
    from artiphys.responses.storage import save_responses

    if not _is_nwb(outputs[0]):
        save_responses(responses, outputs[0])
        return
    from artiphys_nwb.simulated import write_simulated

    with written_together(outputs[0].parent) as folder:
        for path, session in zip(outputs, _sessions(responses), strict=True):
            write_simulated(session, folder / path.name, window=window, rng=seed)


def _sessions(responses: "xr.DataArray") -> "list[xr.DataArray]":
    source = responses["source"].values
    return [responses.isel(unit=source == name) for name in dict.fromkeys(source.tolist())]
