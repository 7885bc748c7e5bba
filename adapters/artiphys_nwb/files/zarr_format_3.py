"""Zarr stores of format 3: what they say of themselves, in the words of format 2, and their arrays.

hdmf-zarr writes them from version 0.14 on, and says links, references and types in other words than
before. That version needs Python 3.12, so that here zarr itself reads the arrays. A chunk in which
all is as usual (0, or no text) is not in the store: that one was lost cannot be told.
"""

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from artiphys.errors import to_install

__all__ = ["MARK", "REFERENCE", "in_words_of_format_2", "read_array"]

MARK = "zarr.json"
REFERENCE = "object_reference"  # the type of arrays of paths that stand for what is there
NUMBERS = ("bool", "int", "uint", "float")
TAKEN = {"_DTYPE", "_LINKS", "_REFERENCE_FIELDS"}


def in_words_of_format_2(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata by their keys, ``units/.zattrs``, from those of format 3.

    Parameters
    ----------
    found : mapping
        What each ``zarr.json`` holds, by its key; None where that cannot be read.

    Raises
    ------
    ImportError
        Without zarr.
    """
    if importlib.util.find_spec("zarr") is None:
        msg = f"Zarr of format 3 needs zarr: {to_install('zarr')}"
        raise ImportError(msg, name="zarr")
    said: dict[str, Any] = {}
    for key, node in found.items():
        place = key.removesuffix(MARK)
        if node is None or "node_type" not in node:
            said |= {f"{place}.zarray": None, f"{place}.zattrs": None}  # to be told of
            continue
        attrs = _attrs(node.get("attributes", {}))
        if node["node_type"] == "group":
            said |= {f"{place}.zgroup": {"zarr_format": 3}, f"{place}.zattrs": attrs}
            continue
        kind, shape = node.get("attributes", {}).get("_DTYPE", "unsaid"), node["shape"]
        attrs["zarr_dtype"] = kind if shape or kind == REFERENCE else "scalar"
        array = {"zarr_format": 3, "shape": shape, "dtype": _numpy_name(node["data_type"])}
        said |= {f"{place}.zarray": array, f"{place}.zattrs": attrs}
    return said


def read_array(folder: str, place: str) -> np.ndarray:
    """Return an array of a store, text as objects."""
    import zarr

    array: Any = zarr.open_array(f"{folder}/{place.rstrip('/')}", mode="r", zarr_format=3)
    values = np.asarray(array[...])
    return values.astype(object) if values.dtype.kind == "T" else values


def _attrs(given: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: _plain(name, value) for name, value in given.items() if name not in TAKEN}
    return said | ({"zarr_link": given["_LINKS"]} if "_LINKS" in given else {})


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, dict) or "_REFERENCE" not in value:
        return value
    path = value["_REFERENCE"]
    return path["path"] if name == ".specloc" else {"zarr_dtype": "object", "value": path}


def _numpy_name(data_type: Any) -> str:
    """Return the type of NumPy of the same size, as far as a size is to be known."""
    is_number = isinstance(data_type, str) and data_type.startswith(NUMBERS)
    return data_type if is_number else "O"
