"""``artiphys reproduce``: the paper's Table 1, figures and theory, beside its own numbers."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from artiphys_cli.options import (
    Count,
    Device,
    Folder,
    Level,
    Overwrite,
    Quiet,
    Resamples,
    Seed,
    Words,
)

__all__ = ["reproduce"]

NAMED = ("untrained", "imagenet")  # weights that are no files
FIGURES = "figure[1-4]*.p[nd][gf]"  # of ours, by whatever weights they are


def reproduce(
    *,
    images: Folder | None = None,
    n_images: Count = 500,
    weights: Annotated[Words | None, Parameter(metavar="W")] = None,
    background: Annotated[str, Parameter(metavar="VALUE")] = "mean",
    device: Device = "auto",
    out: Folder = Path("results"),
    n_resamples: Resamples = 10_000,
    level: Level = 0.95,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure the paper's Table 1 and figures.

    Measure Table 1 and the figures of Pospisil & Bair (2019) on AlexNet, and how much of it their
    theory explains.

    Parameters
    ----------
    images
        folder of photographs; by default dead leaves
    n_images
        how many of them
    weights
        untrained, imagenet, or the file of a state dict; several are done in turn; by default
        untrained, and imagenet where it can be had
    background
        of the canvas: mean, black or a number
    out
        where tables, figures and responses are written

    Examples
    --------
    $ artiphys reproduce --n-images 12 --weights untrained --out results/
    $ artiphys reproduce --images photographs/ --weights untrained mine.pth
    """
    import artiphys_torch  # noqa: F401  it names the extra, if that is missing
    from artiphys.atomic_files import written_together
    from artiphys.correlations.spearman import check_resampling
    from artiphys.responses.storage import save_responses
    from artiphys_cli.outputs import check_new
    from artiphys_cli.pospisil_bair_2019 import figures, integration, reproduction, tables
    from artiphys_cli.terminal import print_prose, say, write_csv, write_figure

    check_resampling(n_resamples, level)
    photographs = reproduction.enough_photographs(images, n_images=n_images, seed=seed)
    networks = _networks(weights, seed)
    names = [*(f"{name}.csv" for name in tables.TABLES), *(f"responses-{n}.nc" for n in networks)]
    check_new(
        [*(out / name for name in names), *sorted(out.glob(FIGURES))],
        overwrite=overwrite,
    )
    done = {}
    with written_together(out) as folder:  # found to be writable before the work
        for name, model in networks.items():
            start = time.perf_counter()
            done[name] = reproduction.reproduce(
                model,
                photographs,
                trained=name != "untrained",
                background=background,
                device=device,
                progress=False if quiet else None,
                n_resamples=n_resamples,
                level=level,
                rng=seed,
            )
            seconds = time.perf_counter() - start
            say(f"{name}: {len(photographs)} images, {seconds:.0f} s", quiet=quiet)
        integrated = integration.integration(seed)
        measured = tables.tables(done, integrated)
        for name, table in measured.items():
            write_csv(table, folder / f"{name}.csv")
        drawn = figures.figures(done, photographs, integrated, background=background)
        for name, figure in drawn.items():
            for suffix in ("png", "pdf"):
                write_figure(figure, folder / f"{name}.{suffix}")
        for name, result in done.items():
            save_responses(result.responses, folder / f"responses-{name}.nc")
        written = sorted(path.name for path in folder.iterdir())
    if not quiet:
        tables.print_tables(measured)
        print_prose(f"wrote {len(written)} files to {out}/: {', '.join(written)}", to=sys.stderr)


def _networks(weights: Sequence[str] | None, seed: int) -> dict[str, Any]:
    """Return the networks by name; whatever is wrong with one is found before any is probed."""
    from artiphys.errors import InputError
    from artiphys_cli.terminal import say
    from artiphys_torch import load_alexnet

    asked = weights or NAMED
    names = [given if given in NAMED else Path(given).stem for given in asked]
    for name, given in zip(names, asked, strict=True):
        if name in NAMED and given != name:
            msg = f"--weights {given}: a file must not be named {name}; rename it"
            raise InputError(msg)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        msg = f"--weights must have different names, for the files to write; {twice[0]} comes twice"
        raise InputError(msg)
    networks = {}
    for name, given in zip(names, asked, strict=True):
        try:
            networks[name] = load_alexnet(given, seed=seed)
        except InputError as error:
            if given != "imagenet" or len(asked) == 1:
                raise
            say(f"artiphys: going on without imagenet: {error}")
    return networks
