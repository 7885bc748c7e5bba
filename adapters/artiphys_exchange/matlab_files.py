"""Counts in MATLAB files: v4 to v7, and v7.3, which is HDF5."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import real_number, real_numbers
from artiphys.errors import InputError, listed, to_install
from artiphys.responses.columns import columns, from_columns
from artiphys.responses.provenance import digest_file

try:
    import pymatreader
except ImportError as error:
    msg = f"{error.name} is needed to read MATLAB files: {to_install('matlab')}"
    raise ImportError(msg, name=error.name) from error

__all__ = ["read_mat"]


def read_mat(
    path: str | Path,
    *,
    reference: Any,
    area: str,
    counts: str = "counts",
    image: str = "image",
    position: str = "position",
    unit: str | None = None,
    window: str | tuple[float, float] | None = None,
    units: str | None = None,
    x: str | None = None,
    y: str | None = None,
    displacement_units: str = "deg",
    source: str | None = None,
    unit_coords: Mapping[str, str] | None = None,
) -> xr.DataArray:
    """Return the responses in a MATLAB file, of any version.

    Parameters
    ----------
    path : str or Path
    reference : str or number
        The reference position.
    area : str
        Variable with the area of each unit (a cell array), or the text for all units.
    counts : str
        Variable with what was measured, units × presentations, or the other way round where only
        that fits; NaN means not measured. Here and below, a dot leads into a struct:
        ``"session.counts"``.
    image, position : str
        Variables with what was shown, and where, for each presentation: numbers, or a cell array of
        text. Whole numbers are named without their point, ``3`` and not ``3.0``.
    unit : str, optional
        Variable with the name of each unit; by default they are numbered from 0, after the file.
    window : str or (float, float), optional
        Variable with start and stop of the counting, or these, in s: counts become spikes/s.
    units : {"spikes/s", "spikes", "a.u."}, optional
        Of what was measured, without a window; by default spikes.
    x, y : str, optional
        Variables with the displacement of each presentation from the reference position.
    displacement_units : {"px", "deg"}
        Of `x` and `y`.
    source : str, optional
        Name of the session; by default that of the file.
    unit_coords : mapping from str to str, optional
        Further coordinates along ``unit``, by the names of their variables.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Without ``trial`` if no cell has a second presentation.

    Raises
    ------
    InputError
        If the file cannot be read, a variable is missing, is of a class that only MATLAB reads
        (string, categorical, table), is not as long as the others, or has gaps.
    SchemaError
        If the result would not be valid.

    Examples
    --------
    >>> import scipy.io, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "monkey.mat"
    >>> session = {"counts": [[3, 1, 4]], "image": [7, 8, 7], "position": [0, 0, 0]}
    >>> scipy.io.savemat(path, session)
    >>> responses = read_mat(path, reference=0, area="V4")
    >>> responses.sel(unit="monkey/0", image="7", position=0).values.tolist()
    [3.0, 4.0]
    """
    path = Path(path)
    further = {name: name_in_file for name, name_in_file in (("x", x), ("y", y)) if name_in_file}
    along_units = {"unit": unit, **(unit_coords or {})} if unit else dict(unit_coords or {})
    asked = (counts, image, position, area, *further.values(), *along_units.values())
    file = _File(path, [*asked, window] if isinstance(window, str) else asked)
    shown = {"image": file.entries(image), "position": file.entries(position)}
    shown |= {name: file.entries(variable) for name, variable in further.items()}
    values = _oriented(file.variable(counts), len(shown["image"]), f"{path}: {counts}")
    n_unit, n_shown = values.shape
    session = source or path.stem
    named: dict[str, list[Any]] = {"unit": [f"{session}/{i}" for i in range(n_unit)]}
    named |= {name: file.entries(variable) for name, variable in along_units.items()}
    if area in file:
        named["area"] = file.entries(area)
    if window is not None:
        start, stop = _bounds(file.variable(window) if isinstance(window, str) else window)
        values = values / (stop - start)
    return from_columns(
        values,
        columns(shown, n_shown, f"presentation of {counts}"),
        columns(named, n_unit, f"unit of {counts}"),
        unit="unit",
        image="image",
        position="position",
        reference=reference,
        units=units or ("spikes" if window is None else "spikes/s"),
        area=None if "area" in named else area,
        source=session,
        displacement_units=displacement_units,
        attrs={},
        maker="artiphys_exchange.read_mat",
        packages=("pymatreader",),
        inputs=[{"name": path.name, "sha256": digest_file(path)}],
        variables={"counts": counts, "image": image, "position": position, "window": window},
    )


class _File:
    """The variables of a file that were asked for, by their names, with dots into structs.

    Raises
    ------
    InputError
        If it cannot be read.
    """

    def __init__(self, path: Path, asked: Iterable[str]) -> None:
        self.path = path
        if not path.is_file():
            msg = f"{path}: no such file"
            raise InputError(msg)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of classes that it cannot read: told below
                self._held = pymatreader.read_mat(path, {name.split(".")[0] for name in asked})
                self._names = [name for name, *_ in pymatreader.whosmat(path)]
        except Exception as error:  # scipy, h5py and pymatreader each have theirs
            why = " ".join(str(error).split())
            msg = f"{path}: cannot be read as a MATLAB file: {why}; save it anew, as -v7 or -v7.3"
            raise InputError(msg) from error

    def __contains__(self, name: str) -> bool:
        inside: Any = self._held
        for part in name.split("."):
            if not isinstance(inside, Mapping) or part not in inside:
                return False
            inside = inside[part]
        return True

    def variable(self, name: str) -> Any:
        """Return a variable that holds numbers or text."""
        if name not in self:
            first = name.split(".")[0]
            fields = [f"{first}.{field}" for field in self._fields(first)]
            held = listed(fields or self._names, most=12)
            msg = f"{self.path}: there is no variable {name!r}; there are {held}"
            raise InputError(msg)
        inside: Any = self._held
        for part in name.split("."):
            inside = inside[part]
        if inside is None or isinstance(inside, Mapping):
            struct = "a struct; name its field after a dot"
            opaque = "of a class that only MATLAB reads; in MATLAB make a string a cellstr"
            msg = f"{self.path}: {name!r} is {struct if inside else opaque}"
            raise InputError(msg)
        return inside

    def entries(self, name: str) -> list[Any]:
        """Return a variable as a list of text or numbers, whole ones as int."""
        found = self.variable(name)
        held = [found] if isinstance(found, str) else np.atleast_1d(found).tolist()
        if any(isinstance(entry, list | Mapping) for entry in held):
            msg = f"{self.path}: {name!r} must be a row or a column of numbers or of text"
            raise InputError(msg)
        return [_plain(entry) for entry in held]

    def _fields(self, name: str) -> list[str]:
        struct = self._held.get(name)
        return list(struct) if isinstance(struct, Mapping) else []


def _plain(entry: Any) -> Any:
    """Return an entry as MATLAB shows it: 3.0 as 3, text without the blanks it is padded with."""
    if isinstance(entry, str):
        return entry.rstrip()
    return int(entry) if isinstance(entry, float) and entry.is_integer() else entry


def _oriented(given: Any, n_shown: int, what: str) -> np.ndarray:
    """Return units × presentations."""
    given = given.toarray() if hasattr(given, "toarray") else given
    values = np.atleast_2d(real_numbers(given, what))
    if values.ndim != 2 or n_shown not in values.shape:
        shape = " × ".join(map(str, values.shape))
        msg = f"{what} must be units × {n_shown} presentations, one for each image; got {shape}"
        raise InputError(msg)
    return values if values.shape[1] == n_shown else np.ascontiguousarray(values.T)


def _bounds(window: Any) -> tuple[float, float]:
    bounds = real_numbers(window, "window").ravel().tolist()
    if len(bounds) != 2:
        msg = f"window must be a start and a stop in s; got {bounds}"
        raise InputError(msg)
    start = real_number(bounds[0], "the start of window")
    return start, real_number(bounds[1], "the stop of window", least=start, above=True)
