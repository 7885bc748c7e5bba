"""What a report is of: files of responses, or arrays by name; each with its digest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from artiphys.errors import InputError
from artiphys.responses.provenance import digest_array, digest_file
from artiphys.responses.schema import reference_label, require, validate
from artiphys.responses.storage import open_responses
from artiphys_report.labels import position_in

__all__ = ["Input", "inputs_of"]


class Input(NamedTuple):
    """Responses and where they are from."""

    name: str
    responses: xr.DataArray  # in memory
    reference: Any  # label of the reference position
    sha256: str
    sha256_of: str

    @property
    def has_trials(self) -> bool:
        """Whether there are single trials, from which noise is known."""
        return "trial" in self.responses.dims


def inputs_of(given: Any, *, reference: Any = None) -> list[Input]:
    """Return what was given, opened and checked.

    Parameters
    ----------
    given : sequence of paths, or mapping from name to xarray.DataArray
    reference : str or number, optional
        Label of the reference position; each file's own by default.

    Raises
    ------
    InputError
        If there is nothing, the same file twice, what cannot be read or reported, or no such
        reference position.
    """
    if isinstance(given, Mapping):
        found = [_of_array(str(name), responses) for name, responses in given.items()]
    else:
        found = _of_files(list(given))
    if not found:
        msg = "a report needs responses: one file or array at least; got none"
        raise InputError(msg)
    return [_with_reference(each, reference) for each in found]


def _of_files(paths: Sequence[str | Path]) -> list[Input]:
    for path, count in Counter(Path(path).absolute() for path in paths).items():
        if count > 1:
            msg = f"{path} is given {count} times; give each FILE once"
            raise InputError(msg)
    names = [Path(path).name for path in paths]
    repeated = {name for name, count in Counter(names).items() if count > 1}
    return [
        _of_file(Path(path), str(path) if name in repeated else name)
        for path, name in zip(paths, names, strict=True)
    ]


def _of_file(path: Path, name: str) -> Input:
    responses = open_responses(path)
    if path.is_dir():  # Zarr, whose files may be laid out in many ways
        return Input(name, responses, None, digest_array(responses.values), "the responses")
    return Input(name, responses, None, digest_file(path), "the file")


def _of_array(name: str, responses: xr.DataArray) -> Input:
    try:
        responses = validate(require(responses).compute())
    except InputError as error:
        msg = f"{name}: {error}"
        raise type(error)(msg) from error
    return Input(name, responses, None, digest_array(responses.values), "the responses")


def _with_reference(given: Input, asked: Any) -> Input:
    labels = given.responses["position"].values.tolist()
    if len(labels) < 2:
        msg = (
            f"{given.name}: 'position' must have at least 2 labels to measure invariance; got "
            f"{len(labels)}"
        )
        raise InputError(msg)
    if asked is not None:
        return given._replace(reference=position_in(labels, asked, whose=given.name))
    return given._replace(reference=reference_label(given.responses, None))
