"""One unit's spikes around each presentation: against a loop, and as the array labels them."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.plotting import plot_unit
from artiphys_nwb import errors, read_nwb, read_spikes
from nwb_files import LAYOUT, recording, write_nwb

WINDOW = (0.05, 0.25)


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", *recording())


def looped(trials, train, window, position):
    """Spikes from each onset, in order of time, one presentation after the other."""
    onsets = sorted(trials["start_time"][trials["position"] == position])
    start, stop = window
    return [[t - on for t in train if on + start <= t < on + stop] for on in onsets]


def test_spikes_equal_a_loop_at_each_position_of_the_array(path):
    trials, trains = recording()
    responses = read_nwb(path, LAYOUT)
    for unit, train in zip(responses["unit"].values.tolist(), trains, strict=True):
        spikes = read_spikes(path, LAYOUT, unit, window=(-0.1, 0.4))
        assert list(spikes) == responses["position"].values.tolist()
        for position, shown in spikes.items():
            truth = looped(trials, train, (-0.1, 0.4), position)
            assert len(shown) == len(truth)
            for got, expected in zip(shown, truth, strict=True):
                np.testing.assert_allclose(got, expected, atol=1e-12)


def test_they_are_the_spikes_that_are_counted(path):
    counts = read_nwb(path, LAYOUT, window=WINDOW, rate=False)
    spikes = read_spikes(path, LAYOUT, "m_s1/1", window=WINDOW)
    for position, shown in spikes.items():
        assert sum(map(len, shown)) == counts.sel(unit="m_s1/1", position=position).sum() > 0


def test_presentations_can_be_chosen(path):
    one = read_spikes(path, LAYOUT, "m_s1/0", trials_where={"stim": 2})
    assert [len(shown) for shown in one.values()] == [4, 4, 4]


def test_presentations_that_the_unit_was_not_observed_in_are_left_out(tmp_path):
    trials, trains = recording()
    until = np.sort(trials["start_time"])[9] + 0.2  # the tenth is seen until within the window
    seen = [np.array([[0.0, until]]), np.array([[0.0, 1e3]]), np.array([[0.0, 0.5]])]
    path = write_nwb(tmp_path / "a.nwb", trials, trains, units={"obs_intervals": seen})
    assert sum(map(len, read_spikes(path, LAYOUT, "m_s1/0").values())) == 9
    assert sum(map(len, read_spikes(path, LAYOUT, "m_s1/1").values())) == len(trials["stim"])
    with pytest.raises(errors.TableError, match=r"observed throughout the window in none of 48"):
        read_spikes(path, LAYOUT, "m_s1/2")


def test_of_many_sessions_the_one_that_has_the_unit(tmp_path, path):
    trials, trains = recording(seed=1)
    write_nwb(tmp_path / "other.nwb", trials, trains, session_id="s2", identifier="id-2")
    spikes = read_spikes(tmp_path, LAYOUT, "m_s2/2")
    truth = looped(trials, trains[2], (-0.1, 0.4), 1)
    assert [len(each) for each in spikes[1]] == [len(each) for each in truth]


def test_a_unit_that_is_in_two_files_is_refused_and_read_from_one(tmp_path, path):
    other = write_nwb(tmp_path / "b.nwb", *recording(seed=1), identifier="id-2")
    with pytest.raises(errors.PoolingError, match=r"'m_s1/0' is in .* give the one file"):
        read_spikes([path, other], LAYOUT, "m_s1/0")
    assert read_spikes(other, LAYOUT, "m_s1/0")
    with pytest.raises(InputError, match=r"give the one file, and leave it out"):
        read_spikes([path, other], LAYOUT, "m_s1/0~2")


def test_a_unit_that_is_not_there_is_refused_with_those_that_are(path):
    with pytest.raises(InputError, match=r"'9' is not among the 3: .*m_s1/0"):
        read_spikes(path, LAYOUT, "9")


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("auto", r"a start and a stop, in seconds from the onset; got 'auto'"),
        ((-100, 400), r"milliseconds\?"),
        ((0.4, -0.1), r"start before it stops"),
    ],
)
def test_a_window_that_is_none_is_refused(path, window, message):
    with pytest.raises(InputError, match=message):
        read_spikes(path, LAYOUT, "m_s1/0", window=window)


def test_clocks_are_checked_and_doubts_told_as_where_counts_are_read(tmp_path):
    trials, trains = recording()
    wrong = write_nwb(tmp_path / "ms.nwb", trials, [1000 * train for train in trains])
    with pytest.raises(errors.ClockError, match="presentations from"):
        read_spikes(wrong, LAYOUT, "m_s1/0")
    doubtful = write_nwb(tmp_path / "d.nwb", trials, [trains[0][::-1], *trains[1:]])
    with pytest.warns(errors.DoubtfulSpikes, match="order"):
        spikes = read_spikes(doubtful, LAYOUT, "m_s1/0")
    truth = looped(trials, trains[0], (-0.1, 0.4), 0)
    assert [len(each) for each in spikes[0]] == [len(each) for each in truth]


def test_a_layout_that_does_not_fit_names_the_file(path):
    wrong = dataclasses.replace(LAYOUT, onset="pdOnTS")
    with pytest.raises(errors.TableError, match=r"session\.nwb.*pdOnTS"):
        read_spikes(path, wrong, "m_s1/0")


def test_a_figure_of_the_unit_takes_them(path):
    figure, ax = plt.subplots(layout="constrained")
    spikes = read_spikes(path, LAYOUT, "m_s1/0")
    plot_unit(read_nwb(path, LAYOUT), "m_s1/0", ax, spikes=spikes)
    raster = figure.axes[1]
    assert len(raster.collections) == sum(map(len, spikes.values()))
    plt.close(figure)
