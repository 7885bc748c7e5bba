"""Spike trains of pynapple: counted as pynapple counts, and tuning curves that it takes."""

import numpy as np
import pynapple as nap
import pytest

from artiphys.errors import ArtiphysWarning, InputError, SchemaError
from artiphys.responses.schema import validate
from artiphys_exchange import from_pynapple, to_pynapple

GIVEN = {"source": "s1", "reference": 0.0}


@pytest.fixture
def spikes():
    rng = np.random.default_rng(0)
    trains = {7: 900, 2: 300, 4: 30}
    return nap.TsGroup(
        {key: nap.Ts(np.sort(rng.uniform(0, 60, n))) for key, n in trains.items()},
        time_support=nap.IntervalSet(0, 60),
        metadata={"area": ["IT", "V4", "V4"], "depth": [2.0, 4.0, 7.0]},
    )


@pytest.fixture
def presentations():
    """A presentation every half second, unequal repeats."""
    rng = np.random.default_rng(1)
    onset = 1.0 + 0.5 * np.arange(100)
    shown = {"image": rng.choice(list("abcd"), 100), "position": rng.choice([0.0, 1.0], 100)}
    return nap.IntervalSet(onset, onset + 0.3, metadata=shown | {"x": 3 * shown["position"]})


def test_counts_are_those_of_pynapple(spikes, presentations):
    responses = validate(from_pynapple(spikes, presentations, rate=False, **GIVEN))
    windows = nap.IntervalSet(presentations.start + 0.05, presentations.start + 0.25)
    expected = spikes.count(ep=windows).values  # (presentation, unit), units by their keys
    shown = presentations.metadata
    assert responses["unit"].values.tolist() == ["s1/2", "s1/4", "s1/7"]
    assert responses["area"].values.tolist() == ["V4", "V4", "IT"]
    assert responses["depth"].values.tolist() == [4.0, 7.0, 2.0]
    assert responses["x"].values.tolist() == [0.0, 3.0]
    assert responses.attrs["units"] == "spikes"
    assert int(responses.notnull().sum()) == expected.size
    for image in "abcd":
        for position in (0.0, 1.0):
            here = ((shown["image"] == image) & (shown["position"] == position)).to_numpy()
            cell = responses.sel(image=image, position=position)[:, : here.sum()]
            np.testing.assert_array_equal(cell, expected[here].T)
    rates = from_pynapple(spikes, presentations, **GIVEN)
    np.testing.assert_allclose(rates, responses / 0.2)
    assert rates.attrs["units"] == "spikes/s"


def test_a_spike_counts_at_the_start_of_the_window_and_not_at_its_stop():
    spikes = nap.TsGroup(
        {0: nap.Ts(np.array([1.5, 1.625, 1.75]))}, time_support=nap.IntervalSet(0, 9)
    )
    shown = nap.IntervalSet([1.0], [2.0], metadata={"image": ["a"], "position": [0.0]})
    got = from_pynapple(spikes, shown, window=(0.5, 0.75), rate=False, area="V4", **GIVEN)
    assert got.values.ravel().tolist() == [2.0]


def test_what_was_not_observed_is_not_zero(spikes, presentations):
    part = spikes.restrict(nap.IntervalSet([0, 20.2], [20.1, 30]))  # a gap, and a stop
    with pytest.warns(ArtiphysWarning, match="s1: 43 of 100 presentations have a window outside"):
        responses = from_pynapple(part, presentations, rate=False, **GIVEN)
    start, stop = presentations.start + 0.05, presentations.start + 0.25
    lost = (stop > 30) | ((stop > 20.1) & (start < 20.2))
    assert lost.sum() == 43
    whole = from_pynapple(spikes, presentations, rate=False, **GIVEN)
    assert int(responses.isnull().sum() - whole.isnull().sum()) == 3 * 43


def test_tuning_curves_are_those_of_pynapple(spikes, presentations):
    curves = to_pynapple(from_pynapple(spikes, presentations, **GIVEN))
    shown = presentations.metadata
    windows = {
        (image, position): nap.IntervalSet(
            presentations.start[here] + 0.05, presentations.start[here] + 0.25
        )
        for image in "abcd"
        for position in (0.0, 1.0)
        for here in [((shown["image"] == image) & (shown["position"] == position)).to_numpy()]
    }
    theirs = nap.compute_response_per_epoch(spikes, {f"{i}{p}": windows[i, p] for i, p in windows})
    assert curves["unit"].values.tolist() == theirs["unit"].values.tolist() == [2, 4, 7]
    for image, position in windows:
        np.testing.assert_allclose(
            curves.sel(image=image, position=position), theirs.sel(epochs=f"{image}{position}")
        )
        assert curves.attrs["occupancy"].sum() == 100


def test_pynapple_takes_the_tuning_curves(spikes, presentations):
    curves = to_pynapple(from_pynapple(spikes, presentations, **GIVEN))
    found = nap.compute_mutual_information(curves)
    share = curves.attrs["occupancy"] / 100
    rates = curves.sel(unit=2).values
    mean = (share * rates).sum()
    terms = share * rates * np.log2(np.where(rates > 0, rates, 1) / mean)
    assert found.loc[2, "bits/sec"] == pytest.approx(terms.sum(), rel=1e-6)


def test_averages_are_their_own_tuning_curves(make_responses):
    values = np.arange(12.0).reshape(2, 3, 2)
    curves = to_pynapple(make_responses(values))
    np.testing.assert_array_equal(curves, values)
    assert curves["unit"].values.tolist() == ["u0", "u1"]
    assert curves.attrs["occupancy"].tolist() == [[1.0, 1.0]] * 3


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"image": "stim"}, InputError, "image='stim': there is no such column; there are image, "),
        ({"window": (0.25, 0.05)}, InputError, "the stop of window must be a number above 0.25"),
        ({"reference": 5.0}, SchemaError, r"\['reference'\] 5.0 is not among the positions"),
        ({"area": ""}, None, ""),
    ],
)
def test_what_cannot_be_counted_is_one_line(spikes, presentations, given, error, said):
    if error is None:
        assert set(from_pynapple(spikes, presentations, **GIVEN | given)["area"].values) == {""}
        return
    with pytest.raises(error, match=said) as refused:
        from_pynapple(spikes, presentations, **GIVEN | given)
    assert "\n" not in str(refused.value)


def test_presentations_without_what_was_shown_are_refused(spikes):
    with pytest.raises(InputError, match="image='image': there is no such column; there are none"):
        from_pynapple(spikes, nap.IntervalSet([1], [2]), **GIVEN)


@pytest.mark.parametrize(
    ("swap", "said"),
    [
        (
            lambda spikes, shown: (spikes[next(iter(spikes))], shown),
            "spikes must be .*TsGroup; got Ts",
        ),
        (
            lambda spikes, shown: (spikes, shown.start),
            "presentations must be .*IntervalSet; got nd",
        ),
    ],
)
def test_what_is_no_group_or_no_intervals_is_refused(spikes, presentations, swap, said):
    with pytest.raises(InputError, match=said):
        from_pynapple(*swap(spikes, presentations), **GIVEN)
