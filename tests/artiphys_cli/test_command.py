"""The command: tables and files on good input; on bad input one line and exit 2."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from artiphys.errors import ArtiphysWarning
from artiphys.responses import storage
from artiphys.responses.storage import open_responses, save_responses
from artiphys.signatures.unit_table import unit_table
from artiphys.simulation import simulate_responses
from artiphys_cli import signature as signature_command
from artiphys_cli.main import main
from artiphys_cli.terminal import p_text, wrapped
from environment import heed_interrupts, missing


@pytest.fixture
def file(make_responses, tmp_path):
    rng = np.random.default_rng(0)
    scale = rng.lognormal(size=(30, 1, 1))
    values = scale * (scale * rng.normal(size=(30, 40, 1)) + rng.normal(size=(30, 40, 3)))
    area = ["V4"] * 20 + ["IT"] * 10
    responses = make_responses(values, area=area, position=[0.0, 0.125, 0.25])
    save_responses(responses, tmp_path / "r.nc")
    return tmp_path / "r.nc"


def refused(capsys, *argv):
    """Run the command; return the one line that it refuses with."""
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("artiphys: error: ")
    return err


def test_signature_prints_a_table_and_writes_it(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["signature", str(file), "--n-resamples", "2000", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "V4" in printed
    assert "< 0.001" in printed
    assert sorted(os.listdir(out)) == ["signature-r.csv", "signature-r.png"]
    table = pd.read_csv(out / "signature-r.csv")
    assert table["area"].tolist() == ["V4", "V4", "IT", "IT"]
    assert table["n_units"].tolist() == [20, 20, 10, 10]
    assert (table["ci_lower"] < table["spearman"]).all()
    assert (table["spearman"] < table["ci_upper"]).all()


def test_a_large_file_is_read_in_chunks_to_the_same_end(file, monkeypatch, capsys):
    assert main(["signature", str(file), "--n-resamples", "99"]) == 0
    whole = capsys.readouterr().out
    monkeypatch.setattr(signature_command, "LARGE", 0)
    monkeypatch.setattr(signature_command, "WORTH_A_LOOK", 0)
    opened = []
    original = storage.open_responses
    monkeypatch.setattr(
        storage, "open_responses", lambda *a, **how: opened.append(how) or original(*a, **how)
    )
    assert main(["signature", str(file), "--n-resamples", "99"]) == 0
    assert capsys.readouterr().out == whole
    assert opened == [{"chunks": "auto"}]


def test_a_damaged_chunk_of_a_large_file_is_one_line(file, tmp_path, monkeypatch, capsys):
    try:
        import dask  # noqa: F401
        import zarr  # noqa: F401
    except ImportError:
        missing("the extras 'dask' and 'zarr'")
    monkeypatch.setattr(signature_command, "LARGE", 0)
    monkeypatch.setattr(signature_command, "WORTH_A_LOOK", 0)
    store = tmp_path / "r.zarr"
    save_responses(open_responses(file).chunk({"unit": 10}), store)
    chunk = store / "response" / "1.0.0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    told = refused(capsys, "signature", store, "--n-resamples", "9", "--out", tmp_path / "out")
    assert "r.zarr: response: units u0 to u29 cannot be read or computed" in told
    assert not (tmp_path / "out").exists()


def test_quiet_prints_nothing(file, capsys):
    assert main(["signature", str(file), "--n-resamples", "9", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_numeric_reference_may_be_typed(file, capsys):
    assert main(["signature", str(file), "--n-resamples", "9", "--reference", "0.25"]) == 0
    assert "0.125" in capsys.readouterr().out
    assert "not among the positions" in refused(capsys, "signature", file, "--reference", "left")


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        ([], "required: COMMAND"),
        (["sing"], "invalid choice: 'sing'"),
        (["signature"], "required: FILE"),
        (["signature", "absent.nc"], "absent.nc: no such file"),
        (["signature", "absent.csv"], "must end in .nc"),
        (["signature", "{file}", "--by", "layer"], "by must be a coordinate along 'unit'"),
        (["signature", "{file}", "--level", "95"], "level must lie between 0 and 1"),
        (["signature", "{file}", "--n-resamples", "0"], "n_resamples must be a whole number"),
        (["signature", "{file}", "--seed", "-1"], "a seed is a whole number of at least 0; got -1"),
        (["signature", "{file}", "--noise", "some"], "invalid choice: 'some'"),
        (
            ["signature", "{file}", "--resample", "trial"],
            "resample must be one of: unit, image and unit, session and unit; got trial",
        ),
        (
            ["signature", "{file}", "--noise", "split"],
            "must have a 'trial' dim for --noise split; got averages only; use --noise none",
        ),
        (
            ["signature", "{file}", "--covariates", "mean_response", "depth"],
            "covariates must be among ['mean_response', 'signal_to_noise', 'n_repeats']; got 'dep",
        ),
        (
            ["signature", "{file}", "--covariates", "n_repeats"],
            "the covariate 'n_repeats' is measured from single trials; got averages only",
        ),
        (
            ["signature", "{file}", "--reference", "best"],
            "--reference best chooses on trials of its own; got averages; name a position",
        ),
        (["signature", "{file}", "--out", "{file}"], "a file of that name is in the way"),
        (
            ["signature", "{file}", "--table", "t.txt"],
            "t.txt: the name must end in .csv; got '.txt'",
        ),
        (["signature", "{file}", "--table", "absent/t.csv"], "the folder absent does not exist"),
        (
            ["signature", "{file}", "--out", "o", "--table", "o/signature-r.csv"],
            "o/signature-r.csv: --out writes its own table there; give --table another name",
        ),
        (
            ["signature", "{file}", "--out", "o", "--table", "o/../o/signature-r.csv"],
            "--out writes its own table there; give --table another name",
        ),
    ],
)
def test_bad_arguments_are_one_line(file, capsys, argv, fault):
    assert fault in refused(capsys, *(word.format(file=file) for word in argv))
    assert os.listdir(file.parent) == [file.name]


def test_an_interrupt_is_one_line(file, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("artiphys.signatures.signature.signature", interrupted)
    assert "interrupted" in refused(capsys, "signature", file)


def test_an_interrupt_that_a_library_makes_an_error_of_is_still_one(file, capsys, monkeypatch):
    def loading(*_, **__):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            msg = "the module could not be initialised"
            raise RuntimeError(msg) from None

    monkeypatch.setattr("artiphys.signatures.signature.signature", loading)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert "error: interrupted; what was half" in refused(capsys, "signature", file)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_bug_keeps_its_traceback(file, monkeypatch):
    def broken(*_, **__):
        msg = "a bug of ours"
        raise AssertionError(msg)

    monkeypatch.setattr("artiphys.signatures.signature.signature", broken)
    with pytest.raises(AssertionError, match="a bug of ours"):
        main(["signature", str(file)])


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_one_line_and_nothing_half_written(file, kind):
    out = file.parent / "out"
    command = [sys.executable, "-m", "artiphys_cli", "signature", str(file), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--n-resamples", "5000000"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    while not out.is_dir():
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "artiphys: error: interrupted; what was half-written is removed\n"
    assert not out.exists()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_everything_is_imported_is_one_line(tmp_path, kind):
    """The stand-in for numpy tells when it is imported, and takes its time."""
    (tmp_path / "numpy.py").write_text(
        "print('importing', flush=True)\nimport time; time.sleep(60)"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from artiphys_cli.main import main; main(['signature', 'v4.nc'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "artiphys: error: interrupted\n")


def test_an_ignored_interrupt_stays_ignored():
    """As nohup and shells do for what runs in the background."""
    code = """
import signal, sys
from artiphys_cli.main import main
sys.argv = ["artiphys", "--version"]
try:
    main()
finally:
    print(signal.getsignal(signal.SIGINT).name)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("SIG_IGN\n"), done.stderr


def test_output_may_be_cut_short_by_its_reader(file):
    command = f"{sys.executable} -m artiphys_cli signature {file} --n-resamples 9 | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_two_files_of_one_name_get_two_figures(file, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(file, tmp_path / name / "r.nc")
    files = [str(tmp_path / name / "r.nc") for name in ("a", "b")]
    out = tmp_path / "out"
    assert main(["signature", *files, "--n-resamples", "9", "--out", str(out)]) == 0
    names = [f"signature-{name}-r.nc.{kind}" for name in "ab" for kind in ("csv", "png")]
    assert sorted(os.listdir(out)) == names
    capsys.readouterr()
    assert "is given 2 times; give each FILE once" in refused(capsys, "signature", file, file)


def test_the_table_of_units_is_that_of_python_and_each_warning_is_told_once(tmp_path, capsys):
    depth = np.arange(40.0)
    depth[3] = np.nan
    responses = simulate_responses(n_units=40, n_images=20, rng=0).responses
    responses = responses.assign_coords(half=("unit", np.where(depth < 20, 0.0, depth * 0 + 1)))
    save_responses(responses, tmp_path / "r.nc")
    path = tmp_path / "units.CSV"
    argv = ["signature", str(tmp_path / "r.nc"), "--by", "half", "--table", str(path), "--quiet"]
    assert main(argv) == 0
    assert capsys.readouterr().err.count("'half' is missing (NaN) for 1 of 40 units") == 1
    with pytest.warns(ArtiphysWarning, match="'half' is missing"):
        expected = unit_table(responses, by="half").assign(file=str(tmp_path / "r.nc"))
    found = pd.read_csv(path).fillna({"why_not": ""})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_long_table_shows_its_ends_and_says_where_the_whole_is(make_responses, tmp_path, capsys):
    values = np.random.default_rng(0).normal(size=(300, 5, 2))
    responses = make_responses(values, unit_coords={"channel": np.arange(300) // 3})
    save_responses(responses, tmp_path / "r.nc")
    argv = ["signature", str(tmp_path / "r.nc"), "--by", "channel", "--n-resamples", "9"]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") < 35
    assert "80 of 100 rows are not shown; add --out DIR for all" in printed
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    assert "no figure: 100 groups are too many" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "out" / "signature-r.csv")) == 100


def test_p_values_as_a_paper_prints_them():
    assert [p_text(p) for p in (0.0001, 0.04321, np.nan)] == ["< 0.001", "0.043", "-"]


def test_units_without_an_invariance_are_told(make_responses, tmp_path, capsys):
    values = np.random.default_rng(0).normal(size=(9, 20, 2))
    values[:2] = 1.0  # constant
    save_responses(make_responses(values), tmp_path / "r.nc")
    assert main(["signature", str(tmp_path / "r.nc"), "--n-resamples", "9"]) == 0
    assert "V4: 2 of 9 units left out" in capsys.readouterr().err


def test_trials_get_a_verdict(make_responses, tmp_path, capsys):
    rng = np.random.default_rng(0)
    rates = 5 * rng.lognormal(size=(20, 30, 2, 1)) * np.ones(6)
    save_responses(make_responses(rng.poisson(rates)), tmp_path / "r.nc")
    assert main(["signature", str(tmp_path / "r.nc")]) == 0
    printed = capsys.readouterr().out
    assert "V4, position 1: " in printed
    assert "as measured would have said" in printed


@pytest.fixture
def recording(tmp_path):
    responses = simulate_responses(relation="none", n_units=40, rng=0).responses
    depth = np.r_[np.nan, np.nan, np.arange(38.0)]
    save_responses(responses.assign_coords(depth=("unit", depth)), tmp_path / "r.nc")
    return tmp_path / "r.nc"


def test_covariates_are_held_constant_and_counted(recording, tmp_path, capsys):
    words = ["--covariates", "depth", "mean_response", "--out", str(tmp_path / "out")]
    assert main(["signature", str(recording), *words]) == 0
    printed, told = capsys.readouterr()
    assert "with depth and mean_response held constant, " in printed
    assert "2 without depth or mean_response" in printed
    assert "'depth' is missing (NaN) for 2 of 40 units, which are left out: simulated_0/0, " in told
    assert pd.read_csv(tmp_path / "out" / "signature-r.csv")["n_without_covariate"].tolist() == [2]


@pytest.mark.parametrize("noise", ["corrected", "split", "none"])
def test_every_estimate_from_trials_gets_a_verdict(recording, capsys, noise):
    words = ["--noise", noise, "--n-resamples", "99"]
    assert main(["signature", str(recording), *words]) == 0
    printed = capsys.readouterr().out
    assert "simulated, position 1: " in printed
    assert "Caution: " in printed
    assert ("as measured would have said" in printed) is (noise != "none")


def test_the_table_of_units_has_a_row_for_each_of_every_file(recording, tmp_path):
    shutil.copy(recording, tmp_path / "trials.nc")
    values = open_responses(recording)
    out, units = tmp_path / "out", tmp_path / "out" / "units.CSV"
    words = ["--n-resamples", "9", "--noise", "none", "--out", str(out), "--table", str(units)]
    assert main(["signature", str(tmp_path / "trials.nc"), str(recording), *words]) == 0
    assert "units.CSV" in os.listdir(out)
    table = pd.read_csv(units)
    assert table["file"].value_counts(sort=False).to_dict() == {
        str(tmp_path / "trials.nc"): 40,
        str(recording): 40,
    }
    expected = unit_table(values, noise=None)
    pd.testing.assert_frame_equal(
        table.iloc[40:][["unit", "dynamic_range", "invariance", "depth"]].reset_index(drop=True),
        expected[["unit", "dynamic_range", "invariance", "depth"]],
        check_dtype=False,
    )


def test_a_table_that_fails_leaves_nothing(recording, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    words = ["--n-resamples", "9", "--out", tmp_path / "out", "--table", tmp_path / "u.csv"]
    assert "the disk is full" in refused(capsys, "signature", recording, *words)
    assert os.listdir(tmp_path) == [recording.name]


def test_nothing_is_lost_in_silence(file, tmp_path, capsys):
    shutil.copy(file, tmp_path / "b.nc")
    out, table = tmp_path / "out", tmp_path / "u.csv"
    words = ["--n-resamples", "9", "--out", str(out)]
    assert main(["signature", str(file), *words, "--table", str(table)]) == 0
    told = capsys.readouterr().err.splitlines()
    written = [out / "signature-r.csv", out / "signature-r.png", table]
    assert told == [f"wrote {path}" for path in written]
    before = [path.read_bytes() for path in written]
    assert main(["signature", str(tmp_path / "b.nc"), *words]) == 0
    assert [path.read_bytes() for path in written] == before
    capsys.readouterr()
    more = ["--n-resamples", "19", "--seed", "7"]
    there = refused(capsys, "signature", file, *words, *more)
    assert f"{written[0]}, and 1 more, are there already; add --overwrite, or write else" in there
    there = refused(capsys, "signature", file, *more, "--table", table)
    assert f"{table} is there already; add --overwrite" in there
    assert [path.read_bytes() for path in written] == before
    words += [*more, "--overwrite", "--quiet"]
    assert main(["signature", str(file), *words]) == 0
    assert capsys.readouterr() == ("", "")
    assert written[0].read_bytes() != before[0]


def test_names_of_layers_are_shortened_to_fit_80_columns(make_responses, tmp_path, capsys):
    layers = [f"features.denseblock3.denselayer{n}.conv1" for n in (12, 13)]
    values = np.random.default_rng(0).normal(size=(40, 30, 3))
    responses = make_responses(values, area=np.repeat(layers, 20))
    save_responses(responses, tmp_path / "a-network-of-a-very-long-name.nc")
    shutil.copy(tmp_path / "a-network-of-a-very-long-name.nc", tmp_path / "b.nc")
    files = [str(tmp_path / name) for name in ("a-network-of-a-very-long-name.nc", "b.nc")]
    assert main(["signature", *files, "--n-resamples", "9"]) == 0
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if not line.startswith(str(tmp_path)[:4])]
    assert max(map(len, [*lines, *printed.split("\n\n")[0].splitlines()])) <= 80
    rows = printed.split("\n\n")[0].splitlines()[2:]
    assert len({tuple(row.split()[:3]) for row in rows}) == len(rows) == 8
    assert printed.count("Reference position: 0.") == 2
    assert f"{layers[0]}, position 1: no relation" in printed


def test_a_network_gets_a_verdict(file, capsys):
    assert main(["signature", str(file), "--n-resamples", "99"]) == 0
    printed = capsys.readouterr().out
    assert "V4, position 0.125: units of wider dynamic range are more invariant" in printed
    assert printed.endswith("\n\nReference position: 0.\n")


def test_a_bound_stands_for_what_is_beyond_it(recording, capsys, monkeypatch):
    from artiphys.signatures.signature import signature

    def beyond(*given, **how):
        result = signature(*given, **how)
        result["spearman"][:] = 1.27
        result["interval"][:] = [-0.001, 2.59]
        return result

    monkeypatch.setattr("artiphys.signatures.signature.signature", beyond)
    assert main(["signature", str(recording)]) == 0
    printed = capsys.readouterr().out
    assert "> 1*  [0.00, > 1*]" in printed
    assert "Spearman's r_s is > 1*, 95 % interval 0.00 to > 1*, in " in printed
    assert printed.count("* Beyond ±1 once corrected for noise") == 1
    assert "1.27" not in printed
    assert "2.59" not in printed


@pytest.mark.parametrize("command", [["reproduce"], ["probe", "--out", "x.nc"]])
def test_without_the_extra_it_is_the_one_named(tmp_path, command):
    code = f"""
import sys
class Missing:
    def find_spec(self, name, *_):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, Missing())
from artiphys_cli.main import main
sys.exit(main({command!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == (
        "artiphys: error: artiphys_torch needs torch: pip install 'artiphys[torch]', "
        "or from a checkout pip install '.[torch]'\n"
    )


def test_no_line_ends_within_a_number():
    text = "word " * 15 + "(p = 0.043, 95 % interval -0.22 to > 1*)"
    lines = wrapped(text, io.StringIO()).splitlines()
    assert lines == ["word " * 14 + "word", "(p = 0.043, 95 % interval -0.22 to > 1*)"]
