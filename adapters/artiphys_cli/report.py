"""``artiphys report``: one page of what was measured, to read, to print and to send."""

import shlex
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from artiphys_cli.options import (
    Count,
    Jobs,
    Level,
    Overwrite,
    Quiet,
    Seed,
    Words,
    position_pairs,
)

__all__ = ["report"]


def report(
    files: list[Path],
    /,
    *,
    out: Annotated[Path, Parameter(metavar="FILE")] = Path("report.html"),
    by: Annotated[str, Parameter(metavar="COORD")] = "area",
    reference: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    resample: Annotated[Words | None, Parameter(metavar="DIM")] = None,
    covariates: Annotated[Words, Parameter(metavar="COORD")] = (),
    positions: Annotated[Words | None, Parameter(metavar="MODEL=BRAIN")] = None,
    simulations: Count = 100,
    level: Level = 0.95,
    jobs: Jobs | None = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write a page of what was measured, and how far it can be trusted.

    One HTML file that needs no network: the data and what was left out, each group and position
    with its figure and verdict, what the test does on simulated recordings like these, the theory's
    fit, networks beside recordings, the units, and the commands.

    Parameters
    ----------
    files
        .nc or .zarr of responses; those without trials, networks, are compared with those with
    out
        the page: .html
    by
        what groups the units
    reference
        the reference position of all files; by default each file's own
    resample
        what the answer is about, with trials, as of artiphys signature
    covariates
        what is held constant, likewise
    positions
        positions of networks and recordings that go together, e.g. 0.125=2
    simulations
        recordings for each of four true correlations; 0 for none

    Examples
    --------
    $ artiphys report v4.nc --simulations 5 --out report.html
    $ artiphys report v4.nc alexnet.nc --positions 0.125=1 --out both.html
    """
    from artiphys.atomic_files import with_suffix, written_whole
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import say_written

    with_suffix(out, ".html", ".htm")
    check_new([out], overwrite=overwrite)
    pairs = None if positions is None else position_pairs(positions)
    from artiphys_report import report as reported

    with written_whole(out) as partial:
        page = reported(
            files,
            by=by,
            reference=reference,
            resample=resample,
            covariates=covariates,
            positions=pairs,
            simulations=simulations,
            level=level,
            jobs=jobs,
            progress=False if quiet else None,
            seed=seed,
            command=_command(
                files,
                by=by,
                reference=reference,
                resample=resample,
                covariates=covariates,
                positions=positions,
                simulations=simulations,
                level=level,
                seed=seed,
                out=out,
            ),
        )
        partial.write_text(page, encoding="utf-8")
    say_written(out, quiet=quiet)


def _command(files: list[Path], **options: Any) -> str:
    """Return the command that makes the page again, defaults spelt out."""
    words = ["artiphys", "report", *map(str, files)]
    for name, value in options.items():
        given = value if isinstance(value, tuple) else (value,)
        if value is not None and given:
            words += [f"--{name}", *map(str, given)]
    return shlex.join(words)
