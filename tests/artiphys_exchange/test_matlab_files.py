"""MATLAB files of every version give the same array, the counts of the file in their cells."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from artiphys.errors import InputError, SchemaError
from artiphys.responses.schema import validate
from artiphys_exchange import read_mat
from environment import missing
from matlab_files import save_mat

VERSIONS = ["5", "7.3"]
GIVEN = {"reference": 0, "area": "V4"}


@pytest.fixture
def session():
    """Counts of 3 units, unequal repeats, in the order of a shuffled experiment."""
    rng = np.random.default_rng(0)
    shown = rng.permutation([(i, p) for i in range(5) for p in (-1, 0, 2.5) for _ in range(4)])[:47]
    return {
        "counts": rng.poisson(5.0, (3, len(shown))).astype(float),
        "image": shown[:, 0],
        "position": shown[:, 1],
        "names": ["cell 9", "cell 10", "cell 1"],
        "areas": ["V4", "IT", "V4"],
        "depth": np.array([0.5, 1.5, 2.5]),
        "window": np.array([0.05, 0.25]),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_each_count_is_in_its_cell(session, tmp_path, version):
    save_mat(tmp_path / "monkey.mat", session, version)
    responses = validate(
        read_mat(
            tmp_path / "monkey.mat",
            reference=0,
            unit="names",
            area="areas",
            window="window",
            x="position",
            unit_coords={"depth": "depth"},
        )
    )
    assert responses["unit"].values.tolist() == ["cell 9", "cell 10", "cell 1"]
    assert responses["area"].values.tolist() == ["V4", "IT", "V4"]
    assert responses["depth"].values.tolist() == [0.5, 1.5, 2.5]
    assert responses["position"].values.tolist() == responses["x"].values.tolist() == [-1, 0, 2.5]
    assert set(responses["source"].values) == {"monkey"}
    assert responses.attrs["units"] == "spikes/s"
    assert int(responses.notnull().sum()) == session["counts"].size
    for image, position in set(zip(session["image"], session["position"], strict=True)):
        here = (session["image"] == image) & (session["position"] == position)
        cell = responses.sel(image=f"{image:.0f}", position=position)
        np.testing.assert_allclose(cell[:, : here.sum()], session["counts"][:, here] / 0.2)
    made = json.loads(responses.attrs["provenance"])
    digest = hashlib.sha256((tmp_path / "monkey.mat").read_bytes()).hexdigest()
    assert made["inputs"] == [{"name": "monkey.mat", "sha256": digest}]


@pytest.mark.parametrize("version", VERSIONS)
def test_structs_text_and_the_other_way_round(session, tmp_path, version):
    texts = [f"photo{number:.0f}" for number in session["image"]]
    places = ["left" if number < 0 else "fovea" for number in session["position"]]
    struct = {"counts": session["counts"].T, "image": texts}
    save_mat(
        tmp_path / "s.mat", {"data": struct["counts"], "image": texts, "where": places}, version
    )
    flat = read_mat(
        tmp_path / "s.mat", counts="data", position="where", reference="fovea", area="V4"
    )
    assert flat.attrs["units"] == "spikes"
    assert flat["unit"].values.tolist() == ["s/0", "s/1", "s/2"]
    here = (session["image"] == 3) & (session["position"] < 0)
    got = flat.sel(image="photo3", position="left")[:, : here.sum()]
    np.testing.assert_array_equal(got, session["counts"][:, here])
    numbers = {"counts": session["counts"], "image": session["image"]}
    save_mat(tmp_path / "n.mat", {"s": numbers, "position": session["position"]}, version)
    nested = read_mat(tmp_path / "n.mat", counts="s.counts", image="s.image", **GIVEN)
    save_mat(tmp_path / "n.mat", session, version)
    np.testing.assert_array_equal(nested, read_mat(tmp_path / "n.mat", **GIVEN))


@pytest.mark.parametrize(
    "name", ["double_4.2c_SOL2", "double_6.1_SOL2", "double_7.4_GLNX86", "hdf5_7.4_GLNX86"]
)
def test_files_that_matlab_wrote(name):
    """SciPy is shipped with some, v4 and v7.3 among them, of the multiples of pi / 4."""
    path = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data" / f"test{name}.mat"
    if not path.is_file():
        missing(str(path))
    variables = dict.fromkeys(("counts", "image", "position", "x"), "testdouble")
    responses = read_mat(path, **variables, reference=0, area="V4")
    assert responses.dims == ("unit", "image", "position")  # nothing was shown twice
    expected = np.full((9, 9), np.nan)
    np.fill_diagonal(expected, np.arange(9) * np.pi / 4)
    np.testing.assert_allclose(responses[0], expected)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("changes", "given", "error", "said"),
    [
        ({}, {"counts": "rates"}, InputError, "there is no variable 'rates'; there are .*counts"),
        (
            {"s": {"a": np.ones(2)}},
            {"counts": "s.b"},
            InputError,
            "no variable 's.b'; there are s.a",
        ),
        ({"s": {"a": np.ones(2)}}, {"counts": "s"}, InputError, "'s' is a struct; name its field"),
        ({"image": np.zeros(4)}, {}, InputError, "counts must be units × 4 presentations"),
        ({"position": np.zeros(4)}, {}, InputError, "columns must have 47 entries"),
        ({"image": np.full(47, np.nan)}, {}, InputError, "image='image': 47 of 47 rows"),
        ({"image": np.zeros((2, 47))}, {}, InputError, "'image' must be a row or a column"),
        ({}, {"counts": "names"}, InputError, "counts|names must be real numbers"),
        ({}, {"unit": "areas"}, SchemaError, "'unit' labels must be unique"),
        ({}, {"window": (0.2, 0.1)}, InputError, "the stop of window must be a number above 0.2"),
        ({}, {"window": "depth"}, InputError, "window must be a start and a stop"),
        ({}, {"reference": 7}, SchemaError, r"\['reference'\] 7 is not among the positions"),
        ({}, {"units": "Hz"}, SchemaError, r"attrs\['units'\] must be one of"),
    ],
)
def test_what_cannot_be_read_is_one_line(session, tmp_path, version, changes, given, error, said):
    save_mat(tmp_path / "m.mat", session | changes, version)
    with pytest.raises(error, match=said) as refused:
        read_mat(tmp_path / "m.mat", **GIVEN | given)
    assert "\n" not in str(refused.value)


def test_what_is_no_matlab_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="absent.mat: no such file"):
        read_mat(tmp_path / "absent.mat", **GIVEN)
    (tmp_path / "text.mat").write_text("unit,image,position\n" * 20)
    with pytest.raises(InputError, match=r"text.mat: cannot be read as a MATLAB file: .*; save it"):
        read_mat(tmp_path / "text.mat", **GIVEN)
    (tmp_path / "empty.mat").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty.mat: cannot be read as a MATLAB file"):
        read_mat(tmp_path / "empty.mat", **GIVEN)


def test_a_class_that_only_matlab_reads_is_named(session, tmp_path, monkeypatch):
    """MATLAB's string arrays: pymatreader gives None for them."""
    import pymatreader

    save_mat(tmp_path / "m.mat", session, "5")
    read = pymatreader.read_mat
    monkeypatch.setattr(pymatreader, "read_mat", lambda *_: read(*_) | {"image": None})
    with pytest.raises(InputError, match="'image' is of a class that only MATLAB reads; .*cellstr"):
        read_mat(tmp_path / "m.mat", **GIVEN)
