"""Recordings for tests, written by h5py alone, so that what is broken is broken on purpose.

Tables have the types and descriptions that the schema asks for, and pynwb builds them.
"""

import itertools

import h5py
import numpy as np

from artiphys_nwb import Layout

LAYOUT = Layout(image="stim", position="position", onset="start_time")
TEXT = h5py.string_dtype()


def recording(n_units=3, n_images=4, n_positions=3, n_repeats=4, seed=0, first_image=1):
    """Columns of trials and spike trains of a session of half a second a presentation."""
    rng = np.random.default_rng(seed)
    images = range(first_image, first_image + n_images)
    cells = np.array(list(itertools.product(images, range(n_positions))) * n_repeats)
    cells = cells[rng.permutation(len(cells))]
    onset = 1.0 + 0.5 * np.arange(len(cells)) + rng.uniform(0, 0.1, len(cells))
    trials = {
        "start_time": onset,
        "stop_time": onset + 0.3,
        "stim": cells[:, 0].astype(float),
        "position": cells[:, 1].astype(float),
    }
    end = onset[-1] + 1
    spikes = [np.sort(rng.uniform(0, end, rng.poisson(20 * end))) for _ in range(n_units)]
    return trials, spikes


def write_nwb(
    path,
    trials,
    spikes,
    *,
    units=None,
    table="intervals/trials",
    units_path="units",
    index_dtype="uint32",
    version="2.11.0",
    identifier="id-1",
    session_id="s1",
    subject_id="m",
    mode="w",
):
    """Write a session; `mode` "a" adds tables to a file that is there."""
    with h5py.File(path, mode) as file:
        if mode == "w":
            file.attrs["nwb_version"] = version
            file.attrs["neurodata_type"] = "NWBFile"
            file.attrs["namespace"] = "core"
            for name, text in {
                "identifier": identifier,
                "general/session_id": session_id,
                "general/subject/subject_id": subject_id,
            }.items():
                if text is not None:
                    file.create_dataset(name, data=text, dtype=TEXT)
        add_table(file, table, trials, "TimeIntervals")
        if spikes is not None:
            add_units(file, units_path, spikes, units or {}, index_dtype)
    return path


def add_table(file, path, columns, kind="DynamicTable"):
    """Write a table; a column given as a list of arrays is ragged."""
    group = file.require_group(path)
    if "id" not in group and columns:
        group["id"] = np.arange(len(next(iter(columns.values()))))
    for name, values in columns.items():
        add_column(group, name, values)
    return typed(group, kind, list(columns))


def add_column(group, name, values):
    if isinstance(values, list) and len(values) and isinstance(values[0], np.ndarray | list):
        group[name] = np.concatenate([np.asarray(row) for row in values])
        group[f"{name}_index"] = np.cumsum([len(row) for row in values]).astype("uint32")
        return
    values = np.asarray(values)
    if values.dtype.kind in "OUS":
        group.create_dataset(name, data=values.astype(object), dtype=TEXT)
    else:
        group[name] = values


def add_units(file, path, spikes, columns, index_dtype="uint32"):
    group = file.require_group(path)
    group["spike_times"] = np.concatenate(spikes) if len(spikes) else np.empty(0)
    ends = np.cumsum([len(train) for train in spikes])
    group["spike_times_index"] = ends.astype(index_dtype)
    for name, values in columns.items():
        add_column(group, name, values)
    if "id" not in group:
        group["id"] = np.arange(len(spikes))
    return typed(group, "Units", ["spike_times", *columns])


def typed(group, kind, columns):
    """Say what the schema wants said of a table and its columns."""
    group.attrs["neurodata_type"] = kind
    group.attrs["namespace"] = "hdmf-common" if kind == "DynamicTable" else "core"
    group.attrs["description"] = "made for a test"
    group.attrs["colnames"] = np.array(columns, dtype=TEXT)
    for name, dataset in group.items():
        of_index = name.endswith("_index")
        kinds = {"id": "ElementIdentifiers", True: "VectorIndex", False: "VectorData"}
        dataset.attrs["neurodata_type"] = kinds[name if name == "id" else of_index]
        dataset.attrs["namespace"] = "hdmf-common"
        dataset.attrs["description"] = name
        if of_index:
            dataset.attrs["target"] = group[name.removesuffix("_index")].ref
    return group


def untyped(file):
    """Take all that :func:`typed` says from a file: pynwb can build none of its tables."""

    def forget(_, node):
        for name in ("neurodata_type", "namespace", "description", "target"):
            node.attrs.pop(name, None)

    file.visititems(forget)


def add_electrodes(file, location, ids=None):
    group = add_table(
        file, "general/extracellular_ephys/electrodes", {"location": location}, "ElectrodesTable"
    )
    if ids is not None:
        del group["id"]
        group["id"] = np.asarray(ids)
    return group


# ---- what is broken in a file, as functions of it


def edited(path, edit):
    with h5py.File(path, "a") as file:
        edit(file)
    return path


def replaced(name, values, **how):
    def edit(file):
        old, said = file[name][()], dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=values(old) if callable(values) else values, **how)
        file[name].attrs.update(said)

    return edit


def texts(values):
    return np.array([v if isinstance(v, str) else f"{v:g}" for v in values], dtype=object)


def deleted(*names):
    def edit(file):
        for name in names:
            del file[name]

    return edit


def linked(name, link):
    def edit(file):
        del file[name]
        file[name] = link

    return edit


def chain(*edits):
    def edit(file):
        for one in edits:
            one(file)

    return edit


# ---- what reading it must give


def expected(trials, spikes, window=(0.05, 0.25)):
    """Counts by brute force: {(image, position): (unit, repeat)}, repeats in order of onset."""
    onset = np.asarray(trials["start_time"], dtype=float)
    cells = {}
    for row in np.argsort(onset, kind="stable"):
        image, position = trials["stim"][row], trials["position"][row]
        if np.isnan(image) or np.isnan(position) or np.isnan(onset[row]):
            continue
        counts = [
            sum(onset[row] + window[0] <= t < onset[row] + window[1] for t in train)
            for train in spikes
        ]
        cells.setdefault((f"{image:g}", f"{position:g}"), []).append(counts)
    return {cell: np.array(counts).T for cell, counts in cells.items()}


def assert_holds(responses, cells):
    """The array has just these cells, each with its repeats first and NaN after them."""
    n_seen = 0
    for image in responses["image"].values:
        for position in responses["position"].values:
            counts = cells.get((str(image), str(position)), np.empty((responses.sizes["unit"], 0)))
            got = responses.sel(image=image, position=position).values
            np.testing.assert_array_equal(got[:, : counts.shape[1]], counts)
            assert np.isnan(got[:, counts.shape[1] :]).all()
            n_seen += counts.shape[1] > 0
    assert n_seen == len(cells)
