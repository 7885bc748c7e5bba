"""A signature in words."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from artiphys.errors import InputError, counted, listed
from artiphys.signatures import left_out
from artiphys.signatures.printed import (
    BEYOND_BOUNDS,
    correlation_text,
    is_marked,
    number_text,
    p_text,
    p_words,
)
from artiphys.signatures.shortfalls import MIN_SESSIONS, why_no_estimate
from artiphys.signatures.told_cautions import told_cautions

__all__ = ["LEFT_OUT", "paragraphs", "reference_named", "summary", "verdict"]

ALPHA = 0.05
LEFT_OUT = left_out.LEFT_OUT | {
    "n_without_repeats": f"of {left_out.LEFT_OUT['n_without_repeats']}",
    "n_undefined": "undefined ({undefined})",
    "n_without_covariate": "without {covariates}",
}


def verdict(result: xr.Dataset) -> str:
    """Return what a signature or a comparison found, a paragraph for each group and position.

    Of a signature each says whether invariance goes with dynamic range, with what held constant, in
    how many units, with what interval, what the naive test would have said, and how many units were
    left out and why. A relation is said to be found where the false discovery rate over all groups
    and positions is below 0.05; the p-value and the interval are of one test by itself. Of a
    comparison each says whether layer and area differ, by how much, and what they
    would have seemed to do as measured. Cautions that several paragraphs share follow them, once;
    then the reference position. A correlation beyond ±1, which the correction for noise can give,
    is told as a bound; `result` has the number.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.signature` or :func:`artiphys.compare`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If `result` is neither.

    Examples
    --------
    >>> from artiphys.signatures.signature import signature
    >>> from artiphys.simulation import simulate_responses
    >>> responses, truth = simulate_responses(relation="none", n_units=40, rng=0)
    >>> print(verdict(signature(responses)).splitlines()[0])
    simulated, position 1: no relation was found (p = 0.236, false discovery rate 0.236).
    """
    texts = paragraphs(result)
    return "\n\n".join([*texts, BEYOND_BOUNDS] if any(map(is_marked, texts)) else texts)


def paragraphs(result: xr.Dataset) -> list[str]:
    """Return the paragraphs of :func:`verdict`, less the last, of what a mark means."""
    if "difference" in result:
        return [*_of_comparison(result), reference_named(result)]
    missing = {"spearman", "interval", "p_value", "q_value", "n_units"} - set(result)
    if missing:
        msg = (
            "result must come from artiphys.signature or artiphys.compare; it lacks "
            f"{sorted(missing)}"
        )
        raise InputError(msg)
    n_tests = int(result["p_value"].notnull().sum())
    cells = _cells(result)
    own, shared = told_cautions({where: _caution(cell) for where, cell in cells.items()})
    texts = [_paragraph(cell, where, n_tests, own[where]) for where, cell in cells.items()]
    return [*texts, *shared, reference_named(result)]


def summary(result: xr.Dataset) -> list[str]:
    """Return the paragraphs for more cells than anybody reads: how many say what, and cautions."""
    told = ", ".join(f"{what} in {n}" for what, n in _counts(result).items() if n)
    rate = f"(false discovery rate {ALPHA:g})"
    if "difference" in result:
        n = counted(result["difference"].size, "cell")
        head = f"Of {n} of layer, area and position {rate}: {told}."
        return [head, reference_named(result)]
    cells = _cells(result)
    own, shared = told_cautions({where: _caution(cell) for where, cell in cells.items()})
    alone = [f"Caution, {where}: {text}." for where, texts in own.items() for text in texts]
    head = f"Of {counted(len(cells), 'cell')} of {_by(result)} and position {rate}: {told}."
    return [head, *shared, *alone, reference_named(result)]


def _counts(result: xr.Dataset) -> dict[str, int]:
    """Return how many cells say what, in the words of their verdicts."""
    n_found = int((result["q_value"] < ALPHA).sum())
    n_unsaid = int(result["p_value"].isnull().sum())
    n_not = result["p_value"].size - n_unsaid - n_found
    if "difference" in result:
        return {
            "they differ": n_found,
            "they do not measurably differ": n_not,
            "nothing can be said": n_unsaid,
        }
    signs = [_sign(cell) for cell in _cells(result).values() if float(cell["q_value"]) < ALPHA]
    return {
        "units of wider dynamic range are more invariant": signs.count("more"),
        "they are less invariant": signs.count("less"),
        "no relation was found": n_not,
        "nothing can be said": n_unsaid,
    }


def _cells(result: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return the cells of a signature under their names."""
    by = _by(result)
    return {
        f"{_in_line(group)}, position {_in_line(position)}": result.sel(
            {by: group, "position": position}
        )
        for group in result[by].values.tolist()
        for position in result["position"].values.tolist()
    }


def _in_line(label: object) -> str:
    """Return a label as it may stand in a sentence, without line breaks."""
    return " ".join(str(label).split())


def _by(result: xr.Dataset) -> str:
    return next(str(dim) for dim in result["spearman"].dims if dim != "position")


def _caution(cell: xr.Dataset) -> str:
    return str(cell["caution"].item()) if "caution" in cell else ""


def reference_named(result: xr.Dataset) -> str:
    """Return one line that names the reference position, or those of a network and a recording."""
    attrs = result.attrs
    if "difference" in result:
        model, brain = attrs.get("reference_model", "-"), attrs.get("reference_brain", "-")
        return f"Reference positions: {model} of the network, {brain} of the recording."
    if attrs.get("reference") == "best":
        return "Reference position: each unit's own best, chosen on trials of its own."
    return f"Reference position: {attrs.get('reference', '-')}."


def _paragraph(cell: xr.Dataset, where: str, n_tests: int, cautions: Sequence[str]) -> str:
    lines = [f"{where}: {_found(cell, n_tests)}", _estimate(cell), _naive(cell), _left_out(cell)]
    lines += [f"Caution: {text}." for text in cautions]
    return "\n".join(line for line in lines if line)


def _found(cell: xr.Dataset, n_tests: int) -> str:
    if np.isnan(cell["p_value"]):
        return f"nothing can be said; {_why_not(cell)}."
    covariates = listed(_covariates(cell), last="and")
    held = f"with {covariates} held constant, " if covariates else ""
    if cell["q_value"] < ALPHA:
        found = f"units of wider dynamic range are {_sign(cell)} invariant"
    else:
        found = "no relation was found"
    return f"{held}{found}{_p_and_q(cell, n_tests)}."


def _p_and_q(cell: xr.Dataset, n_tests: int) -> str:
    """Return both; where they disagree, that the p-value is of one test among several."""
    p, q = float(cell["p_value"]), float(cell["q_value"])
    alone = _holds_alone(cell)
    among = f", allowing for {counted(n_tests, 'test')}" if alone else ""
    by_itself = " by itself" if alone else ""
    return f"{among} ({p_words(p)}{by_itself}, false discovery rate {p_text(q)})"


def _holds_alone(cell: xr.Dataset) -> bool:
    return float(cell["p_value"]) < ALPHA <= float(cell["q_value"])


def _why_not(cell: xr.Dataset) -> str:
    needed = cell.attrs.get("min_units", 0)
    return why_no_estimate(
        int(cell["n_units"]),
        needed,
        _n_sessions(cell),
        _covariates(cell),
        n_effective=float(cell["n_effective"]) if "n_effective" in cell else None,
        n_sharing=int(cell["n_sharing_tuning"]) if "n_sharing_tuning" in cell else None,
    )


def _estimate(cell: xr.Dataset) -> str:
    n, r = int(cell["n_units"]), float(cell["spearman"])
    if np.isfinite(r):
        found = f"Spearman's r_s is {correlation_text(r)}, {_interval(cell)}"
        return f"{found}, in {_of_all(cell)}."
    if np.isfinite(cell["interval"].values).all():
        return f"What {_of_all(cell)} say leaves r_s open: {_interval(cell)}."
    if np.isfinite(float(cell["p_value"])):
        return f"The {_units(n)} do not measurably differ, so that r_s has no estimate."
    return ""


def _of_all(cell: xr.Dataset) -> str:
    """Return ``23 of 58 units``, or ``58 units`` if they are all."""
    n = int(cell["n_units"])
    n_all = n + sum(int(cell[name]) for name in LEFT_OUT if name in cell)
    return _units(n) if n == n_all else f"{n} of {_units(n_all)}"


def _interval(cell: xr.Dataset, *, limit: int = 1) -> str:
    lower, upper = cell["interval"].values
    if np.isfinite(lower):
        level = f"{100 * cell.attrs.get('level', 0.95):g} %"
        alone = " of this test by itself" if _holds_alone(cell) else ""
        return f"{level} interval{alone} {_span(lower, upper, limit)}"
    n_sessions = _n_sessions(cell)
    if n_sessions is not None and n_sessions < MIN_SESSIONS:
        return (
            f"without an interval, which takes {MIN_SESSIONS} sessions, of which there "
            f"{'is' if n_sessions == 1 else 'are'} {n_sessions}"
        )
    return "without an interval"


def _span(lower: float, upper: float, limit: int) -> str:
    return " to ".join(correlation_text(float(end), limit=limit) for end in (lower, upper))


def _naive(cell: xr.Dataset) -> str:
    if "spearman_naive" not in cell or not np.isfinite(cell["spearman_naive"]):
        return ""
    naive, p = float(cell["spearman_naive"]), float(cell["p_value_naive"])
    freely = ", with nothing held constant," if _covariates(cell) else ""
    return f"The responses as measured{freely} would have said {number_text(naive)} ({p_words(p)})."


def _left_out(cell: xr.Dataset) -> str:
    words = {
        "covariates": listed(_covariates(cell), last="or"),
        "undefined": cell.attrs.get("undefined", "too little to tell"),
    }
    counts = {name: int(cell[name]) for name in LEFT_OUT if name in cell}
    told = [f"{n} {LEFT_OUT[name].format(**words)}" for name, n in counts.items() if n]
    return f"Left out: {', '.join(told)}." if told else ""


def _covariates(cell: xr.Dataset) -> list[str]:
    names = cell.attrs.get("covariates", "")
    return names.split(", ") if names else []


def _n_sessions(cell: xr.Dataset) -> int | None:
    """Return the number of sessions, where they are resampled."""
    return int(cell["n_sessions"]) if "n_sessions" in cell else None


def _of_comparison(result: xr.Dataset) -> list[str]:
    n_tests = int(result["p_value"].notnull().sum())
    return [
        _pair(result.sel(layer=layer, area=area, position=position), n_tests)
        for layer in result["layer"].values.tolist()
        for area in result["area"].values.tolist()
        for position in result["position"].values.tolist()
    ]


def _pair(cell: xr.Dataset, n_tests: int) -> str:
    layer, area, position = (cell[name].item() for name in ("layer", "area", "position"))
    where = f"{layer} and {area}, position {position}"
    n_model, n_brain = (_units(int(cell[f"n_units_{side}"])) for side in ("model", "brain"))
    if np.isnan(cell["p_value"]):
        lines = [f"{where}: nothing can be said; {n_model} and {n_brain} were measured well enough"]
        lines[0] += ", or they do not measurably differ."
    else:
        model, brain = (
            correlation_text(float(cell[f"spearman_{side}"])) for side in ("model", "brain")
        )
        difference = correlation_text(float(cell["difference"]), limit=2)
        verb = "differ" if cell["q_value"] < ALPHA else "do not measurably differ"
        lines = [
            f"{where}: they {verb}{_p_and_q(cell, n_tests)}.",
            f"Spearman's r_s is {model} in {n_model} of {layer} and {brain} in "
            f"{n_brain} of {area}: a difference of {difference}, {_interval(cell, limit=2)}.",
        ]
    if "difference_naive" in cell and np.isfinite(cell["difference_naive"]):
        naive, p_naive = float(cell["difference_naive"]), float(cell["p_value_naive"])
        would = f"As measured the difference would have been {number_text(naive)}"
        lines.append(f"{would} ({p_words(p_naive)}).")
    return "\n".join(lines)


def _sign(cell: xr.Dataset) -> str:
    r = float(cell["spearman"])
    return "more" if (r if np.isfinite(r) else _attenuated(cell)) > 0 else "less"


def _attenuated(cell: xr.Dataset) -> float:
    return float(cell["spearman_attenuated"]) if "spearman_attenuated" in cell else np.nan


def _units(n: int) -> str:
    return counted(n, "unit")
