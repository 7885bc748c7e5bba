"""The example of a regression on the table of units: it runs, and shows why it is no test."""

import runpy

from artiphys.responses.storage import save_responses
from artiphys.simulation import simulate_responses
from environment import ROOT

EXAMPLE = str(ROOT / "examples" / "mixed_model.py")


def test_the_slope_as_measured_is_there_without_a_relation():
    example = runpy.run_path(EXAMPLE)
    slope, share = example["slopes"]("none", 4, None).mean(axis=0)
    assert slope > 0.05
    assert share >= 0.5


def test_a_recording_has_its_model_printed(tmp_path, capsys):
    responses, _ = simulate_responses(n_units=40, n_sessions=4, rng=0)
    save_responses(responses, tmp_path / "r.nc")
    runpy.run_path(EXAMPLE)["main"](str(tmp_path / "r.nc"))
    assert "np.log(dynamic_range)" in capsys.readouterr().out
