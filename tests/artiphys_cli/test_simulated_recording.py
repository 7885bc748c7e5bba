"""``artiphys simulate --out x.nwb``: a recording from which what was simulated is read."""

import os

import numpy as np
import pytest

from artiphys.responses.storage import open_responses, save_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main
from environment import missing

try:
    from artiphys_nwb import describe_nwb, read_nwb
    from artiphys_nwb.simulated import spike_trains
    from nwb_checks import assert_clean
except ImportError:
    missing("the extra 'nwb'", module=True)

SMALL = ("--n-units", 6, "--n-images", 12, "--n-positions", 3)
SIZES = {"n_units": 6, "n_images": 12, "n_positions": 3}


def run(*argv):
    assert main([str(word) for word in argv]) == 0


def refused(capsys, *argv):
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def assert_same(read, simulated):
    """All that was simulated, trial for trial and in its order; of more, the electrodes alone."""
    assert set(read.coords) - set(simulated.coords) <= {"electrode", "trial"}
    for name in simulated.coords:
        assert read[name].values.tolist() == simulated[name].values.tolist()
        assert read[name].attrs == simulated[name].attrs
    assert {**read.attrs, "provenance": ""} == {**simulated.attrs, "provenance": ""}
    np.testing.assert_allclose(read, simulated, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"repeats": (2, 7)},
        {"rate": 0.05},
        {"rate": 500.0, "fano": 3.0},
        {"relation": "none", "area": "IT/anterior"},
        {"n_positions": 1, "repeats": 1},
        {"n_units": 1, "n_images": 2, "n_positions": 1, "repeats": 1},
    ],
    ids=str,
)
def test_ingest_gives_what_was_simulated(tmp_path, how):
    path, out, layout = tmp_path / "session.nwb", tmp_path / "x.nc", tmp_path / "lab.toml"
    words = []
    for name, value in (SIZES | how).items():
        words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, tuple) else [value])]
    run("simulate", "--out", path, "--seed", 3, *words)
    layout.write_text(describe_nwb(path).layout.to_toml())
    run("ingest", path, "--layout", layout, "--out", out)
    assert_same(open_responses(out), simulate_responses(**SIZES | how, rng=3).responses)


def test_the_whole_road(tmp_path, monkeypatch, capsys):
    """What the README's example does, and a comparison with another recording."""
    monkeypatch.chdir(tmp_path)
    run("simulate", "--out", "session.nwb", "--truth", "truth.nc", "--rate", 30, "--repeats", 10)
    capsys.readouterr()
    run("describe", "session.nwb", "--layout-only")
    (tmp_path / "lab.toml").write_text(capsys.readouterr().out)
    run("ingest", "session.nwb", "--layout", "lab.toml", "--out", "v4.nc")
    run("signature", "v4.nc")
    assert "simulated, position 1: " in capsys.readouterr().out
    responses, truth = simulate_responses(rng=1)
    network = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    save_responses(network, "network.nc")
    run("compare", "network.nc", "v4.nc", "--positions", "1=1", "--n-passes", 5)
    assert "simulated" in capsys.readouterr().out


def test_pynwb_and_nwbinspector_find_nothing_wrong(tmp_path):
    run("simulate", "--out", tmp_path / "s.nwb", *SMALL)
    assert_clean(tmp_path / "s.nwb", worst="BEST_PRACTICE_SUGGESTION")
    assert_clean(tmp_path / "s.nwb", config="dandi", worst="BEST_PRACTICE_SUGGESTION")


def test_several_sessions_are_several_files(tmp_path, capsys):
    run("simulate", "--out", tmp_path / "s.NWB", *SMALL, "--n-sessions", 2, "--repeats", 2, 4)
    assert sorted(os.listdir(tmp_path)) == ["s_0.NWB", "s_1.NWB"]
    assert capsys.readouterr().err.count("wrote") == 2
    paths = [tmp_path / "s_0.NWB", tmp_path / "s_1.NWB"]
    read = read_nwb(paths, describe_nwb(paths[0]).layout)
    simulated = simulate_responses(**SIZES, n_sessions=2, repeats=(2, 4), rng=0)
    assert_same(read, simulated.responses)


def test_another_window_is_said(tmp_path, capsys):
    path = tmp_path / "s.nwb"
    run("simulate", "--out", path, *SMALL, "--window", 0.5)
    assert "read it with --window 0.05 0.55" in capsys.readouterr().err
    read = read_nwb(path, describe_nwb(path).layout, window=(0.05, 0.55))
    assert_same(read, simulate_responses(**SIZES, window=0.5, rng=0).responses)


def test_a_seed_gives_one_recording(tmp_path):
    for name in ("a", "b"):
        run("simulate", "--out", tmp_path / f"{name}.nwb", *SMALL)
    run("simulate", "--out", tmp_path / "c.nwb", *SMALL, "--seed", 1)
    digests = {}
    for name in "abc":
        path = tmp_path / f"{name}.nwb"
        read = read_nwb(path, describe_nwb(path).layout, window=(-0.2, 0.3))
        digests[name] = read.values.tobytes()
    assert digests["a"] == digests["b"] != digests["c"]


@pytest.mark.parametrize("suffix", ["nwb", "nc"])
def test_nothing_is_overwritten_in_silence(tmp_path, capsys, suffix):
    out, truth = tmp_path / f"s.{suffix}", tmp_path / "t.nc"
    words = ("simulate", *SMALL, "--out", out)
    run(*words)
    capsys.readouterr()
    assert "is there already; add --overwrite" in refused(capsys, *words)
    run(*words, "--seed", 1, "--overwrite", "--truth", truth)
    capsys.readouterr()
    assert "s.nwb" in str(out) or open_responses(out).sizes["unit"] == 6
    out.unlink()
    assert "t.nc is there already" in refused(capsys, *words, "--truth", truth)
    assert os.listdir(tmp_path) == ["t.nc"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--out", "{folder}/absent/s.nwb"), "does not exist; make it first"),
        (("--out", "{folder}/s.nwb", "--window", "20"), "windows of at most 9 s; got 20"),
        (("--out", "{folder}/s.nwb", "--n-sessions", "81"), "n_sessions must not exceed"),
        (
            (
                "--out",
                "{folder}/s.hdf5",
            ),
            "must end in .nc (netCDF4) or .zarr (Zarr); got '.hdf5'",
        ),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path, capsys, words, fault):
    assert fault in refused(capsys, "simulate", *(w.format(folder=tmp_path) for w in words))
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("artiphys_nwb.simulated.write_nwb", interrupted)
    words = ("--out", tmp_path / "s.nwb", "--truth", tmp_path / "t.nc", "--n-sessions", 2)
    assert "interrupted" in refused(capsys, "simulate", *words)
    assert os.listdir(tmp_path) == []


def test_trains_have_the_counts_in_their_windows_and_are_not_silent_between():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30, (4, 50))
    starts = 2.0 + 0.5 * np.arange(50)
    trains = spike_trains(rng, counts, starts, 0.2)
    for train, of_unit in zip(trains, counts, strict=True):
        assert (np.diff(train) >= 0).all()
        edges = np.searchsorted(train, [starts, starts + 0.2])
        np.testing.assert_array_equal(edges[1] - edges[0], of_unit)
        assert len(train) > of_unit.sum() + 20
