"""Table 1, compensation and Figure 1: against loops, on photographs, by the command."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.responses.storage import open_responses
from artiphys_cli.main import main
from environment import missing

try:
    import torch

    from artiphys_cli.pospisil_bair_2019.reproduction import reproduce
    from artiphys_torch import dead_leaves, layer_inputs, load_alexnet
except ImportError:
    missing("the extra 'torch'", module=True)

LAYERS = ["conv2", "conv3", "conv4", "conv5"]


@pytest.fixture(scope="module")
def leaves():
    return dead_leaves(12, size=96, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for number, pixels in enumerate(dead_leaves(8, size=64)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_the_table_and_the_compensation_are_those_of_a_loop(leaves):
    model = load_alexnet(seed=1)
    result = reproduce(model, leaves, n_resamples=50, rng=0, progress=False)
    values = result.responses
    for area in LAYERS:
        units = values.sel(unit=values["area"] == area).values.astype(float)
        spread = [np.var(unit[:, 0], ddof=1) for unit in units]
        for column, distance in enumerate(("close", "far"), start=1):
            carried = [np.corrcoef(unit[:, 0], unit[:, column])[0, 1] for unit in units]
            cell = result.table["spearman"].sel(area=area, distance=distance)
            assert float(cell) == pytest.approx(
                stats.spearmanr(spread, carried).statistic, abs=1e-9
            )
    inputs = layer_inputs(model, leaves, "features.6", shifts=(0,), progress=False).values[:, 0]
    variance = [
        np.mean([[np.var(inputs[:, c, i, j], ddof=1) for i in range(3)] for j in range(3)])
        for c in range(192)
    ]
    weights = np.abs(model.features[6].weight.detach().numpy()).sum((2, 3))
    share = [np.mean(weights[:, c] / weights.sum(1)) for c in range(192)]
    expected = stats.spearmanr(share, variance).statistic
    found = float(result.compensation["spearman"].sel(area="conv3"))
    assert found == pytest.approx(expected, abs=1e-3)  # float32 shares can change places
    assert result.compensation["n"].values.tolist() == [64, 192, 384, 256]


def test_the_papers_figures_stand_beside_the_right_network(leaves):
    untrained, trained = (
        reproduce(load_alexnet(), leaves[:4], trained=t, n_resamples=9, rng=0, progress=False)
        for t in (False, True)
    )
    cell = {"area": "conv5", "distance": "far"}
    assert untrained.table["paper"].sel(cell) == 0.64
    assert trained.table["paper"].sel(cell) == 0.18
    assert np.isnan(untrained.compensation["paper"]).all()
    assert trained.compensation["paper"].sel(area="conv3") == 0.34


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_relation_on_photographs(shared_data, seed):
    """The claim: every cell positive, and Close above Far in every layer, whatever the seed."""
    result = reproduce(
        load_alexnet(seed=seed), shared_data / "images", n_resamples=2000, rng=0, progress=False
    )
    assert result.responses.sizes["image"] == 500
    table = result.table
    assert (table["spearman"] > 0).all()
    assert (table["p_value"] < 0.001).all()
    assert (table["spearman"].sel(distance="close") > table["spearman"].sel(distance="far")).all()


def test_shuffled_units_show_no_relation(leaves):
    """The control: invariance of one unit beside the dynamic range of another."""
    responses = reproduce(load_alexnet(), leaves, n_resamples=9, progress=False).responses
    spread, carried = dynamic_range(responses), invariance(responses).sel(position=1 / 8)
    members = np.flatnonzero(responses["area"] == "conv3")
    rng = np.random.default_rng(0)
    shuffled = [
        stats.spearmanr(spread.values[rng.permutation(members)], carried.values[members]).statistic
        for _ in range(50)
    ]
    assert np.max(np.abs(shuffled)) < 0.25
    assert stats.spearmanr(spread.values[members], carried.values[members]).statistic > 0.3


def test_the_command_writes_what_it_says(folder, tmp_path, capsys):
    weights = tmp_path / "mine.pth"
    torch.save(load_alexnet(seed=9).state_dict(), weights)
    out = tmp_path / "out"
    argv = ["reproduce", "--images", folder, "--n-images", 6, "--weights", "untrained", weights]
    argv += ["--n-resamples", 200, "--seed", 4, "--device", "cpu", "--out", out]
    assert main([str(word) for word in argv]) == 0
    printed, told = capsys.readouterr()
    assert "Table 1, untrained" in printed
    assert "Table 1, mine" in printed
    assert [line.split()[:4] for line in printed.splitlines()].count(
        ["layer", "Close", "paper", "Far"]
    ) == 2
    assert "0.92" in printed
    assert "explained_invariance.csv" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "6 images" in told
    assert f"files to {out}/: explained_invariance.csv, figure1-conv3.pdf, " in " ".join(
        told.split()
    )
    assert sorted(os.listdir(out)) == [
        "explained_invariance.csv",
        "figure1-conv3.pdf",
        "figure1-conv3.png",
        "figure1.pdf",
        "figure1.png",
        "figure2.pdf",
        "figure2.png",
        "figure3-transfer.pdf",
        "figure3-transfer.png",
        "figure3.pdf",
        "figure3.png",
        "figure4-mine.pdf",
        "figure4-mine.png",
        "figure4-untrained.pdf",
        "figure4-untrained.png",
        "input_shares.csv",
        "integration.csv",
        "rectification_fit.csv",
        "responses-mine.nc",
        "responses-untrained.nc",
        "table1.csv",
        "weight_share.csv",
    ]
    table = pd.read_csv(out / "table1.csv")
    assert list(table.columns) == (
        "weights layer distance spearman ci_lower ci_upper p_value n_units paper".split()
    )
    assert table["weights"].tolist() == ["untrained"] * 8 + ["mine"] * 8
    assert table["layer"].tolist()[:4] == ["conv2", "conv2", "conv3", "conv3"]
    assert table["distance"].tolist()[:2] == ["close", "far"]
    explained = pd.read_csv(out / "explained_invariance.csv")
    assert explained.columns.tolist()[:4] == ["weights", "layer", "distance", "prediction"]
    assert len(explained) == 2 * 4 * 2 * 4
    exact = explained[explained["prediction"] == "exact"]
    assert (exact[["largest_error_variance", "largest_error_invariance"]] < 1e-4).all(axis=None)
    fits = pd.read_csv(out / "rectification_fit.csv")
    assert fits[["layer", "distance"]].to_numpy().tolist()[:3] == [
        ["conv2", "close"],
        ["conv2", "far"],
        ["conv3", "close"],
    ]
    assert (fits["rho"].notna() | fits["remark"].notna()).all()
    shares = pd.read_csv(out / "input_shares.csv")
    assert {"top_share", "invariance_real", "invariance_shuffled"} <= set(shares.columns)
    responses = open_responses(out / "responses-mine.nc")
    assert dict(responses.sizes) == {"unit": 1088, "image": 6, "position": 3}
    assert Image.open(out / "figure1.png").size[0] > 1000


def test_without_a_network_connection_the_rest_still_runs(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))

    def unanswered(_):
        raise OSError("no connection in this test")

    monkeypatch.setattr("artiphys_torch.networks.weights._require_answer", unanswered)
    out = tmp_path / "out"
    argv = ["reproduce", "--images", str(folder), "--n-images", "4", "--n-resamples", "9"]
    assert main([*argv, "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert "going on without imagenet: alexnet-owt-7be5be79.pth cannot be downloaded" in told
    assert "pass the file's path" in told
    assert "responses-untrained.nc" in os.listdir(out)
    assert main([*argv, "--weights", "imagenet", "--out", str(out)]) == 2


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def spoil(kind, folder):
    """Make a checkpoint or a photograph that is no good, and return the arguments that name it."""
    path = folder / "bad"
    state = load_alexnet().state_dict()
    if kind == "empty folder":
        path.mkdir()
        return ["--images", path]
    if kind in ("text", "truncated"):
        path.mkdir()
        for name in "acd":
            Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path / f"{name}.jpg")
        if kind == "text":
            (path / "b.jpg").write_text("not a picture")
        else:
            noise = np.random.default_rng(0).integers(255, size=(200, 200, 3), dtype=np.uint8)
            Image.fromarray(noise).save(path / "b.jpg")
            (path / "b.jpg").write_bytes((path / "b.jpg").read_bytes()[:5000])
        return ["--weights", "untrained", "--images", path]
    path = path.with_suffix(".pth")
    if kind == "shapes":
        state["features.3.weight"] = torch.zeros(2, 2)
    if kind == "missing":
        del state["features.3.bias"]
    if kind == "nan":
        state["features.0.weight"][0, 0, 0, 0] = float("nan")
    if kind == "bomb":
        path.write_bytes(pickle.dumps(Bomb()))
    elif kind == "half":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[:100_000])
    elif kind != "absent":
        torch.save(state, path)
    return ["--weights", path]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("empty folder", "holds no"),
        ("text", "b.jpg"),
        ("truncated", "b.jpg"),
        ("shapes", "features.3.weight"),
        ("missing", "features.3.bias"),
        ("nan", "NaN"),
        ("bomb", "not safe"),
        ("half", "damaged"),
        ("absent", "no such file"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(kind, fault, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = spoil(kind, tmp_path)
    if "--images" not in argv:
        argv += ["--n-images", 3]
    before = sorted(os.listdir(tmp_path))
    assert main(["reproduce", *map(str, argv), "--out", "out", "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert fault in err
    assert "exploded" not in os.listdir(tmp_path)
    assert sorted(set(os.listdir(tmp_path)) - {"out"}) == before
    assert not os.path.isdir("out") or os.listdir("out") == []


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (["--n-images", "2"], "at least 3 images"),
        (["--n-images", "0"], "n_images"),
        (["--weights", "a/x.pth", "b/x.pth"], "x comes twice"),
        (["--device", "abacus"], "device"),
        (["--background", "pink"], "background"),
        (["--level", "2"], "level must lie between 0 and 1"),
    ],
)
def test_bad_arguments(argv, fault, tmp_path, capsys):
    assert main(["reproduce", *argv, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert fault in capsys.readouterr().err


def test_an_unknown_layer_lists_the_valid_ones(tmp_path, capsys):
    out = tmp_path / "r.nc"
    assert main(["probe", "--layers", "conv9", "--n-images", "3", "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert "features.3" in err
    assert not out.exists()


def test_a_folder_closed_to_writing(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    argv = ["reproduce", "--images", str(folder), "--out", str(tmp_path / "file" / "out")]
    assert main(argv) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_constant_units_are_undefined_and_the_rest_is_written(tmp_path, capsys):
    folder = tmp_path / "same"
    folder.mkdir()
    for name in "abc":
        Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(folder / f"{name}.png")
    argv = ["reproduce", "--images", str(folder), "--weights", "untrained", "--n-resamples", "9"]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    assert len(os.listdir(tmp_path / "out")) == 19
    assert np.isnan(pd.read_csv(tmp_path / "out" / "table1.csv")["spearman"]).all()


def test_what_fails_at_the_end_leaves_what_was_there(folder, tmp_path, capsys, monkeypatch):
    """All files are written, or none: an older result is not mixed with a new one."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "table1.csv").write_text("old")
    monkeypatch.setattr(
        "artiphys.responses.storage.save_responses",
        lambda _, path: (_ for _ in ()).throw(InputError(f"{path}: cannot be written: full")),
    )
    argv = ["reproduce", "--images", str(folder), "--n-images", "4", "--weights", "untrained"]
    argv += ["--n-resamples", "9", "--quiet", "--out", str(out)]
    assert main(argv) == 2
    assert f"{out}/table1.csv is there already; add --overwrite" in capsys.readouterr().err
    assert main([*argv, "--overwrite"]) == 2
    told = capsys.readouterr().err
    assert f"{out}/responses-untrained.nc: cannot be written: full" in told.splitlines()[-1]
    assert os.listdir(out) == ["table1.csv"]
    assert (out / "table1.csv").read_text() == "old"


def test_a_folder_made_for_nothing_is_gone(tmp_path, capsys):
    argv = ["reproduce", "--n-images", "3", "--device", "abacus", "--out", str(tmp_path / "out")]
    assert main([*argv, "--weights", "untrained"]) == 2
    assert "device" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_file_must_not_pass_for_the_untrained_network(tmp_path, capsys):
    argv = ["reproduce", "--n-images", "3", "--weights", str(tmp_path / "untrained.pth")]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 2
    assert "must not be named untrained" in capsys.readouterr().err
