"""Where things are in a recording: a layout says it, nothing is guessed.

A layout is data, not code: it can be written down in TOML beside a lab's files.
"""

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artiphys_nwb.errors import LayoutError

__all__ = ["LAYOUTS", "Layout", "columns_of", "load_layout"]

GROUPS = {"image", "x", "y", "position"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    r"""Where the presentations, their images, positions and onsets, and the units are in a file.

    One ``*`` may stand in `table` and `units` alike, where a file holds several sessions (each
    match is one), or in `image`, `position`, `onset` and `valid` alike, where a row holds several
    presentations side by side (each match is one of them).

    Parameters
    ----------
    table : str
        Path of the table of presentations inside the file; an ``IndexSeries`` is one too, with the
        columns ``data``, ``timestamps`` and ``indexed_images``.
    units : str
        Path of the table of units, or of a ``BinnedAlignedSpikes`` where a file has counts only.
    image : str or sequence of str
        Column that says which image was shown; several are joined as ``"3|45"``.
    position : str, sequence of str or None
        Column of position labels; or two, x and y; or three, labels, x and y; or None if all images
        were shown at one place.
    onset : str
        Column of onsets, in seconds on the clock of the spikes, or as `scale` and `offset` say.
    scale : float or None
        Seconds that one unit of `onset` is, 0.001 where it holds milliseconds. None: 1.
    offset : str or None
        Column that is added to the onsets, ``start_time`` where they count from the start of their
        trial; in the unit of the spike times.
    spike_scale : float or None
        Seconds that one unit of the spike times is (and of `offset` and of all intervals of the
        recording): 0.001 for milliseconds, 1/30000 for samples. None: 1.
    valid : str or None
        Column that is false in rows to be left out. Numbers 0 and 1 and the texts ``True`` and
        ``False`` do as well.
    blank : sequence or None
        Image values that mean no image, compared as text. Missing values (NaN, empty text) are
        always blank, and where nothing is said so is the text ``blank``, while -1 is taken for a
        held-out image: neither an image nor a blank. With ``()`` both are images.
    pattern : str or None
        Regular expression for a text image column, with a group ``image`` and, where the text
        says it, ``position``, or ``x`` and ``y``. Rows that do not match are left out.
    area : str or None
        Column of the units, or of the electrodes, that holds the area; ``"=V4"`` gives one area to
        all units. None: the ``location`` of the units' electrodes, or of all electrodes if one.
    reference : str, number or None
        Label of the reference position, or its x and y. None: the position at (0, 0), or else the
        first label in order.

    Raises
    ------
    LayoutError
        With every fault of the layout.

    Examples
    --------
    >>> Layout(image="stim_ID", position="position", onset="pdOnTS").table
    '/intervals/trials'
    """

    table: str = "/intervals/trials"
    units: str = "/units"
    image: str | tuple[str, ...]
    position: str | tuple[str, ...] | None = None
    onset: str
    scale: float | None = None
    offset: str | None = None
    spike_scale: float | None = None
    valid: str | None = None
    blank: tuple[Any, ...] | None = None
    pattern: str | None = None
    area: str | None = None
    reference: Any = None

    def __post_init__(self) -> None:
        for name in ("image", "position", "reference"):
            if isinstance(getattr(self, name), list | tuple):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.blank is not None:
            several = isinstance(self.blank, list | tuple | set | frozenset)
            object.__setattr__(self, "blank", tuple(self.blank) if several else (self.blank,))
        faults = [
            *_faults_of_paths(self),
            *_faults_of_columns(self),
            *_faults_of_scales(self),
            *_faults_of_pattern(self),
            *_faults_of_stars(self),
        ]
        if faults:
            msg = "not a layout: " + "; ".join(faults)
            raise LayoutError(msg)

    def to_toml(self) -> str:
        """Return the layout as TOML, which :func:`load_layout` reads; what is None is left out."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                plain = list(value) if isinstance(value, tuple) else value
                lines.append(f"{field.name} = {json.dumps(plain, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"


def load_layout(layout: "Layout | str | Path | Mapping[str, Any]") -> Layout:
    """Return a layout from one of `LAYOUTS`, a TOML file or a mapping; a layout as it is.

    Parameters
    ----------
    layout : Layout, str, Path or mapping
        A name is looked up in `LAYOUTS`; anything else that is text is the path of a TOML file
        with the fields of :class:`Layout` as keys, on top or in a table ``[layout]``.

    Raises
    ------
    LayoutError
        If there is no such layout or file, or it does not say a layout.

    Examples
    --------
    >>> load_layout("v4_position").onset
    'pdOnTS'
    """
    if isinstance(layout, Layout):
        return layout
    if isinstance(layout, Mapping):
        return _from_mapping(layout, "the layout")
    if not isinstance(layout, str | Path):
        msg = (
            f"layout must be a Layout, a name of LAYOUTS ({', '.join(LAYOUTS)}) or a TOML file; "
            f"got {type(layout).__name__}"
        )
        raise LayoutError(msg)
    if str(layout) in LAYOUTS:
        return LAYOUTS[str(layout)]
    return _from_mapping(_read_toml(Path(layout)), str(layout))


def columns_of(field: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the columns that a field names: none, one or several."""
    if field is None:
        return ()
    return (field,) if isinstance(field, str) else field


def _from_mapping(mapping: Mapping[str, Any], name: str) -> Layout:
    inner = mapping.get("layout", mapping)
    if not isinstance(inner, Mapping):
        msg = f"{name}: [layout] must be a table of fields; got {type(inner).__name__}"
        raise LayoutError(msg)
    fields = dataclasses.fields(Layout)
    known = {field.name for field in fields}
    needed = {field.name for field in fields if field.default is dataclasses.MISSING}
    unknown, absent = sorted(set(inner) - known), sorted(needed - set(inner))
    if unknown or absent:
        faults = [f"unknown {', '.join(unknown)}"] if unknown else []
        faults += [f"{', '.join(absent)} missing"] if absent else []
        msg = (
            f"{name}: {' and '.join(faults)}; the fields of a layout are {', '.join(sorted(known))}"
        )
        raise LayoutError(msg)
    try:
        return Layout(**inner)
    except LayoutError as error:
        msg = f"{name}: {error}"
        raise LayoutError(msg) from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = (
            f"{path}: neither a layout's name ({', '.join(LAYOUTS)}) nor a TOML file that can be "
            f"read ({error.strerror or error})"
        )
        raise LayoutError(msg) from error
    except ValueError as error:  # tomllib's own, and text that is not UTF-8
        msg = f'{path}: not TOML ({error}); write one field a line, e.g. onset = "start_time"'
        raise LayoutError(msg) from error


def _faults_of_paths(layout: Layout) -> list[str]:
    return [
        f"{name} must be a path inside the file, e.g. '/units'; got {getattr(layout, name)!r}"
        for name in ("table", "units")
        if not isinstance(getattr(layout, name), str) or not getattr(layout, name).strip("/ ")
    ]


def _faults_of_columns(layout: Layout) -> list[str]:
    faults = []
    for name, several, optional in (
        ("image", True, False),
        ("position", True, True),
        ("onset", False, False),
        ("offset", False, True),
        ("valid", False, True),
        ("area", False, True),
    ):
        value = getattr(layout, name)
        if optional and value is None:
            continue
        columns = value if isinstance(value, tuple) and several else (value,)
        if not columns or not all(isinstance(column, str) and column for column in columns):
            expected = "a column's name" + (" or several" if several else "")
            faults.append(f"{name} must be {expected}; got {value!r}")
    if isinstance(layout.position, tuple) and len(layout.position) not in (1, 2, 3):
        faults.append(
            "position must be one column, or two, x and y, or three, labels, x and y; got "
            f"{len(layout.position)}; join labels in one column or put them into image"
        )
    return faults


def _faults_of_scales(layout: Layout) -> list[str]:
    faults = []
    for name in ("scale", "spike_scale"):
        value = getattr(layout, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and math.isfinite(value) and value > 0):
            faults.append(f"{name} must be seconds a unit, e.g. 0.001 for ms; got {value!r}")
    return faults


def _faults_of_pattern(layout: Layout) -> list[str]:
    if layout.pattern is None:
        return []
    try:
        groups = set(re.compile(layout.pattern).groupindex)
    except (re.error, TypeError) as error:
        return [f"pattern must be a regular expression; {layout.pattern!r} is none ({error})"]
    faults = []
    if "image" not in groups:
        faults.append(f"pattern must have a group (?P<image>...); its groups are {sorted(groups)}")
    if groups - GROUPS:
        faults.append(f"pattern may have the groups {sorted(GROUPS)}; got {sorted(groups)}")
    if ("x" in groups) != ("y" in groups):
        faults.append("pattern must have both groups x and y, or neither")
    if "position" in groups and "x" in groups:
        faults.append("pattern must have the group position, or x and y, not all three")
    if groups & {"x", "position"} and layout.position is not None:
        faults.append("position comes from the pattern or from a column; set position to None")
    return faults


def _faults_of_stars(layout: Layout) -> list[str]:
    faults = []
    if isinstance(layout.table, str) and isinstance(layout.units, str):
        stars = {layout.table.count("*"), layout.units.count("*")}
        if stars not in ({0}, {1}):
            faults.append("a * must stand once in both table and units, or in neither")
    image = layout.image if isinstance(layout.image, tuple) else (layout.image,)
    starred = any(isinstance(column, str) and "*" in column for column in image)
    if starred != (isinstance(layout.onset, str) and "*" in layout.onset):
        faults.append("a * in image needs one in onset, and the other way round")
    return faults


LAYOUTS: dict[str, Layout] = {
    # DANDI:001357, V4: `position` in one of three kinds of file, `rotation` or `mode` in the others
    "v4_position": Layout(image="stim_ID", position="position", onset="pdOnTS"),
    "v4_rotation": Layout(image=("stim_ID", "rotation"), onset="pdOnTS"),
    "v4_mode": Layout(image=("stim_ID", "mode"), onset="pdOnTS"),
    # DANDI:001358, V4, one unit a file
    "v4_single_unit": Layout(image="target_rot", position="cond_ID", onset="pdOn"),
    # DiCarlo-lab IT: position in columns, in the file name, or one for all
    "it_rsvp": Layout(
        image="stimulus_presented",
        position=("stimulus_x_deg", "stimulus_y_deg"),
        onset="start_time",
        valid="fixation_correct",
    ),
    "it_rsvp_filename": Layout(
        image="stimulus_filename",
        onset="start_time",
        valid="fixation_correct",
        pattern=r"^(?P<image>.+?)_x(?P<x>[+-]?[\d.]+)_y(?P<y>[+-]?[\d.]+)\.\w+$",
    ),
    "it_rsvp_one_position": Layout(
        image="stimulus_presented", onset="start_time", valid="fixation_correct"
    ),
    # Allen Institute, OpenScope: presentation tables side by side, blanks are frame -1
    "allen_natural_scenes": Layout(
        table="/intervals/natural_scenes_presentations",
        image="frame",
        onset="start_time",
        blank=(-1,),
    ),
    "allen_gabors": Layout(
        table="/intervals/gabors_presentations",
        image="orientation",
        position=("x_position", "y_position"),
        onset="start_time",
    ),
    "openscope_receptive_fields": Layout(
        table="/intervals/receptive_field_block_presentations",
        image="orientation",
        position=("x_position", "y_position"),
        onset="start_time",
    ),
    "openscope_positions": Layout(
        table="/intervals/RF_presentations",
        image="Ori",
        position=("Pos_x", "Pos_y"),
        onset="start_time",
    ),
    # Human single units: an IndexSeries over Images; three pictures a row
    "human_index_series": Layout(
        table="/stimulus/presentation/StimulusPresentation",
        image="indexed_images",
        onset="timestamps",
    ),
    "human_wide_trials": Layout(image="loadsEnc*_PicIDs", onset="timestamps_Encoding*"),
    # NWB 2.11: presentations as events
    "events": Layout(table="/events/stimulus", image="image", onset="timestamp"),
}
