"""Tables: the same columns whether pynwb builds the table or its datasets are taken as they are."""

import h5py
import numpy as np
import pytest
from hdmf.common import DynamicTable, EnumData
from hdmf.common.table import VectorData

from artiphys_nwb import errors, read_nwb
from artiphys_nwb.files.opening import opened, sources
from artiphys_nwb.files.tables import open_table
from nwb_files import LAYOUT, TEXT, assert_holds, expected, recording, untyped, write_nwb

COLUMNS = {
    "plain": np.arange(48.0),
    "words": np.array(["é", "b", ""] * 16, dtype=object),
    "flags": np.arange(48) % 2 == 0,
    "pairs": np.arange(96).reshape(48, 2),
    "ragged": [np.arange(i % 3) for i in range(48)],
    "cut": [np.array(["a", "b"][: i % 3], dtype=object) for i in range(48)],
}


@pytest.fixture
def path(tmp_path):
    trials, spikes = recording()
    return write_nwb(tmp_path / "session.nwb", {**trials, **COLUMNS}, spikes)


def column(path, name, table="/intervals/trials"):
    with opened(sources(path)[0]) as file:
        found = open_table(file, table, what="presentations")
        return found.container, found.read(name)


@pytest.mark.parametrize("built", [True, False], ids=["by pynwb", "by hand"])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_come_whole(path, name, built):
    if not built:
        with h5py.File(path, "a") as file:
            untyped(file)
    container, read = column(path, name)
    assert isinstance(container, DynamicTable) is built
    rows = COLUMNS[name]
    if not isinstance(rows, list):
        assert read.bounds is None
        np.testing.assert_array_equal(read.values, rows)
        return
    np.testing.assert_array_equal(read.values, np.concatenate(rows))
    np.testing.assert_array_equal(np.diff(read.bounds), [len(row) for row in rows])


@pytest.mark.parametrize("built", [True, False], ids=["by pynwb", "by hand"])
def test_an_enumeration_is_what_its_numbers_stand_for(path, built):
    """Whose order each file chooses: by the numbers, two sessions would trade their images."""
    trials, spikes = recording()
    with h5py.File(path, "a") as file:
        table = file["intervals/trials"]
        names = table.create_dataset("stim_elements", data=["4", "3", "2", "1"], dtype=TEXT)
        numbers = (4 - table["stim"][()]).astype("u1")
        said = dict(table["stim"].attrs)
        del table["stim"]
        table["stim"] = numbers
        table["stim"].attrs.update(said | {"neurodata_type": "EnumData", "elements": names.ref})
        table["stim"].attrs["namespace"] = "hdmf-experimental"
        names.attrs.update(said)
        if not built:
            untyped(file)
    container, read = column(path, "stim")
    assert (container is not None) is built
    if built:
        assert isinstance(container["stim"], EnumData)
    assert read.values.tolist() == [f"{label:g}" for label in trials["stim"]]
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(trials, spikes))
    with h5py.File(path, "a") as file:
        file["intervals/trials/stim"][5] = 9
    with pytest.raises(errors.TableError, match="stim must number its 4 elements; it goes beyond"):
        read_nwb(path, LAYOUT)


def test_an_index_that_pynwb_passes_over_is_seen(path):
    with h5py.File(path, "a") as file:
        file["intervals/trials/plain_index"] = np.arange(1, 49)
    container, read = column(path, "plain")
    assert isinstance(container["plain"], VectorData)
    np.testing.assert_array_equal(read.bounds, np.arange(49))


def test_a_part_that_pynwb_cannot_build_stands_in_no_ones_way(path):
    with h5py.File(path, "a") as file:
        file["general/devices/odd"] = 3.0
        odd = file.create_group("acquisition/odd")
        odd.attrs.update({"neurodata_type": "NoSuchType", "namespace": "nowhere"})
    container, _ = column(path, "plain")
    assert isinstance(container, DynamicTable)
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(*recording()))
