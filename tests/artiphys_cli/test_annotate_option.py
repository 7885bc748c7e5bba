"""``artiphys ingest --annotate``: a copy of the recording with what was measured of its units."""

import os

import numpy as np
import pytest

from artiphys.responses.storage import open_responses
from artiphys.signatures.unit_table import unit_table
from artiphys_cli.main import main
from environment import missing

try:
    import pynwb

    from nwb_checks import assert_clean

except ImportError:
    missing("the extra 'nwb'", module=True)

TOML = 'image = "image"\nposition = "position"\nonset = "start_time"\n'


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.toml").write_text(TOML)
    words = ("--n-units", "8", "--n-images", "12", "--n-positions", "3", "--quiet")
    assert main(["simulate", "--out", "session.nwb", *words]) == 0
    return tmp_path


def ingest(*words):
    return main(["ingest", *words, "--layout", "lab.toml", "--out", "x.nc"])


def test_the_copy_has_the_table(lab, capsys):
    assert ingest("session.nwb", "--annotate", "copy.nwb") == 0
    assert "wrote copy.nwb" in capsys.readouterr().err
    table = unit_table(open_responses("x.nc"))
    with pynwb.NWBHDF5IO("copy.nwb", "r") as io:
        units = io.read().units.to_dataframe()
    for position in (1, 2):
        part = table[table["position"] == position]
        np.testing.assert_array_equal(units["dynamic_range"], part["dynamic_range"])
        np.testing.assert_array_equal(units[f"invariance_at_{position}"], part["invariance"])
        assert units[f"why_not_at_{position}"].tolist() == part["why_not"].tolist()
    assert_clean("copy.nwb")


def test_what_is_there_is_not_replaced_in_silence(lab, capsys):
    assert ingest("session.nwb", "--annotate", "copy.nwb", "--quiet") == 0
    for there in ("x.nc", "copy.nwb"):
        os.rename(there, f"{there}.old")
        assert ingest("session.nwb", "--annotate", "copy.nwb", "--quiet") == 2
        assert "is there already; add --overwrite" in capsys.readouterr().err
        assert not os.path.exists(there)
        os.rename(f"{there}.old", there)
    assert ingest("session.nwb", "--annotate", "copy.nwb", "--quiet", "--overwrite") == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("session.nwb", "session.nwb", "--annotate", "c.nwb"), "one session in one file"),
        (("session.nwb", "--annotate", "c.h5"), "must end in .nwb"),
        (("session.nwb", "--annotate", "no/c.nwb"), "the folder no does not exist"),
        (("session.nwb", "--annotate", "./session.nwb", "--overwrite"), "the recording itself"),
        (("https://127.0.0.1:9/a.nwb", "--annotate", "c.nwb"), "download it first"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(lab, capsys, words, fault):
    before = sorted(os.listdir())
    assert ingest(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert fault in err
    assert err.count("artiphys: error:") == 1
    assert sorted(os.listdir()) == before


def test_units_that_were_not_asked_for_have_nothing(lab):
    assert ingest("session.nwb", "--annotate", "copy.nwb", "--units-where", "id < 3") == 0
    with pynwb.NWBHDF5IO("copy.nwb", "r") as io:
        units = io.read().units.to_dataframe()
    assert np.isnan(units["dynamic_range"]).tolist() == [False] * 3 + [True] * 5
