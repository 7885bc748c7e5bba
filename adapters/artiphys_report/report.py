"""The report: what was measured of each file, how far it can be trusted, and how to do it again."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from artiphys.arguments import Faults, share, whole_number
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.plotting.measured import units_shown
from artiphys.progress import bars, tracked
from artiphys.responses.provenance import provenance
from artiphys.signatures.report import reference_named
from artiphys.signatures.signature import signature
from artiphys.signatures.unit_table import unit_table
from artiphys_report.cautions import footnote, sentence
from artiphys_report.comparisons import check_positions, comparisons_of
from artiphys_report.data import Data, data_of
from artiphys_report.findings import Finding, findings_of
from artiphys_report.inputs import Input, inputs_of
from artiphys_report.page import Page, rendered
from artiphys_report.simulations import Calibration, calibrated
from artiphys_report.table import UnitTable, table_of

__all__ = ["Chapter", "report"]

PACKAGES = ("pandas", "statsmodels", "matplotlib", "jinja2")


class Chapter(NamedTuple):
    """What a report says of one file."""

    input: Input
    anchor: str
    data: Data
    reference: str
    findings: list[Finding]
    calibration: Calibration
    table: UnitTable
    download: str  # name of its CSV
    scope: str  # what the answer is about
    remarks: list[str]
    footnote: str


def report(
    responses: Mapping[str, xr.DataArray] | Sequence[str | Path] | str | Path,
    *,
    by: str = "area",
    reference: Any = None,
    resample: Sequence[str] | None = None,
    covariates: str | Sequence[str] = (),
    positions: Mapping[Any, Any] | None = None,
    simulations: int = 100,
    level: float = 0.95,
    jobs: int | None = None,
    progress: bool | None = None,
    seed: int = 0,
    command: str = "",
    made: datetime | None = None,
) -> str:
    """Return one page, in HTML, that needs nothing beside itself.

    It says what the data are and what was left out; for each group of units and each position the
    units with their errors, the estimate with its interval, a verdict and cautions; what the test
    does on simulated recordings like this one; the fit of the theory; networks beside recordings;
    the unit table, to sort and to download; where all of it comes from, and how to make it again.

    Parameters
    ----------
    responses : path, sequence of paths, or mapping from name to xarray.DataArray
        Files, or arrays (unit, image, position[, trial]). Those without trials are taken for
        networks, and are compared with those with trials.
    by : str
        The coordinate along ``unit`` whose values are the groups.
    reference : str or number, optional
        Label of the reference position, in all of them; each one's own by default.
    resample, covariates
        As in :func:`artiphys.signature`; `resample` of what has trials.
    positions : mapping, optional
        From labels of a network's positions to those of a recording that go with them, as in
        :func:`artiphys.compare`.
    simulations : int
        Recordings that are simulated for each of four true correlations; 0 for none. A hundred take
        a minute or so on a recording of 100 units, 60 images and 5 repeats.
    level : float
        Coverage of the intervals.
    jobs : int, optional
        Processes for the simulations at most, by default as many as there are cores; they change no
        number.
    progress : bool, optional
        Whether there are progress bars; by default only on a terminal.
    seed : int
        Of all that is random: with it the page is the same each time, but for the line that says
        when it was made.
    command : str
        What makes the page again; by default the call.
    made : datetime.datetime, optional
        When; by default now.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a file cannot be read, there is no such coordinate or position, positions are paired of
        which no file has one, or an argument is out of range.

    Examples
    --------
    >>> from artiphys.simulation import simulate_responses
    >>> recording = simulate_responses(n_units=20, n_images=20, rng=0).responses
    >>> page = report({"simulated": recording}, simulations=0)
    >>> page.startswith("<!DOCTYPE html>"), "https://doi.org" in page
    (True, True)
    """
    faults = Faults()
    faults.of(whole_number, simulations, "simulations", 0)
    if jobs is not None:
        faults.of(whole_number, jobs, "jobs", 1)
    faults.of(whole_number, seed, "seed", 0)
    faults.of(share, level, "level")
    faults.refuse()
    if isinstance(responses, str | Path):
        responses = [responses]
    inputs = inputs_of(responses, reference=reference)
    check_positions(inputs, positions)
    asked: dict[str, Any] = {"by": by, "covariates": covariates, "level": level}
    with bars(progress):
        chapters = [
            _chapter(
                each,
                f"file-{number}",
                resample=resample,
                simulations=simulations,
                seed=seed,
                jobs=jobs,
                **asked,
            )
            for number, each in enumerate(tracked(inputs, unit="file"))
        ]
        comparisons = comparisons_of(
            inputs, by=by, positions=positions, resample=resample, level=level, seed=seed
        )
    arguments = {
        "by": by,
        "reference": reference,
        "resample": resample,
        "covariates": [covariates] if isinstance(covariates, str) else list(covariates),
        "positions": None if positions is None else {str(k): v for k, v in positions.items()},
        "simulations": simulations,
        "level": level,
        "seed": seed,
    }
    return rendered(
        Page(
            chapters=chapters,
            comparisons=comparisons,
            simulations=simulations,
            level=level,
            command=command or _call(responses, arguments),
            record=provenance(
                "artiphys_report.report",
                arguments=arguments,
                inputs=[
                    {"name": each.name, "sha256": each.sha256, "sha256_of": each.sha256_of}
                    for each in inputs
                ],
                packages=PACKAGES,
            ),
            made=(made or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        )
    )


def _chapter(
    given: Input,
    anchor: str,
    *,
    by: str,
    covariates: Any,
    resample: Any,
    level: float,
    simulations: int,
    seed: int,
    jobs: int | None,
) -> Chapter:
    how = {"by": by, "covariates": covariates}
    if resample is not None and given.has_trials:
        how["resample"] = resample
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = signature(
                given.responses, reference=given.reference, level=level, rng=seed, **how
            )
            table = unit_table(given.responses, by=by, reference=given.reference)
        except InputError as error:
            msg = f"{given.name}: {error}"
            raise InputError(msg) from error
        shown = units_shown(given.responses, result)
        shown.attrs["units"] = f"({given.responses.attrs.get('units', 'a.u.')})²"
        calibration = calibrated(
            given.responses,
            n=simulations,
            reference=given.reference,
            seed=seed,
            jobs=jobs,
            **how,
        )
    findings = findings_of(given, result, shown, calibration, key=anchor, seed=seed, level=level)
    texts = [
        text for one in findings for text in (*one.words, *(value for _, value in one.numbers))
    ]
    told = [str(each.message) for each in caught if issubclass(each.category, ArtiphysWarning)]
    return Chapter(
        given,
        anchor,
        data_of(given, by=by),
        reference_named(result),
        findings,
        calibration,
        table_of(table),
        f"units-{_file_name(given.name)}.csv",
        _scope(given, result),
        [sentence(text) for text in dict.fromkeys(told)],
        footnote(texts),
    )


def _scope(given: Input, result: xr.Dataset) -> str:
    if not given.has_trials:
        return "responses as they are"
    return "these images" if "spearman_attenuated" in result else "images at large"


def _file_name(name: str) -> str:
    """Return a name that any file system takes, without the suffix of responses."""
    stem = name.removesuffix(".nc").removesuffix(".zarr")
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip("-.") or "responses"


def _call(responses: Any, arguments: dict[str, Any]) -> str:
    """Return the call that makes the page again, its arrays by their names."""
    if isinstance(responses, Mapping):
        first = f"{{{', '.join(f'{name!r}: ...' for name in responses)}}}"
    else:
        first = repr([str(path) for path in responses])
    known = {name: value for name, value in arguments.items() if value not in (None, [])}
    given = "".join(f", {name}={value!r}" for name, value in known.items())
    return f"artiphys_report.report({first}{given})"
