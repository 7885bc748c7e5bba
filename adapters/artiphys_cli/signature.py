"""``artiphys signature``: how invariance goes with dynamic range, from files of responses."""

import importlib.util
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from artiphys_cli.options import (
    Folder,
    Level,
    Overwrite,
    Quiet,
    Resamples,
    Seed,
    Words,
    typed_reference,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["signature"]

LARGE = 2**30  # bytes of an array that is read chunk by chunk
WORTH_A_LOOK = 2**26  # of a file: a smaller one, compressed as it may be, holds no large array
MAX_PANELS = 30  # of a figure: beyond it nobody can read them


def signature(
    files: list[Path],
    /,
    *,
    by: Annotated[str, Parameter(metavar="COORD")] = "area",
    reference: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    noise: Annotated[
        Literal["auto", "none", "corrected", "split"], Parameter(metavar="HOW")
    ] = "auto",
    resample: Annotated[Words | None, Parameter(metavar="DIM")] = None,
    covariates: Annotated[Words, Parameter(metavar="COORD")] = (),
    n_resamples: Resamples = 10_000,
    level: Level = 0.95,
    seed: Seed = 0,
    out: Folder | None = None,
    table: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Test whether invariance rises with dynamic range, in files of responses.

    Spearman's correlation r_s between the units' invariance and dynamic range, for each group of
    units and each position. With trials, it is corrected for noise.

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
        what the answer is about: by default image unit, images and units at large, with trials, and
        unit, these images, without; or session unit
    covariates
        what is held constant: numbers along the units, or mean_response, signal_to_noise,
        n_repeats
    out
        write a table and a figure of each file here: signature-NAME.csv and .png
    table
        write a row for each unit and position here, with what is measured of it: .csv

    Examples
    --------
    $ artiphys signature v4.nc --resample image unit
    $ artiphys signature v4.nc --noise corrected --out results/ --table units.csv
    """
    import pandas as pd

    from artiphys.atomic_files import written_together, written_whole
    from artiphys.signatures import signature as signatures
    from artiphys.signatures.report import paragraphs, summary
    from artiphys.signatures.unit_table import unit_table
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import (
        MAX_VERDICTS,
        correlation_frame,
        print_paragraphs,
        print_table,
        say,
        say_written,
        write_csv,
        write_figure,
    )

    names = [f"signature-{name}" for name in _names(files)]
    kinds = () if out is None else ("csv", "png")
    outputs = [Path(out or "", f"{name}.{kind}") for name in names for kind in kinds]
    _check_table(table, outputs)
    check_new([*outputs, *([] if table is None else [table])], overwrite=overwrite)
    if out is not None:
        from artiphys.plotting.signature import signature_figure
    frames, units, verdicts, summaries = [], [], [], []
    drawn = set()
    with (
        nullcontext() if out is None else written_together(out) as folder,
        nullcontext() if table is None else written_whole(table) as units_file,
    ):
        for path, name in zip(files, names, strict=True):
            responses = _opened(path)
            how = {
                "reference": typed_reference(reference, responses["position"].values.tolist()),
                "noise": None if noise == "none" else noise,
            }
            with _told_of(path):
                result = signatures.signature(
                    responses,
                    by=by,
                    **how,
                    resample=resample,
                    covariates=covariates,
                    n_resamples=n_resamples,
                    level=level,
                    rng=seed,
                    progress=False if quiet else None,
                )
                if table is not None:
                    units.append(unit_table(responses, by=by, **how).assign(file=str(path)))
            frames.append(correlation_frame(result).assign(file=str(path)))
            verdicts.append(paragraphs(result))
            summaries.append(summary(result))
            if folder is not None:
                write_csv(frames[-1], folder / f"{name}.csv")
            if folder is not None and result.sizes[by] > MAX_PANELS:
                why = f"{result.sizes[by]} groups are too many to be read, at most {MAX_PANELS}"
                say(f"{path}: no figure: {why}", quiet=quiet)
            elif folder is not None:
                write_figure(signature_figure(responses, result), folder / f"{name}.png")
                drawn.add(name)
        if units_file is not None:
            pd.concat(units, ignore_index=True).to_csv(units_file, index=False)
    # Positions as texts: a file's whole numbers would become fractions beside another's.
    frame = pd.concat(
        [each.assign(position=each["position"].map(str)) for each in frames], ignore_index=True
    )
    where = "add --out DIR for all" if out is None else f"all are in {out}/{names[0]}.csv"
    if out is not None and len(files) > 1:
        where = f"all are in {out}/signature-*.csv"
    printed = print_table(
        _for_reading(frame, by, several=len(files) > 1),
        quiet=quiet,
        whole=where,
        names=("file", by),
        drop=("units", "p"),
        right=("r_s", "units"),
    )
    texts: list[str] = []
    for path, said in zip(
        files, verdicts if len(frame) <= MAX_VERDICTS else summaries, strict=True
    ):
        texts += [f"{path}:\n{said[0]}", *said[1:]] if len(files) > 1 else said
    print_paragraphs(texts, printed=printed, quiet=quiet)
    written = [path for path in outputs if path.stem in drawn or path.suffix == ".csv"]
    say_written(*written, *([] if table is None else [table]), quiet=quiet)


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


def _check_table(table: Path | None, outputs: Sequence[Path]) -> None:
    from artiphys.atomic_files import with_suffix
    from artiphys.errors import InputError

    if table is None:
        return
    with_suffix(table, ".csv")
    if table.resolve() in [path.resolve() for path in outputs]:
        msg = f"{table}: --out writes its own table there; give --table another name"
        raise InputError(msg)


def _opened(path: Path) -> "xr.DataArray":
    """Return the responses in a file: if they are large in chunks, where dask is there for it."""
    from artiphys.responses.storage import open_responses

    files = path.rglob("*") if path.is_dir() else [path]
    on_disk = sum(file.stat().st_size for file in files if file.is_file())
    if on_disk > WORTH_A_LOOK and importlib.util.find_spec("dask") is not None:
        in_chunks = open_responses(path, chunks="auto")
        if in_chunks.nbytes > LARGE:
            return in_chunks
    return open_responses(path)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Let warnings and errors say of which file they are, each of them once."""
    from artiphys.errors import InputError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except InputError as error:
            msg = f"{path}: {error}"
            raise InputError(msg) from error
    for text, category in dict.fromkeys((str(each.message), each.category) for each in caught):
        warnings.warn(f"{path}: {text}", category, stacklevel=3)


def _for_reading(frame: "pd.DataFrame", by: str, *, several: bool) -> "pd.DataFrame":
    import pandas as pd

    from artiphys_cli.terminal import correlation_text, interval_text, p_text, units_texts

    intervals = zip(frame["ci_lower"], frame["ci_upper"], strict=True)
    table = pd.DataFrame(
        {
            by: frame[by].astype(str),
            "position": frame["position"],
            "r_s": frame["spearman"].map(correlation_text),
            "interval": [interval_text(*bounds) for bounds in intervals],
            "p": frame["p_value"].map(p_text),
            "units": units_texts(frame),
        }
    )
    if several:
        table.insert(0, "file", frame["file"])
    return table
