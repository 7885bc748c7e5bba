"""``artiphys signature``: how invariance goes with dynamic range, from files of responses."""

import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from artiphys_cli.options import (
    Folder,
    Level,
    Quiet,
    Resamples,
    Seed,
    Words,
    as_typed,
    position_label,
    with_suffix,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["signature"]

MAX_PANELS = 30  # of a figure: beyond it nobody can read them
MAX_VERDICTS = 12


def signature(
    files: list[Path],
    /,
    *,
    by: Annotated[str, Parameter(metavar="COORD")] = "area",
    reference: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    noise: Annotated[
        Literal["auto", "none", "corrected", "split"], Parameter(metavar="HOW")
    ] = "auto",
    resample: Annotated[Words, Parameter(metavar="DIM")] = ("unit",),
    covariates: Annotated[Words, Parameter(metavar="COORD")] = (),
    n_resamples: Resamples = 10_000,
    level: Level = 0.95,
    seed: Seed = 0,
    out: Folder | None = None,
    table: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    quiet: Quiet = False,
) -> None:
    """Measure how invariance goes with dynamic range, from files of responses.

    Spearman's correlation r_s of units' invariance with their dynamic range, for each group of
    units and each position. With trials, free of what noise makes of it.

    Parameters
    ----------
    files
        .nc or .zarr of responses
    by
        what groups the units
    reference
        the reference position, or best: each unit's own; by default the file's
    noise
        how trial noise is taken off
    resample
        what the intervals are over: unit, image unit, or session unit
    covariates
        what is held constant: numbers along the units, or mean_response, signal_to_noise,
        n_repeats
    out
        write signature.csv and the figures here
    table
        write a row for each unit and position here, with what is measured of it: .csv

    Examples
    --------
    $ artiphys signature v4.nc --resample image unit
    $ artiphys signature v4.nc --noise corrected --out results/ --table units.csv
    """
    import pandas as pd

    from artiphys.atomic_files import written_together, written_whole
    from artiphys.responses.storage import open_responses
    from artiphys.signatures.report import verdict
    from artiphys.signatures.unit_table import unit_table
    from artiphys_cli.terminal import correlation_frame, print_table, say, write_csv, write_figure

    names = _names(files)
    _check_table(table, out)
    frames, units, verdicts = [], [], []
    with (
        nullcontext() if out is None else written_together(out) as folder,
        nullcontext() if table is None else written_whole(table) as units_file,
    ):
        for path, name in zip(files, names, strict=True):
            responses = open_responses(path)
            how = {
                "reference": _label(reference, responses["position"].values.tolist()),
                "noise": None if noise == "none" else noise,
            }
            result = _signature_of_file(
                path,
                responses,
                by=by,
                **how,
                resample=resample,
                covariates=covariates,
                n_resamples=n_resamples,
                level=level,
                rng=seed,
            )
            frames.append(correlation_frame(result).assign(file=str(path)))
            if units_file is not None:
                units.append(unit_table(responses, by=by, **how).assign(file=str(path)))
            if "trial" in responses.dims:
                verdicts.append(verdict(result))
            if folder is not None and result.sizes[by] > MAX_PANELS:
                why = f"{result.sizes[by]} groups are too many to be read, at most {MAX_PANELS}"
                say(f"{path}: no figure: {why}", quiet=quiet)
            elif folder is not None:
                write_figure(_figure(responses, result, how), folder / f"signature-{name}.png")
        frame = pd.concat(frames, ignore_index=True)
        if folder is not None:
            write_csv(frame, folder / "signature.csv")
        if units_file is not None:
            pd.concat(units, ignore_index=True).to_csv(units_file, index=False)
    where = "add --out DIR for all" if out is None else f"all are in {out}/signature.csv"
    print_table(_for_reading(frame, by, several=len(files) > 1), quiet=quiet, whole=where)
    if len(frame) <= MAX_VERDICTS:  # more prose than that nobody reads; the table has the numbers
        for words in verdicts:
            if not quiet:
                print(f"\n{as_typed(words)}")


def _names(files: Sequence[Path]) -> list[str]:
    """Return a name for the figure of each file: its stem, or with its folders where two agree."""
    from artiphys.errors import InputError

    paths = [path.absolute() for path in files]
    for path, count in Counter(paths).items():
        if count > 1:
            msg = f"{path} is given {count} times; give each FILE once"
            raise InputError(msg)
    names = [path.stem for path in paths]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        repeated = {name for name, count in Counter(names).items() if count > 1}
        if not repeated:
            break
        names = [
            "-".join(path.parts[-depth:]) if name in repeated else name
            for path, name in zip(paths, names, strict=True)
        ]
    return names


def _check_table(table: Path | None, out: Path | None) -> None:
    from artiphys.errors import InputError

    if table is None:
        return
    with_suffix(table, ".csv")
    if out is not None and table.absolute() == (out / "signature.csv").absolute():
        msg = f"{table}: --out writes its own table there; give --table another name"
        raise InputError(msg)


def _label(text: str | None, labels: list[Any]) -> Any:
    """Return the position label that was typed."""
    if text is None or text == "best":
        return text
    return position_label(text, labels, where="the positions; --reference may be")


def _signature_of_file(path: Path, responses: "xr.DataArray", **arguments: Any) -> "xr.Dataset":
    """Return the signature; its warnings and errors say of which file they are."""
    from artiphys.errors import InputError
    from artiphys.signatures.signature import signature

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = signature(responses, **arguments)
        except InputError as error:
            msg = f"{path}: {error}"
            raise InputError(msg) from error
    for warning in caught:
        warnings.warn(f"{path}: {warning.message}", warning.category, stacklevel=2)
    return result


def _figure(responses: "xr.DataArray", result: "xr.Dataset", how: dict[str, Any]) -> "Figure":
    from artiphys.correlations.spearman import fisher_z
    from artiphys.estimators.dynamic_range import dynamic_range
    from artiphys.estimators.invariance import invariance
    from artiphys.plotting.signature import plot_signature

    z = fisher_z(invariance(responses, **how))
    return plot_signature(dynamic_range(responses, **how), z, result)


def _for_reading(frame: "pd.DataFrame", by: str, *, several: bool) -> "pd.DataFrame":
    import pandas as pd

    from artiphys_cli.terminal import interval_text, p_text

    intervals = zip(frame["ci_lower"], frame["ci_upper"], strict=True)
    table = pd.DataFrame(
        {
            by: frame[by],
            "position": [str(label) for label in frame["position"]],
            "r_s": frame["spearman"],
            "interval": [interval_text(*bounds) for bounds in intervals],
            "p": frame["p_value"].map(p_text),
            "units": frame["n_units"],
        }
    )
    if several:
        table.insert(0, "file", frame["file"])
    return table
