"""Recordings in Zarr as hdmf-zarr writes them, made from files of HDF5 without it.

Up to 0.13 (format 2) it needs Zarr before version 3, where files of responses need 3; from 0.14 on
(format 3) Python 3.12: no one environment has both.
"""

import json
import pickle
import sys
import types

import h5py
import numcodecs
import numpy as np

__all__ = ["SHUFFLED", "write_zarr", "write_zarr_3"]

SHUFFLED = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}
CHUNK = 1000


class ZarrReference(dict):
    """What hdmf-zarr pickles into a column of references."""


ZarrReference.__module__ = "hdmf_zarr.utils"


def write_zarr(hdf5, folder, *, text="vlen-utf8", consolidated=True):
    """Write an HDF5 file as a Zarr store; `text` is the codec of columns of text."""
    folder.mkdir()
    metadata = {}
    with h5py.File(hdf5, "r") as file:
        _write_group(file, folder, "", metadata, text)
        if "specifications" in file:
            metadata[".zattrs"][".specloc"] = "specifications"
    for key, said in metadata.items():
        (folder / key).write_text(json.dumps(said))
    if consolidated:
        whole = {"metadata": metadata, "zarr_consolidated_format": 1}
        (folder / ".zmetadata").write_text(json.dumps(whole))
    return folder


def _members(group):
    """Return the links as hdmf-zarr stores them, and the groups and datasets with their names."""
    links, nodes = [], []
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.SoftLink):
            links.append({"name": name, "path": link.path, "source": "."})
        else:
            nodes.append((name, group[name]))
    return links, nodes


def _write_group(group, folder, place, metadata, text):
    (folder / place).mkdir(exist_ok=True)
    metadata[f"{place}.zgroup"] = {"zarr_format": 2}
    links, nodes = _members(group)
    for name, node in nodes:
        if isinstance(node, h5py.Group):
            _write_group(node, folder, f"{place}{name}/", metadata, text)
        else:
            _write_array(node, folder, f"{place}{name}/", metadata, text)
    metadata[f"{place}.zattrs"] = _attrs(group) | ({"zarr_link": links} if links else {})


def _write_array(dataset, folder, place, metadata, text):
    (folder / place).mkdir()
    values, said = np.atleast_1d(dataset[()]), _attrs(dataset)
    said["zarr_dtype"] = str(values.dtype) if dataset.shape else "scalar"
    filters = None
    if h5py.check_ref_dtype(dataset.dtype):
        filters, said["zarr_dtype"] = [{"id": "pickle", "protocol": 5}], "object"
        pointers = [ZarrReference(_reference(dataset.file, one)) for one in values.ravel()]
        values = np.array([*pointers, None], dtype=object)[:-1].reshape(values.shape)
    elif h5py.check_string_dtype(dataset.dtype):
        filters = [{"id": text}]
        texts = [one.decode() if isinstance(one, bytes) else one for one in values.ravel()]
        values = np.array(texts, dtype=object).reshape(values.shape)
    chunks = [min(size, CHUNK) or 1 for size in values.shape]
    metadata[f"{place}.zattrs"] = said
    metadata[f"{place}.zarray"] = {
        "zarr_format": 2, "shape": list(values.shape), "chunks": chunks, "order": "C",
        "dtype": values.dtype.str, "fill_value": 0, "filters": filters, "compressor": SHUFFLED,
    }  # fmt: skip
    codecs = [*(filters or ()), SHUFFLED]
    for at in np.ndindex(*(-(-s // c) for s, c in zip(values.shape, chunks, strict=True))):
        part = values[tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunks, strict=True))]
        chunk = np.zeros(chunks, values.dtype)
        if filters and filters[0]["id"] != "pickle":
            chunk[...] = ""
        chunk[tuple(slice(0, size) for size in part.shape)] = part
        (folder / place / ".".join(map(str, at))).write_bytes(_encoded(chunk, codecs))


def _encoded(chunk, codecs):
    for codec in codecs:
        if codec["id"] == "pickle":
            chunk = _pickled(chunk)
        else:
            chunk = numcodecs.get_codec(dict(codec)).encode(chunk)
    return chunk


def _pickled(chunk):
    """As hdmf-zarr would, whose class is not here."""
    here = types.ModuleType("hdmf_zarr.utils")
    here.ZarrReference = ZarrReference
    sys.modules["hdmf_zarr"], sys.modules["hdmf_zarr.utils"] = types.ModuleType("hdmf_zarr"), here
    try:
        return pickle.dumps(chunk, protocol=5)
    finally:
        del sys.modules["hdmf_zarr"], sys.modules["hdmf_zarr.utils"]


def _reference(file, pointer):
    return {"source": ".", "path": file[pointer].name, "object_id": None, "source_object_id": None}


def _attrs(node):
    said = {}
    for name, value in node.attrs.items():
        if isinstance(value, h5py.Reference):
            if name != ".specloc":
                said[name] = {"zarr_dtype": "object", "value": _reference(node.file, value)}
        elif isinstance(value, np.ndarray):
            said[name] = value.tolist()
        else:
            said[name] = value.item() if isinstance(value, np.generic) else value
    return said


def write_zarr_3(hdf5, folder):
    """Write an HDF5 file as a Zarr store of format 3, by the convention of hdmf-zarr 0.14."""
    import zarr

    with h5py.File(hdf5, "r") as file:
        _write_group_3(file, zarr.open_group(folder, mode="w", zarr_format=3))
    return folder


def _write_group_3(group, there):
    links, nodes = _members(group)
    for name, node in nodes:
        if isinstance(node, h5py.Group):
            _write_group_3(node, there.create_group(name))
        else:
            _write_array_3(node, there)
    there.attrs.update(_attrs_3(group) | ({"_LINKS": links} if links else {}))


def _write_array_3(dataset, there):
    values, kind, texts = np.asarray(dataset[()]), str(dataset.dtype), None
    if h5py.check_ref_dtype(dataset.dtype):
        texts, kind = [dataset.file[one].name for one in values.ravel()], "object_reference"
    elif h5py.check_string_dtype(dataset.dtype):
        texts = [one.decode() if isinstance(one, bytes) else one for one in values.ravel().tolist()]
    if texts is not None:
        values = np.array(texts, dtype=np.dtypes.StringDType()).reshape(values.shape)
    array = there.create_array(
        dataset.name.rsplit("/", 1)[-1],
        shape=values.shape,
        dtype=values.dtype,
        chunks=tuple(min(size, CHUNK) or 1 for size in values.shape),
    )
    array[...] = values
    array.attrs.update(_attrs_3(dataset) | {"_DTYPE": kind})


def _attrs_3(node):
    said = _attrs(node)
    for name, value in said.items():
        if isinstance(value, dict):
            said[name] = {"_REFERENCE": {key: value["value"][key] for key in ("source", "path")}}
    if isinstance(node, h5py.File) and "specifications" in node:
        said[".specloc"] = {"_REFERENCE": {"source": ".", "path": "/specifications"}}
    return said
