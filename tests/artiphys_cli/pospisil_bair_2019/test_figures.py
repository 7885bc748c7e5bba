"""Figure 1 in both arrangements, from what was measured; and what few images do is said."""

import warnings

import numpy as np
import pytest
from PIL import Image

from artiphys.errors import ArtiphysWarning
from environment import missing

try:
    from artiphys_cli.pospisil_bair_2019.figures import few_images_note, figures
    from artiphys_cli.pospisil_bair_2019.integration import integration, integration_table
    from artiphys_cli.pospisil_bair_2019.reproduction import enough_photographs, reproduce
    from artiphys_torch import load_alexnet
except ImportError:
    missing("the extra 'torch'", module=True)


INTEGRATED = integration(0)


@pytest.fixture(scope="module")
def photographs():
    return enough_photographs(n_images=5)


@pytest.fixture(scope="module")
def done(photographs):
    result = reproduce(load_alexnet(), photographs, n_resamples=9, rng=0, progress=False)
    return {"untrained": result, "mine": result}


@pytest.fixture(scope="module")
def drawn(done, photographs):
    with pytest.warns(ArtiphysWarning, match="5 images are few, and make r_s too near 0"):
        return figures(done, photographs, INTEGRATED, background="mean")


def test_trained_comes_first_in_the_papers_arrangement(drawn):
    titles = [ax.get_title() for ax in drawn["figure1-conv3"].axes]
    assert titles == [
        "reference",
        "Close: shift 1/8 RF",
        "Far: shift 1/4 RF",
        "AlexNet, trained (mine), conv3, 5 images",
        "AlexNet, untrained, conv3, 5 images",
    ]


def test_shifts_are_written_as_fractions(drawn):
    titles = [ax.get_title() for ax in drawn["figure1"].axes]
    assert titles[1:3] == ["Close: shift 1/8 RF", "Far: shift 1/4 RF"]
    legend = drawn["figure1-conv3"].axes[3].get_legend()
    assert [text.get_text().split(":")[0] for text in legend.get_texts()] == [
        "Close, 1/8 RF",
        "Far, 1/4 RF",
    ]
    assert legend.get_title().get_text() == "384 units; [95 % interval]"


def test_few_images_are_told_of_below_the_figures(drawn):
    for name in ("figure1", "figure1-conv3"):
        assert "5 images are few" in drawn[name]._supxlabel.get_text()


def test_up_to_60_images_are_few():
    assert "60 images are few" in few_images_note(60)
    assert "0.75 where 500 give 0.87" in few_images_note(60)
    assert few_images_note(61) == ""


def test_many_images_come_without_a_word(done, tmp_path):
    for number in range(61):
        Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = figures(done, enough_photographs(tmp_path), INTEGRATED, background="mean")
    assert drawn["figure1"]._supxlabel is None


def test_figure_3_is_of_the_numbers_in_the_table(drawn):
    """Every line and every point of figure 3B is a row of integration.csv."""
    table = integration_table(INTEGRATED)
    assert set(table["kind"]) == {"one input", "exact", "simulated"}
    ax = drawn["figure3"].axes[1]
    drawn_points = {tuple(np.round(p, 9)) for line in ax.lines for p in line.get_xydata()}
    rows = {tuple(p) for p in table[["variance", "fisher_z"]].to_numpy().round(9)}
    assert drawn_points == rows
    exact = table[table["kind"] == "exact"]
    assert len(exact) == 3 * 3 * exact["mean"].nunique()
    assert exact["variance_error"].isna().all()
    simulated = table[table["kind"] == "simulated"]
    assert (simulated[["variance_error", "fisher_z_error"]] > 0).all(axis=None)
