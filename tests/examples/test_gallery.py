"""Every example runs as it stands, without a warning, and shows what its text says it shows."""

import importlib.util
import runpy
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.io
from PIL import Image

from environment import ROOT, missing

EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
NEEDS = {
    "matlab_counts": "artiphys_exchange.matlab_files",
    "one_unit_from_nwb": "artiphys_nwb",
    "untrained_network": "artiphys_torch",
    "table1": "artiphys_torch",
}
# How many figures each draws; the others draw none.
FIGURES = {
    "from_recording_to_verdict": 1,
    "invariance_over_the_visual_field": 1,
    "mixed_model": 1,
    "network_against_recording": 1,
    "one_unit_from_nwb": 1,
    "plan_an_experiment": 1,
    "table1": 1,
    "table_of_trials": 1,
    "untrained_network": 1,
    "why_rectification": 2,
}


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Return a function that runs an example, and gives its names, its figures and its output."""

    def running(name, *arguments):
        if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
            missing(NEEDS[name])
        plt.close("all")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [str(EXAMPLES[name]), *map(str, arguments)])
        names = runpy.run_path(str(EXAMPLES[name]), run_name="__main__")
        figures = [plt.figure(number) for number in plt.get_fignums()]
        for figure in figures:
            figure.canvas.draw()  # a layout that fails warns here
        return names, figures, capsys.readouterr().out

    yield running
    plt.close("all")


@pytest.fixture
def photographs(tmp_path):
    """A folder of a few made-up photographs."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(6):
        pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((180, 180)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - set(FIGURES)))
def test_an_example_without_figures_runs(run, name):
    _, figures, out = run(name)
    assert not figures
    assert out


def test_every_example_has_a_title_in_plain_words():
    for name, path in EXAMPLES.items():
        title, line = path.read_text().split("\n", 3)[1:3]
        assert line == "=" * len(title), name
        assert ".py" not in title, name


def test_noise_alone_convinces_the_naive_test_and_not_the_default(run):
    names, figures, out = run("from_recording_to_verdict")
    assert len(figures) == FIGURES["from_recording_to_verdict"]
    assert (names["naive"]["p_value"] < 0.001).all()
    with_relation, without = out.split("Reference position: 0.")[:2]
    assert "units of wider dynamic range are more invariant (p < 0.001" in with_relation
    assert "no relation was found" in without


def test_the_unit_is_read_with_its_spikes(run):
    names, (figure,), _ = run("one_unit_from_nwb")
    tuned, raster, psth = figure.axes
    assert tuned.get_title() == f"unit {names['unit']}"
    counts = names["responses"].sel(unit=names["unit"]) * 0.2
    spikes = [one for shown in names["spikes"].values() for one in shown]
    within = sum(int(((0.05 <= each) & (each < 0.25)).sum()) for each in spikes)
    assert within == round(float(counts.sum())) > 100
    assert len(raster.collections) == len(spikes)
    assert len(psth.patches) == 3


def test_the_tolerant_unit_is_invariant_further_out(run):
    names, figures, _ = run("invariance_over_the_visual_field")
    assert len(figures) == FIGURES["invariance_over_the_visual_field"]
    median = names["invariance"].median("position")
    assert float(median.sel(unit="tolerant")) > float(median.sel(unit="local")) + 0.3


def test_a_layer_with_the_relation_does_not_differ_from_an_area_that_has_it(run):
    names, figures, _ = run("network_against_recording")
    assert len(figures) == FIGURES["network_against_recording"]
    p_value = names["result"]["p_value"].squeeze()
    assert float(p_value.sel(layer="conv2")) > 0.05 > float(p_value.sel(layer="conv3"))


def test_a_design_is_planned(run):
    names, figures, _ = run("plan_an_experiment")
    assert len(figures) == FIGURES["plan_an_experiment"]
    planned = names["result"].isel(design=0)
    assert float(planned["power"].isel(relation=0)) < 0.3
    assert float(planned["power"].isel(relation=-1)) > 0.7


def test_the_relation_is_in_an_untrained_network(run):
    names, figures, _ = run("untrained_network")
    assert len(figures) == FIGURES["untrained_network"]
    assert (names["result"]["interval"].sel(ci_bound="lower") > 0).all()


def test_formulas_and_random_numbers_agree(run):
    names, figures, _ = run("why_rectification")
    assert len(figures) == FIGURES["why_rectification"]
    assert names["kept"][:, 0].var() == pytest.approx(names["exact"].var1, rel=0.02)
    assert names["model"].rho_ == pytest.approx(names["rho"], abs=0.01)


def test_a_unit_lost_on_the_way_has_fewer_trials(run):
    names, figures, out = run("table_of_trials")
    assert len(figures) == FIGURES["table_of_trials"]
    n_trials = names["responses"].notnull().sum(("image", "position", "trial"))
    assert n_trials.values.tolist() == [100, 100, 100, 61, 100]
    assert "'reference'] 7.0 is not among the positions" in out


def test_table_1_takes_photographs(run, photographs):
    names, figures, _ = run("table1", photographs)
    assert len(figures) == FIGURES["table1"]
    assert names["table"].sizes["area"] == 4
    assert names["responses"].sizes["image"] == 6


def test_slopes_are_drawn_for_each_truth_and_each_way_to_measure(run):
    _, (figure,), out = run("mixed_model")
    assert len(figure.axes[0].lines) == 6 + 1
    assert "none, noise=None: slope 0.1" in out


def test_a_matlab_file_gives_the_counts_that_were_saved(run):
    names, _, out = run("matlab_counts")
    responses = names["responses"]
    assert responses.sizes == {"unit": 8, "image": 25, "position": 3, "trial": 5}
    assert int(responses.notnull().sum()) == 8 * len(names["image"])
    here = (names["image"] == 24) & (names["position"] == -1)
    file = scipy.io.loadmat(names["path"], simplify_cells=True)
    got = responses.sel(image="24", position=-1)[:, : here.sum()]
    np.testing.assert_allclose(got, file["data"]["counts"][:, here] / 0.2)
    assert "session/0" in out
