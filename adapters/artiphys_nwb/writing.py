"""Spike trains and presentations into an NWB file, written whole.

pynwb makes the file, from whole columns at once: a row at a time it takes minutes for a session.
Columns have checksums (HDF5's own, Fletcher's), and so have the headers, in the format of HDF5 1.8:
whoever reads the file is told when a bit of it has changed. Only the letters of texts have none.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from artiphys.arguments import Faults, real_number, real_numbers
from artiphys.atomic_files import with_suffix, written_whole
from artiphys.errors import InputError
from artiphys_nwb.layout import Layout

if TYPE_CHECKING:
    import pynwb

__all__ = ["write_nwb"]

SHOWN = {
    "start_time": "onset of the image, in seconds",
    "stop_time": "end of the image, in seconds",
    "image": "which image was shown",
    "position": "where it was shown, as a label",
    "x_deg": "where it was shown, in degrees to the right",
    "y_deg": "where it was shown, in degrees upwards",
    "x_px": "where it was shown, in pixels to the right",
    "y_px": "where it was shown, in pixels upwards",
}
# Columns that are there anyway, so that nobody's own can have these names.
OF_UNITS = ("id", "spike_times", "electrodes", "obs_intervals")
UNKNOWN = "unknown"
WITH_CHECKSUMS = ("v108", "v108")  # the oldest format of HDF5 whose headers have them
CHUNK = 2**17  # values
# What archives want to be told of a subject, where it is not known: an age of 0 days or more.
OF_UNKNOWN_SUBJECT = {"subject_id": UNKNOWN, "sex": "U", "age": "P0D/"}


def write_nwb(
    path: str | Path,
    spike_times: Sequence[Any],
    *,
    image: Sequence[Any],
    start: Any,
    stop: Any,
    position: Sequence[Any] | None = None,
    displacement: Any = None,
    displacement_units: str = "deg",
    unit: Sequence[int] | None = None,
    area: str | Sequence[str] = UNKNOWN,
    electrode: Sequence[int] | None = None,
    unit_columns: Mapping[str, Sequence[Any]] | None = None,
    presentation_columns: Mapping[str, Sequence[Any]] | None = None,
    session_start_time: datetime.datetime | None = None,
    identifier: str | None = None,
    session_id: str | None = None,
    session_description: str = "images at several positions, written by artiphys",
    subject: "str | Mapping[str, Any] | pynwb.file.Subject | None" = None,
    resolution: float | None = None,
    header: Mapping[str, Any] | None = None,
) -> Layout:
    """Write one session as an NWB file, and return the layout that reads it.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nwb``. An existing file is replaced, and stays as it was if the writing fails.
    spike_times : sequence of array_like, one for each unit
        In seconds from the beginning of the session, in any order; a silent unit has none.
    image : sequence of str or number, (presentation)
        Which image was shown. A missing one (NaN, empty text) is a blank.
    start, stop : array_like, (presentation)
        From when until when, in seconds on the clock of the spikes. Rows are written in the order
        of `start`.
    position : sequence of str or number (presentation), or of pairs (presentation, 2), optional
        Where it was shown: a label, or x and y in `displacement_units`. None if all images were
        at one place.
    displacement : array_like of pairs (presentation, 2), optional
        x and y too, where positions are labels.
    displacement_units : {"deg", "px"}
    unit : sequence of int, (unit), optional
        Ids of the units; by default 0, 1, ...
    area : str or sequence of str (unit)
        Where each unit was recorded.
    electrode : sequence of int, (unit), optional
        Id of each unit's electrode; units of one electrode are of one area. By default each unit
        has an electrode of its own.
    unit_columns, presentation_columns : mapping from name to sequence, optional
        Whatever else is known, as columns of numbers, truth values or text.
    session_start_time : datetime, optional
        Local time where it has no time zone; by default that of writing.
    identifier : str, optional
        Tells this recording from all others; by default a new UUID.
    session_id : str, optional
        What the laboratory calls the session; units are named ``session/id`` after it when read,
        and after the file without it.
    session_description : str
    subject : str, mapping or pynwb.file.Subject, optional
        The subject's id, or what :class:`pynwb.file.Subject` takes: ``subject_id``, ``species``,
        ``sex``, ``age`` and more. Id, sex and age that are not said are written as unknown.

    resolution : float, optional
        Smallest difference between two spike times, in seconds: 1/30000 for 30 kHz.
    header : mapping, optional
        What else :class:`pynwb.NWBFile` takes: ``experimenter``, ``institution``, ``lab``,
        ``keywords`` and more.

    Returns
    -------
    Layout
        With which :func:`read_nwb` reads the file.

    Raises
    ------
    InputError
        With all that does not go together: lengths, times that are no numbers, a stop before its
        start, units of one electrode in two areas. Nothing is written.

    Examples
    --------
    >>> layout = write_nwb(
    ...     "session.nwb", [[1.1, 1.2, 2.1], [1.15]], image=["face", "hand"], position=[0, 0],
    ...     start=[1.0, 2.0], stop=[1.2, 2.2], area="IT")  # doctest: +SKIP
    >>> responses = read_nwb("session.nwb", layout)  # doctest: +SKIP
    """
    path = with_suffix(Path(path), ".nwb")
    times = [_seconds(train, f"spike_times of unit {row}") for row, train in enumerate(spike_times)]
    units = _units(times, unit, area, electrode, dict(unit_columns or {}))
    faults = Faults()
    given = {"image": image, **_places(position, displacement, displacement_units, faults)}
    shown = _presentations(given, start, stop, dict(presentation_columns or {}), faults)
    if resolution is not None:
        real_number(resolution, "resolution", least=0, above=True)
    said = {
        "session_description": session_description,
        "identifier": identifier or str(uuid.uuid4()),
        "session_start_time": _with_zone(session_start_time),
        "session_id": session_id,
        "subject": subject,
    }
    with written_whole(path) as partial:
        _write(partial, dict(header or {}) | said, units, shown, resolution)
    return _layout(shown)


@dataclasses.dataclass(frozen=True)
class _Units:
    """The units as they are written; `at` is the row of the electrodes table of each."""

    times: list[np.ndarray]
    id: np.ndarray
    at: np.ndarray
    electrode: np.ndarray  # ids, one a row of the electrodes table
    location: list[str]
    columns: dict[str, np.ndarray]


def _seconds(given: Any, name: str) -> np.ndarray:
    times = real_numbers(given, name) if np.size(given) else np.empty(0)
    if times.ndim != 1 or not np.isfinite(times).all():
        what = "one row of finite numbers" if times.ndim != 1 else "finite numbers"
        msg = f"{name} must be {what}, in seconds; leave out what has no time"
        raise InputError(msg)
    return times


def _units(
    times: list[np.ndarray],
    unit: Any,
    area: str | Sequence[str],
    electrode: Any,
    columns: dict[str, Any],
) -> _Units:
    n_units, faults = len(times), Faults()
    if not n_units:
        faults.add("spike_times must have at least one unit; got none")
    ids = _whole(range(n_units) if unit is None else unit, "unit", n_units, faults)
    if len(set(ids.tolist())) < len(ids):
        faults.add("unit must have a different id for each unit; some repeat")
    areas = [area] * n_units if isinstance(area, str) else _plain(list(area)).tolist()
    areas = [str(name) or UNKNOWN for name in areas]
    _check_length(areas, "area", n_units, "unit", faults)
    electrodes = _whole(
        range(n_units) if electrode is None else electrode, "electrode", n_units, faults
    )
    plain = _columns(columns, OF_UNITS, n_units, "unit", faults)
    faults.refuse()
    known, first, at = np.unique(electrodes, return_index=True, return_inverse=True)
    torn = [
        f"{known[row]} in {areas[first[row]]} and {name}"
        for row, name in zip(at.tolist(), areas, strict=True)
        if name != areas[first[row]]
    ]
    if torn:
        msg = f"units of one electrode must be of one area; electrode {torn[0]}"
        raise InputError(msg)
    # Sorted, because readers search in spike times, and a list of them has no other order.
    trains = [np.sort(train) for train in times]
    return _Units(trains, ids, at, known, [areas[row] for row in first], plain)


def _presentations(
    given: dict, start: Any, stop: Any, further: dict, faults: Faults
) -> dict[str, np.ndarray]:
    """Return the columns of the table of presentations, in the order of their onsets."""
    starts, stops = _seconds(start, "start"), _seconds(stop, "stop")
    n_shown = len(starts)
    columns: dict[str, np.ndarray] = {"start_time": starts, "stop_time": stops}
    if not n_shown:
        faults.add("start must have at least one presentation; got none")
    _check_length(stops, "stop", n_shown, "presentation", faults)
    if len(stops) == n_shown and (stops < starts).any():
        row = int(np.flatnonzero(stops < starts)[0])
        faults.add(f"stop must not come before start; it does in presentation {row}")
    columns |= _columns(given, (), n_shown, "presentation", faults)
    taken = (*SHOWN, "id")
    columns |= _columns(further, taken, n_shown, "presentation", faults)
    faults.refuse()
    order = np.argsort(starts, kind="stable")
    return {name: values[order] for name, values in columns.items()}


def _places(
    position: Any, displacement: Any, displacement_units: str, faults: Faults
) -> dict[str, Any]:
    """Return the columns of positions: none, labels, x and y, or all three."""
    if displacement_units not in ("deg", "px"):
        faults.add(f"displacement_units must be 'deg' or 'px'; got {displacement_units!r}")
    position, displacement = _even(position, "position"), _even(displacement, "displacement")
    labels = {} if position is None or np.ndim(position) == 2 else {"position": position}
    pairs = position if displacement is None and not labels else displacement
    if displacement is not None and not labels:
        faults.add("displacement is that of labels; position must have them")
    values = np.empty((0, 2)) if pairs is None else np.asarray(pairs)
    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind not in "iuf":
        name = "position" if displacement is None else "displacement"
        faults.add(f"{name} must be labels, or pairs of numbers; got an array {values.shape}")
        return labels
    if labels and pairs is not None and len(values) == np.size(position):
        each = pd.DataFrame(values).groupby(np.asarray(position).astype(str)).nunique().max(axis=1)
        if (each > 1).any():
            name = each.index[each > 1][0]
            faults.add(f"position {name!r} has {each[name]} displacements; expected one of each")
    of_axes = {f"{axis}_{displacement_units}": values[:, i] for i, axis in enumerate("xy")}
    return labels if pairs is None else labels | of_axes


def _even(given: Any, name: str) -> Any:
    """Return what was given, which may be nothing; or raise InputError if its rows are uneven."""
    try:
        np.asarray(given)
    except ValueError as error:
        msg = f"{name} must have two numbers in each row, or one label; got uneven rows"
        raise InputError(msg) from error
    return given


def _columns(
    given: Mapping[str, Any], taken: Sequence[str], n_rows: int, each: str, faults: Faults
) -> dict[str, np.ndarray]:
    columns = {}
    for name, values in given.items():
        if name in taken or not name or "/" in name or name.endswith("_index"):
            faults.add(f"a column cannot be named {name!r}, which is taken or no name; rename it")
            continue
        column = _plain(values)
        if column.ndim != 1:
            faults.add(f"{name} must have one value for each {each}; got shape {column.shape}")
        else:
            _check_length(column, name, n_rows, each, faults)
        columns[name] = column
    return columns


def _plain(values: Any) -> np.ndarray:
    """Return numbers and truth values as they are, and anything else as text."""
    column = np.asarray(values)
    if column.dtype.kind in "biuf" or column.ndim != 1:
        return column
    texts = ["" if _is_missing(value) else str(value) for value in column.tolist()]
    return np.array(texts, dtype=object)


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _whole(given: Any, name: str, n_units: int, faults: Faults) -> np.ndarray:
    numbers = np.asarray(list(given))
    if len(numbers) != n_units or (n_units and numbers.dtype.kind not in "iu"):
        faults.add(f"{name} must have {n_units} whole numbers, one for each unit; got {given!r}")
        return np.arange(n_units)
    return numbers.astype(np.int64)


def _check_length(given: Any, name: str, n_rows: int, each: str, faults: Faults) -> None:
    if len(given) != n_rows:
        faults.add(f"{name} must have {n_rows} values, one for each {each}; got {len(given)}")


def _with_zone(moment: datetime.datetime | None) -> datetime.datetime:
    moment = moment or datetime.datetime.now(datetime.UTC)
    return moment if moment.tzinfo else moment.astimezone()


def _layout(shown: Mapping[str, np.ndarray]) -> Layout:
    of_position = ("position", "x_deg", "y_deg", "x_px", "y_px")
    columns = tuple(name for name in of_position if name in shown)
    position = columns[0] if len(columns) == 1 else columns or None
    return Layout(image="image", position=position, onset="start_time")


def _write(
    path: Path,
    header: dict[str, Any],
    units: _Units,
    shown: Mapping[str, np.ndarray],
    resolution: float | None,
) -> None:
    import pynwb

    from artiphys_nwb.files.memory import new_file

    header["subject"] = _subject(header["subject"])
    try:
        file = pynwb.NWBFile(**header)
    except (TypeError, ValueError) as error:
        msg = f"header must be what pynwb.NWBFile takes; {error}"
        raise InputError(" ".join(msg.split())) from error
    file.trials = _trials(shown)
    electrodes = _electrodes(file, units)
    file.units = _units_table(units, electrodes, resolution)
    # In memory first: what h5py makes of a full disk goes on until Python ends.
    with new_file(libver=WITH_CHECKSUMS) as opened:
        with pynwb.NWBHDF5IO(file=opened, mode="w") as io:
            io.write(file)
            opened.flush()
            path.write_bytes(opened.id.get_file_image())


def _subject(given: Any) -> Any:
    import pynwb

    if isinstance(given, pynwb.file.Subject):
        return given
    said = {"subject_id": given} if isinstance(given, str) else dict(given or {})
    known = {"age"} if "date_of_birth" in said else set()
    unsaid = {name: value for name, value in OF_UNKNOWN_SUBJECT.items() if name not in known}
    try:
        return pynwb.file.Subject(**unsaid | said)
    except (TypeError, ValueError) as error:
        msg = f"subject must be an id, or what pynwb.file.Subject takes; {error}"
        raise InputError(" ".join(msg.split())) from error


def _trials(shown: Mapping[str, np.ndarray]) -> Any:
    from hdmf.common import VectorData
    from pynwb.epoch import TimeIntervals

    columns = [
        VectorData(name=name, description=SHOWN.get(name, name), data=_guarded(values))
        for name, values in shown.items()
    ]
    ids = _guarded(np.arange(len(shown["start_time"])))
    return TimeIntervals(name="trials", description="presentations", id=ids, columns=columns)


def _electrodes(file: Any, units: _Units) -> Any:
    """Return the electrodes of a file, to which they are added, in one group an area."""
    device = file.create_device(name="probe", description="not described")
    groups = {
        location: file.create_electrode_group(
            name=f"group_{number}",  # names of areas may hold what names in a file may not
            description=f"electrodes in {location}",
            location=location,
            device=device,
        )
        for number, location in enumerate(dict.fromkeys(units.location))
    }
    for electrode, location in zip(units.electrode.tolist(), units.location, strict=True):
        file.add_electrode(id=electrode, location=location, group=groups[location])
    return file.electrodes


def _units_table(units: _Units, electrodes: Any, resolution: float | None) -> Any:
    from hdmf.common import DynamicTableRegion, VectorData, VectorIndex
    from pynwb.misc import Units

    ends = np.cumsum([len(train) for train in units.times])
    one_each = np.arange(1, len(ends) + 1)
    times = VectorData(
        name="spike_times", description="in seconds", data=_guarded(np.concatenate(units.times))
    )
    region = DynamicTableRegion(
        name="electrodes",
        description="the electrode that it was recorded from",
        data=_guarded(units.at),
        table=electrodes,
    )
    columns = [
        times,
        VectorIndex(name="spike_times_index", data=_guarded(_unsigned(ends)), target=times),
        region,
        VectorIndex(name="electrodes_index", data=_guarded(_unsigned(one_each)), target=region),
        *(
            VectorData(name=name, description=name, data=_guarded(values))
            for name, values in units.columns.items()
        ),
    ]
    return Units(
        name="units",
        description="sorted units",
        id=_guarded(units.id),
        columns=columns,
        resolution=resolution,
    )


def _unsigned(ends: np.ndarray) -> np.ndarray:
    """Return an index in the smallest type that holds it, as pynwb writes them."""
    return ends.astype(np.min_scalar_type(int(ends[-1])))


def _guarded(values: np.ndarray) -> Any:
    """Return a column to be written with checksums; text as a list, of which HDF5 keeps none."""
    from pynwb import H5DataIO

    if values.dtype == object:
        return values.tolist()
    chunks = (min(len(values), CHUNK),)
    return H5DataIO(values, fletcher32=True, chunks=chunks) if len(values) else values
