"""``artiphys probe``: thin, and one line where something is wrong."""

import numpy as np
import pytest
from PIL import Image

from artiphys.responses.storage import open_responses
from artiphys_cli.main import main
from artiphys_torch.probing import extent
from artiphys_torch.probing.partial_results import PartialResults
from torch_networks import photographs


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "photographs"
    path.mkdir()
    for index, pixels in enumerate(photographs(4)):
        Image.fromarray(pixels).save(path / f"{index}.png")
    return path


SMALL = [
    "probe",
    "--model",
    "squeezenet1_1",
    "--layers",
    "first=features.3.squeeze",
    "features.3.expand1x1",
]


def test_writes_a_file_and_prints_a_table(tmp_path, folder, capsys):
    out = tmp_path / "r.nc"
    arguments = ["--images", str(folder), "--n-images", "2", "--shifts", "0", "1/8", "--out"]
    assert main([*SMALL, *arguments, str(out), "--seed", "3"]) == 0
    printed = capsys.readouterr()
    assert "features.3.squeeze" in printed.out
    assert "2 images" in printed.err
    responses = open_responses(out)
    assert responses.image.values.tolist() == ["0.png", "2.png"]
    assert responses.position.values.tolist() == [0, 0.125]
    assert list(dict.fromkeys(responses.area.values)) == ["first", "features.3.expand1x1"]
    assert set(responses.source.values) == {"squeezenet1_1-untrained-seed3"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photographs", "r.nc"]


def test_all_units_go_on_after_a_stop_and_are_replaced_on_purpose(
    tmp_path, folder, capsys, monkeypatch
):
    out = tmp_path / "r.zarr"
    given = [*SMALL, "--images", str(folder), "--units", "all", "--out", str(out)]
    with monkeypatch.context() as patched:
        patched.setattr(extent, "CHUNK", 1)

        def stopped(*_):
            raise KeyboardInterrupt

        patched.setattr(PartialResults, "finish", stopped)
        assert main(given) == 2
        told = capsys.readouterr().err
        assert "interrupted; the same call goes on from what is in" in told
        assert main([*given, "--crop", "0.5"]) == 2
        told = capsys.readouterr().err
        assert "r.zarr.partial is of another run, which differs in crop; ask for the same" in told
    monkeypatch.setattr(extent, "CHUNK", 1)
    assert main(given) == 0
    responses = open_responses(out)
    assert {"row", "column", "rf_x", "rf_y"} <= set(responses.coords)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photographs", "r.zarr"]
    capsys.readouterr()
    assert main(given) == 2
    told = capsys.readouterr().err
    assert "r.zarr is there already; add --overwrite, or write elsewhere" in told
    assert main([*given, "--overwrite", "--n-images", "2", "--dtype", "float64"]) == 0
    replaced = open_responses(out)
    assert (replaced.sizes["image"], replaced.dtype) == (2, np.float64)


def test_dead_leaves_and_quiet(tmp_path, capsys):
    out = tmp_path / "r.zarr"
    assert main([*SMALL, "--n-images", "2", "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert open_responses(out).image.values.tolist() == ["leaves-0-000", "leaves-0-001"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--layers", "conv9"], "no layer 'conv9'; the layers are features.0"),
        (["--layers", "a=features.0", "a=features.3.squeeze"], "must name each area once"),
        (["--model", "squeezenet9"], "no network 'squeezenet9'"),
        (["--weights", "gone.pth"], "gone.pth: no such file; expected"),
        (["--images", "gone"], "gone: no such photograph"),
        (["--shifts", "0", "1/2"], "the photograph leaves the canvas"),
        (["--shifts", "0", "x"], "must be a number, as 0.125 or 1/8; got 'x'"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["--dtype", "int8"], "dtype must be one of float16"),
        (["--units", "some"], "invalid choice: 'some' (choose from central, all)"),
        (["--out", "r.csv"], "the name must end in .nc"),
        (["--background", "1e300"], "a number, within single precision; got '1e300'"),
        (["--device", "meta"], "no device 'meta' here"),
        (["--n-images", "0"], "n_images must be a whole number of at least 1"),
    ],
)
def test_bad_input_is_one_line(tmp_path, folder, capsys, monkeypatch, arguments, line):
    monkeypatch.chdir(tmp_path)
    given = [*SMALL, "--images", str(folder), "--out", "r.nc", *arguments]
    code = main(given)
    printed = capsys.readouterr().err
    assert code == 2
    assert line in printed
    assert printed.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["photographs"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "sec"), "sec: permission denied"),
        (OSError("no number"), "no number"),
        (OSError(), "OSError"),
    ],
)
def test_the_system_s_errors_are_told_without_numbers(capsys, monkeypatch, error, line):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr("artiphys_torch.as_photographs", failing)
    assert main([*SMALL, "--out", "r.nc"]) == 2
    assert capsys.readouterr().err == f"artiphys: error: {line}\n"


def test_a_truncated_photograph_leaves_nothing(tmp_path, folder, capsys):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (99, 99, 3), dtype=np.uint8)).save(folder / "9.jpg")
    whole = (folder / "9.jpg").read_bytes()
    (folder / "9.jpg").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "r.nc"
    assert main([*SMALL, "--images", str(folder), "--out", str(out), "--quiet"]) == 2
    assert "9.jpg: cannot be read as a photograph" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["photographs"]
