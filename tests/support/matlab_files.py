"""Files as MATLAB writes them: v5 by SciPy, v7.3 by h5py, laid out as MATLAB lays out its HDF5."""

from pathlib import Path

import h5py
import numpy as np
import scipy.io

__all__ = ["save_mat"]


def save_mat(path, variables, version):
    """Write variables (arrays, lists of text, dicts for structs) as MATLAB's ``save`` does."""
    if version != "7.3":
        cells = {
            name: _cells(value) if isinstance(value, list) else value
            for name, value in variables.items()
        }
        scipy.io.savemat(path, cells)
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        _write(file, variables, file)
    header = f"{'MATLAB 7.3 MAT-file, Platform: GLNXA64':<116}".encode()
    with Path(path).open("r+b") as file:
        file.write(header + bytes(8) + bytes([0, 2]) + b"IM")


def _cells(texts):
    cell = np.empty((len(texts), 1), dtype=object)
    cell[:, 0] = texts
    return cell


def _write(group, variables, file):
    """Arrays are transposed, text is UTF-16, a cell array is references to its cells."""
    for name, value in variables.items():
        if isinstance(value, dict):
            struct = group.create_group(name)
            struct.attrs["MATLAB_class"] = np.bytes_(b"struct")
            _write(struct, value, file)
        elif isinstance(value, list):
            cells = [_text(file.require_group("#refs#"), text) for text in value]
            references = np.array([[cell.ref for cell in cells]], dtype=h5py.ref_dtype)
            group.create_dataset(name, data=references, dtype=h5py.ref_dtype)
            group[name].attrs["MATLAB_class"] = np.bytes_(b"cell")
        else:
            group[name] = np.atleast_2d(np.asarray(value, dtype=float)).T
            group[name].attrs["MATLAB_class"] = np.bytes_(b"double")


def _text(group, text):
    cell = group.create_dataset(str(len(group)), data=np.array([[ord(c)] for c in text], "uint16"))
    cell.attrs["MATLAB_class"] = np.bytes_(b"char")
    cell.attrs["MATLAB_int_decode"] = np.int32(2)
    return cell
