"""``artiphys control``: the same recording without its relation, measured many times."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from artiphys_cli.options import (
    Count,
    Folder,
    Jobs,
    Number,
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

__all__ = ["control"]


def control(
    file: Path,
    /,
    *,
    relation: Number = 0.0,
    images: Annotated[Literal["auto", "shown", "new"], Parameter(metavar="WHICH")] = "auto",
    within: Annotated[str | None, Parameter(metavar="COORD")] = None,
    alike: Annotated[str | None, Parameter(metavar="COORD")] = "source",
    n_experiments: Count = 200,
    by: Annotated[str, Parameter(metavar="COORD")] = "area",
    reference: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    noise: Annotated[
        Literal["auto", "none", "corrected", "split"], Parameter(metavar="HOW")
    ] = "auto",
    resample: Annotated[Words | None, Parameter(metavar="DIM")] = None,
    covariates: Annotated[Words, Parameter(metavar="COORD")] = (),
    n_resamples: Resamples = 1000,
    jobs: Jobs | None = None,
    seed: Seed = 0,
    out: Folder | None = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure how often a recording without a relation seems to have one.

    The invariance of units is exchanged at the level of their rates without noise, trials are drawn
    anew with the recording's own noise, and the signature is measured: its false-positive rate on
    this recording.

    Parameters
    ----------
    file
        .nc or .zarr of responses, with trials
    relation
        r_s to give it in place of none: the power
    images
        rates to the images shown, or to new ones like them; auto: new, where the test is about
        images at large
    within
        exchange among units that share this: e.g. source
    alike
        units that share this stay as much alike in invariance
    n_experiments
        recordings drawn
    by
        what groups the units
    reference
        the reference position; by default the file's
    noise
        how trial noise is taken off
    resample
        what the test is over, as of artiphys signature
    covariates
        what is held constant
    out
        write a table and a figure here: control-NAME.csv and .png

    Examples
    --------
    $ artiphys control v4.nc --n-experiments 20
    $ artiphys control v4.nc --relation 0.5 --n-experiments 20 --out results/
    """
    from artiphys.atomic_files import written_together
    from artiphys.design.control import control as controlled
    from artiphys.design.report import control_paragraphs
    from artiphys.responses.storage import open_responses
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import (
        print_paragraphs,
        print_table,
        say_written,
        write_csv,
        write_figure,
    )

    name = f"control-{file.stem}"
    outputs = [] if out is None else [out / f"{name}.{kind}" for kind in ("csv", "png")]
    check_new(outputs, overwrite=overwrite)
    responses = open_responses(file)
    labels = responses["position"].values.tolist()
    how: dict[str, Any] = {} if resample is None else {"resample": resample}
    how["reference"] = typed_reference(reference, labels)
    if out is not None:
        from artiphys.plotting.design import control_figure
    with nullcontext() if out is None else written_together(out) as folder:
        result = controlled(
            responses,
            relation=relation,
            images=images,
            within=within,
            alike=alike,
            n_experiments=n_experiments,
            jobs=jobs,
            progress=False if quiet else None,
            rng=seed,
            by=by,
            noise=None if noise == "none" else noise,
            covariates=covariates,
            n_resamples=n_resamples,
            **how,
        )
        frame = _frame(result)
        if folder is not None:
            write_csv(frame, folder / f"{name}.csv")
            write_figure(control_figure(result), folder / f"{name}.png")
    printed = print_table(
        _for_reading(frame, by),
        quiet=quiet,
        whole="add --out DIR for all" if out is None else f"all are in {out}/{name}.csv",
        names=(by,),
        drop=("controls' r_s", "own p"),
        right=("own r_s", "own p", "controls' r_s", "p < 0.05"),
    )
    print_paragraphs(control_paragraphs(result), printed=printed, quiet=quiet)
    say_written(*outputs, quiet=quiet)


def _frame(result: "xr.Dataset") -> "pd.DataFrame":
    """Return a row for each group and position."""
    from artiphys_cli.terminal import frame_with_bounds

    cells = result.drop_dims("experiment")
    for name in ("spearman", "spearman_true"):
        cells[f"{name}_mean"] = result[name].mean("experiment")
    cells["spearman_sd"] = result["spearman"].std("experiment", ddof=1)
    cells = cells.assign(
        relation=result.attrs["relation"],
        n_experiments=result.attrs["n_experiments"],
        alpha=result.attrs["alpha"],
    )
    return frame_with_bounds(cells, "rejection_rate")


def _for_reading(frame: "pd.DataFrame", by: str) -> "pd.DataFrame":
    import pandas as pd

    from artiphys_cli.terminal import correlation_text, number_text, p_text

    shares = frame[["rejection_rate", "ci_lower", "ci_upper", "n_answered"]].to_numpy()
    rates = [[_share(each, int(n)) for each in found] for *found, n in shares]
    spread = zip(frame["spearman_mean"], frame["spearman_sd"], strict=True)
    return pd.DataFrame(
        {
            by: frame[by].astype(str),
            "position": [str(label) for label in frame["position"]],
            "own r_s": frame["spearman_recorded"].map(correlation_text),
            "own p": frame["p_value_recorded"].map(p_text),
            "controls' r_s": [f"{number_text(m)} ± {number_text(s)}" for m, s in spread],
            "p < 0.05": [rate for rate, _, _ in rates],
            "interval": [f"[{low}, {high}]" for _, low, high in rates],
            "of": frame["n_answered"].astype(int),
        }
    )


def _share(rate: float, n: int) -> str:
    from artiphys.design.rejections import rate_text

    return "-" if rate != rate else rate_text(rate, n)
