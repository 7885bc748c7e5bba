"""A Zarr store as an HDF5 file in memory, to be read and checked as every other file is.

hdmf-zarr writes these stores, with links, references and scalars told in attributes. It is not what
reads them here: up to 0.13 it needs Zarr before version 3, where files of responses need 3; from
0.14 on it needs Python 3.12 and Zarr 3.4, of which this package needs neither; and it takes columns
of objects in format 2 out of pickle, which runs whatever a stranger has put there. numcodecs
decodes the chunks instead, in format 3 zarr. Voltages, movies and the like stay where they are.
"""

import contextlib
import io
import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import h5py
import numpy as np

from artiphys.errors import to_install
from artiphys_nwb.errors import FileError
from artiphys_nwb.files import zarr_format_3
from artiphys_nwb.files.memory import is_needed, new_file
from artiphys_nwb.labels import decoded

__all__ = ["as_hdf5", "is_zarr"]

MARKS = (".zgroup", zarr_format_3.MARK)
CONSOLIDATED = ".zmetadata"
# Attributes in which the store says what HDF5 says in other ways.
OF_THE_STORE = {"zarr_dtype", "zarr_link", "_ARRAY_DIMENSIONS", ".specloc"}
TEXT = h5py.string_dtype()


class Store(Protocol):
    """Files by their paths; a missing one is a KeyError. Those to be read are said before."""

    def fetch(self, keys: Iterable[str]) -> None: ...

    def __getitem__(self, key: str) -> bytes: ...


def is_zarr(path: str) -> bool:
    """Return whether a path or an address is that of a Zarr store."""
    folder = Path(path)
    return any((folder / mark).exists() for mark in MARKS) or (
        "://" in path and path.rstrip("/").endswith(".zarr")
    )


def as_hdf5(path: str, store: Store | None = None) -> h5py.File:
    """Return a store as an HDF5 file in memory, for the caller to close.

    Parameters
    ----------
    path : str
        Of the folder, or its address.
    store : Store, optional
        What it holds, where it is no folder.

    Raises
    ------
    FileError
        If it is damaged, or lacks some of its chunks; or of format 3 and not a folder here.
    ImportError
        Without numcodecs, or, in format 3, zarr.
    """
    try:
        import numcodecs  # noqa: F401
    except ImportError as error:
        msg = f"{path}: NWB in Zarr needs numcodecs: {to_install('zarr')}"
        raise ImportError(msg, name="numcodecs") from error
    store = store or _Folder(path)
    file = new_file()
    try:
        said = _said(store)
        store.fetch(said.chunks())
        _fill(file, store, said)
    except (FileError, ImportError):
        file.close()
        raise
    except Exception as error:  # what JSON, codecs and NumPy make of damaged bytes
        file.close()
        why = " ".join(str(error).split()) or type(error).__name__
        msg = f"a damaged Zarr store; copy it again ({why})"
        raise FileError(msg) from error
    return file


class _Folder:
    """The files in a folder, by their paths in it."""

    def __init__(self, path: str) -> None:
        self.path, self._folder = path, Path(path)

    def fetch(self, keys: Iterable[str]) -> None:
        """Do nothing: they are here."""

    def __getitem__(self, key: str) -> bytes:
        try:
            return (self._folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise KeyError(key) from error

    def metadata(self) -> dict[str, Any]:
        """Return what the files say themselves: what was consolidated may be older."""
        is_3 = (self._folder / zarr_format_3.MARK).exists()
        pattern = zarr_format_3.MARK if is_3 else ".z*"
        found = (path.relative_to(self._folder) for path in sorted(self._folder.rglob(pattern)))
        said = {path.as_posix(): _parsed(self[path.as_posix()]) for path in found}
        return zarr_format_3.in_words_of_format_2(said) if is_3 else said


class _Said(NamedTuple):
    """What a store says of itself, each by its place; None where that cannot be read."""

    groups: list[str]
    arrays: dict[str, Any]
    attrs: dict[str, Any]

    def wanted(self, place: str) -> bool:
        """Return whether an array is to be read."""
        array, parent = self.arrays[place], place.rstrip("/").rpartition("/")[0]
        if array is None:
            return True  # to be told of
        of_group = self.attrs.get(f"{parent}/" if parent else "") or {}
        dtype = np.dtype(_fields(array["dtype"]))
        return is_needed(float(np.prod(array["shape"])) * dtype.itemsize, of_group)

    def chunks(self) -> Iterator[str]:
        """Yield the chunks that are to be read."""
        for place, array in self.arrays.items():
            if array is not None and self.wanted(place):
                yield from (key for key, _ in _chunks(place, array))


def _said(store: Store) -> _Said:
    if isinstance(store, _Folder):
        found = store.metadata()
    else:
        try:
            found = json.loads(store[CONSOLIDATED])["metadata"]
        except KeyError as error:
            msg = (
                "a Zarr store without .zmetadata cannot be listed over the network (and none of "
                "format 3 has it); download it"
            )
            raise FileError(msg) from error
    if ".zgroup" not in found:
        msg = "its first group is damaged; copy the store again"
        raise FileError(msg)
    parts: dict[str, dict[str, Any]] = {".zgroup": {}, ".zarray": {}, ".zattrs": {}}
    for key, one in found.items():
        place, slash, kind = key.rpartition("/")
        if kind in parts:
            parts[kind][place + slash] = one
    said = _Said(list(parts[".zgroup"]), parts[".zarray"], parts[".zattrs"])
    lost = [place for place in said.groups if said.attrs.get(place, {}) is None]
    if lost:
        msg = f"/{lost[0]}.zattrs is damaged; copy the store again"
        raise FileError(msg)
    return said


def _parsed(data: bytes) -> Any:
    try:
        said = json.loads(data)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _fill(file: h5py.File, store: Store, said: _Said) -> None:
    """Write groups, arrays, links, references and attributes, in this order."""
    for place in said.groups:
        file.require_group("/" + place)
    point_all = _write_arrays(file, store, said)
    for place, attrs in said.attrs.items():
        for link in (attrs or {}).get("zarr_link", ()):
            if link["name"] not in file["/" + place]:
                file["/" + place][link["name"]] = h5py.SoftLink(link["path"])
    for point in point_all:
        point()
    for place, attrs in said.attrs.items():
        node = file.get("/" + place)
        if node is not None:
            _write_attrs(file, node, attrs or {})


def _write_arrays(file: h5py.File, store: Store, said: _Said) -> list[Callable[[], Any]]:
    """Write the arrays that are wanted; return what writes their references."""
    points: list[Callable[[], Any]] = []
    damaged: set[str] = set()
    # What an array points to comes before it: without that it is of no use, its labels for one.
    for place in sorted(said.arrays, key=lambda place: len(_pointers(said.attrs.get(place)))):
        try:
            if said.wanted(place):
                _check_whole(place, said, damaged)
                points.append(
                    _write_array(file, store, place, said.arrays[place], said.attrs[place])
                )
        except Exception as error:  # what codecs and NumPy make of damaged bytes
            damaged.add(place)
            _mark(file, place, error)
    return points


def _check_whole(place: str, said: _Said, damaged: set[str]) -> None:
    """Raise a FileError for an array that has lost of what kind it is, or what it points to."""
    attrs = said.attrs.get(place)
    if said.arrays[place] is None or attrs is None or "zarr_dtype" not in attrs:
        msg = "what says of what kind it is"
        raise FileError(msg)
    for other in _pointers(attrs):
        if other in damaged or other not in {*said.groups, *said.arrays}:
            msg = f"/{other.rstrip('/')}, to which it points"
            raise FileError(msg)


def _pointers(said: Any) -> list[str]:
    """Return where attributes point to inside the store."""
    values = [value.get("value") for value in (said or {}).values() if isinstance(value, dict)]
    return [
        f"{value['path'].strip('/')}/"
        for value in values
        if isinstance(value, dict) and value.get("source", ".") == "." and value["path"] != "/"
    ]


def _mark(file: h5py.File, place: str, error: Exception) -> None:
    """Put a link that leads nowhere where an array is damaged, so that who needs it is told.

    Who does not need it is not kept from the rest.
    """
    why = " ".join(str(error).split()) or type(error).__name__
    path = "/" + place.rstrip("/")
    with contextlib.suppress(KeyError):
        del file[path]  # what was begun
    file[path] = h5py.SoftLink(f"what the Zarr store has lost ({why}; copy it again)")


def _write_array(
    file: h5py.File, store: Store, place: str, array: Mapping[str, Any], said: Mapping[str, Any]
) -> Callable[[], Any]:
    """Write an array, and return what writes it once everything it may refer to is there."""
    path, kind = "/" + place.rstrip("/"), said["zarr_dtype"]
    if array["zarr_format"] == 3 and isinstance(store, _Folder):
        values = zarr_format_3.read_array(store.path, place)
    else:
        values = _read(store, place, array)
    if values.dtype.names:  # of numbers, or with references inside, which nothing here asks for
        return lambda: None
    is_scalar = kind == "scalar"
    if values.dtype.kind not in "OSUT":
        file[path] = values.ravel()[0] if is_scalar else values
        return lambda: None
    flat = values.ravel().tolist()
    if kind == zarr_format_3.REFERENCE:
        flat = [{"path": path} for path in flat]
    if flat and all(isinstance(one, dict) for one in flat):
        references = file.create_dataset(path, values.shape, dtype=h5py.ref_dtype)

        def point() -> None:
            pointers = [_reference(file, one) for one in flat]
            references[...] = np.array(pointers, dtype=h5py.ref_dtype).reshape(values.shape)

        return point
    texts = np.array([decoded(one) for one in flat], dtype=object).reshape(values.shape)
    data = texts.ravel()[0] if is_scalar else texts
    file.create_dataset(path, data=data, dtype=TEXT)
    return lambda: None


def _read(store: Store, place: str, array: Mapping[str, Any]) -> np.ndarray:
    """Return an array of a store, its chunks put together.

    A chunk that is missing was lost: hdmf-zarr writes those of fill values too.
    """
    from numcodecs import get_codec

    dtype, chunk = np.dtype(_fields(array["dtype"])), tuple(array["chunks"])
    steps = [array["compressor"], *reversed(array.get("filters") or ())]
    codecs = [_Unpickled() if step["id"] == "pickle" else get_codec(step) for step in steps if step]
    values = np.empty(tuple(array["shape"]), dtype=dtype)
    for key, inside in _chunks(place, array):
        try:
            data: Any = store[key]
        except KeyError as error:
            msg = f"its chunk {key}"
            raise FileError(msg) from error
        for codec in codecs:
            data = codec.decode(data)
        block = np.asarray(data) if dtype.hasobject else np.frombuffer(data, dtype=dtype)
        block = block.reshape(chunk, order=array["order"])
        values[inside] = block[tuple(slice(0, one.stop - one.start) for one in inside)]
    return values


def _chunks(place: str, array: Mapping[str, Any]) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """Yield the key of each chunk of an array, and where in the array it belongs."""
    sides = list(zip(array["shape"], array["chunks"], strict=True))
    between = array.get("dimension_separator", ".")
    for at in np.ndindex(*(-(-size // chunk) for size, chunk in sides)):
        inside = tuple(
            slice(i * chunk, min((i + 1) * chunk, size))
            for i, (size, chunk) in zip(at, sides, strict=True)
        )
        yield place + between.join(map(str, at or (0,))), inside


def _fields(dtype: Any) -> Any:
    return [tuple(field) for field in dtype] if isinstance(dtype, list) else dtype


class _Unpickled:
    """Arrays of text and of references as hdmf-zarr pickles them, and nothing that could run."""

    def decode(self, data: Any) -> Any:
        return _PlainUnpickler(io.BytesIO(bytes(data))).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module, name)
        if module.split(".")[0] == "hdmf_zarr" and name == "ZarrReference":
            return dict
        msg = f"it holds a pickled {module}.{name}, which could run anything; it is not opened"
        raise FileError(msg)


def _reference(file: h5py.File, pointer: Mapping[str, Any]) -> h5py.Reference:
    """Return a reference; a null one to what is in another store, or nowhere."""
    inside = pointer.get("source", ".") == "."
    found = file.get(pointer["path"]) if inside else None
    return found.ref if found is not None else h5py.Reference()


def _write_attrs(file: h5py.File, node: h5py.HLObject, said: Mapping[str, Any]) -> None:
    for name, value in said.items():
        if name == ".specloc" and value in file:
            node.attrs[name] = file[value].ref
        elif name in OF_THE_STORE or value is None:
            continue
        elif isinstance(value, dict):
            if isinstance(value.get("value"), dict):
                node.attrs[name] = _reference(file, value["value"])
        elif isinstance(value, list):
            text = any(isinstance(one, str) for one in value) or not value
            node.attrs[name] = np.array(value, dtype=TEXT if text else None)
        else:
            node.attrs[name] = value
