"""The example of a lab's own adapter: it runs, and its array holds the counts of the file."""

import runpy
import sys

import numpy as np
import scipy.io

from artiphys.responses.schema import validate
from environment import ROOT

EXAMPLE = ROOT / "examples" / "matlab_counts.py"


def test_the_array_holds_the_counts_of_the_file(tmp_path):
    example = runpy.run_path(str(EXAMPLE))
    path = tmp_path / "monkey.mat"
    example["write_made_up_file"](path, n_units=3)
    responses = validate(example["read_matlab_counts"](path))
    assert responses.sizes == {"unit": 3, "image": 25, "position": 3, "trial": 5}
    assert responses["unit"].values[1] == "monkey/1"
    assert responses["x"].values.tolist() == [-1, 0, 1]
    file = scipy.io.loadmat(path, squeeze_me=True)
    assert int(responses.notnull().sum()) == file["counts"].size
    for image, position in ((0, 0.0), (24, -1.0)):
        rows = (file["image"] == image) & (file["position"] == position)
        got = responses.sel(image=f"{image:.1f}", position=position)[:, : rows.sum()]
        np.testing.assert_allclose(got, file["counts"][:, rows] / 0.2)


def test_the_example_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.count("session/") == 8
