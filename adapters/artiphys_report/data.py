"""What the data are, and what was left out of them before: from the array and its provenance."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.errors import counted
from artiphys.signatures.groups import has_group
from artiphys_report.inputs import Input

__all__ = ["Data", "data_of", "is_network"]

MADE_FROM_NETWORKS = "artiphys_torch.probe"
NOT_SAID = "the file does not say"


class Data(NamedTuple):
    """Facts about responses, as a page shows them."""

    kind: str
    facts: list[tuple[str, str]]
    areas: list[tuple[str, int, int]]  # name, units, sessions
    displacements: list[str]  # those of x, y and shift that are known
    positions: list[tuple[str, list[str], int]]  # label, displacements, units measured there
    positions_note: str
    dropped: list[tuple[int, str, str, str]]  # count, what, why, where
    dropped_note: str
    summary: list[str]  # what the reader of the recording said
    maker: str
    call: str
    inputs: list[tuple[str, str, str]]  # name, digest, of what
    versions: list[tuple[str, str]]


def data_of(given: Input, *, by: str) -> Data:
    """Return what is known of responses.

    Parameters
    ----------
    given : Input
    by : str
        Coordinate along ``unit`` whose values are the groups.
    """
    responses = given.responses
    history = _history(responses)
    dropped, dropped_note = _dropped(history)
    known = [
        name
        for name in ("x", "y", "shift")
        if name in responses.coords and bool(responses[name].notnull().any())
    ]
    return Data(
        kind=_kind(given),
        facts=_facts(responses, given.reference, by, history),
        areas=_areas(responses, by),
        displacements=known,
        positions=_positions(responses, known),
        positions_note=_positions_note(responses, known),
        dropped=dropped,
        dropped_note=dropped_note,
        summary=[str(line) for line in _list(history, "summary")],
        maker=str(history.get("maker", "")),
        call=_call(history),
        inputs=[
            (
                str(each.get("name", "")),
                str(each.get("sha256", "")),
                str(each.get("sha256_of", "its content")),
            )
            for each in _records(history, "inputs")
        ],
        versions=[(str(n), str(v)) for n, v in _mapping(history, "versions").items() if v],
    )


def _history(responses: xr.DataArray) -> Mapping[str, Any]:
    """Return the provenance; nothing where it is not the JSON that the schema asks for."""
    try:
        history = json.loads(responses.attrs.get("provenance", ""))
    except ValueError:
        return {}
    return history if isinstance(history, dict) else {}


def _mapping(history: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = history.get(name)
    return value if isinstance(value, dict) else {}


def _list(history: Mapping[str, Any], name: str) -> list[Any]:
    value = history.get(name)
    return value if isinstance(value, list) else []


def _records(history: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [each for each in _list(history, name) if isinstance(each, dict)]


def is_network(given: Input) -> bool:
    """Say whether the responses are known to be a network's, which have no noise."""
    return not given.has_trials and _history(given.responses).get("maker") == MADE_FROM_NETWORKS


def _kind(given: Input) -> str:
    if given.has_trials:
        return "A recording with single trials."
    if is_network(given):
        return "A network, whose responses have no noise."
    return "Responses without single trials: of a network, or averages whose noise is not known."


def _facts(
    responses: xr.DataArray, reference: Any, by: str, history: Mapping[str, Any]
) -> list[tuple[str, str]]:
    sizes = responses.sizes
    n_without = int((~has_group(responses, by)).sum()) if by in responses.coords else 0
    units = str(sizes["unit"])
    if n_without:
        units += f", {n_without} of them without {by!r} and in no group"
    facts = [
        ("Units", units),
        ("From", _sources(responses)),
        ("Images", f"{sizes['image']}"),
        ("Positions", f"{sizes['position']}, the reference {reference} among them"),
        ("Responses in", str(responses.attrs.get("units", NOT_SAID))),
    ]
    if "trial" in responses.dims:
        facts += [("Repeats", _repeats(responses)), ("Counting window", _window(history))]
    facts.append(("Not measured", _missing(responses)))
    source = history.get("source")
    return [*facts, ("Source", source)] if isinstance(source, str) else facts


def _sources(responses: xr.DataArray) -> str:
    names, n_units = np.unique(responses["source"].values.astype(str), return_counts=True)
    if len(names) == 1:
        return str(names[0])
    low, high = n_units.min(), n_units.max()
    kind = "sessions" if "trial" in responses.dims else "sources"
    return f"{len(names)} {kind}, of {low} to {high} units each"


def _repeats(responses: xr.DataArray) -> str:
    n = responses.notnull().sum("trial").values
    shown = n[n > 0]
    if not shown.size:
        return "none"
    low, high = int(shown.min()), int(shown.max())
    if low == high:
        return f"{counted(low, 'trial')} of each image at each position"
    return f"{np.median(shown):g} trials of an image at a position (median; {low} to {high})"


def _missing(responses: xr.DataArray) -> str:
    known = responses.notnull()
    cells = known.any("trial") if "trial" in known.dims else known
    n_missing, n_all = int((~cells).sum()), cells.size
    silent = int((~cells.any(("image", "position"))).sum())
    if not n_missing:
        return "nothing: every unit has every image at every position"
    text = f"{n_missing} of {n_all} cells (unit, image and position)"
    return f"{text}; {counted(silent, 'unit')} not at all" if silent else text


def _window(history: Mapping[str, Any]) -> str:
    """Return when spikes were counted; a reader may have a window for each session."""
    window = _mapping(history, "arguments").get("window")
    if isinstance(window, int | float):
        return f"{1000 * window:g} ms"
    windows = window if isinstance(window, dict) else {"": window}
    texts = [
        f"{1000 * edges[0]:g} to {1000 * edges[1]:g} ms after onset" + (f" ({n})" if n else "")
        for n, edges in windows.items()
        if isinstance(edges, list) and [isinstance(e, int | float) for e in edges] == [True, True]
    ]
    return "; ".join(texts) or NOT_SAID


def _areas(responses: xr.DataArray, by: str) -> list[tuple[str, int, int]]:
    values = responses[by].values
    known = has_group(responses, by)
    return [
        (
            str(group),
            int((values == group).sum()),
            len(set(responses["source"].values[values == group].tolist())),
        )
        for group in dict.fromkeys(values[known].tolist())
    ]


def _positions(responses: xr.DataArray, known: list[str]) -> list[tuple[str, list[str], int]]:
    others = [dim for dim in responses.dims if dim not in ("unit", "position")]
    n_units = responses.notnull().any(others).sum("unit").values.tolist()
    return [
        (str(label), [_number(responses[name].values[at]) for name in known], n_units[at])
        for at, label in enumerate(responses["position"].values.tolist())
    ]


def _positions_note(responses: xr.DataArray, known: list[str]) -> str:
    if not known:
        return "How far the positions are from each other the file does not say."
    units = responses["x"].attrs.get("units", "")
    told = []
    if {"x", "y"} & set(known):
        told.append(f"displacements from the reference{f' in {units}' if units else ''}")
    if "shift" in known:
        told.append("shifts as shares of the receptive field")
    return f"Positions: {'; '.join(told)}; blank where not known."


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"


def _dropped(history: Mapping[str, Any]) -> tuple[list[tuple[int, str, str, str]], str]:
    if "dropped" not in history:
        return [], "The file does not say what was left out of it, or whether anything was."
    known = {"what", "reason", "count"}
    records = [
        (
            int(each["count"]) if isinstance(each.get("count"), int) else 0,
            str(each.get("what", "")),
            str(each.get("reason", "")),
            ", ".join(f"{name} {value}" for name, value in each.items() if name not in known),
        )
        for each in _records(history, "dropped")
    ]
    return records, "" if records else "Nothing was left out when the responses were made."


def _call(history: Mapping[str, Any]) -> str:
    """Return the call that made the responses, as far as its arguments were kept."""
    maker = history.get("maker")
    if not isinstance(maker, str):
        return ""
    given = _mapping(history, "arguments")
    arguments = [f"    {n}={_without_none(v)!r}," for n, v in given.items() if v is not None]
    return "\n".join([f"{maker}(", *arguments, ")"]) if arguments else f"{maker}()"


def _without_none(value: Any) -> Any:
    """Return a value without what was left to its default."""
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return value
