"""Long tables of pandas: there and back, from rows in any order, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.errors import InputError, SchemaError
from artiphys.responses.presentations import to_presentations
from artiphys.responses.tables import from_pandas, to_pandas
from unequal_repeats import assert_same, unequal_repeats

GIVEN = {"reference": 0, "units": "spikes/s", "area": "V4", "source": "s1"}


@pytest.fixture(params=["numbers", "text"])
def responses(request, make_responses):
    return unequal_repeats(make_responses, request.param)


def table(**changes):
    columns = {
        "unit": ["u", "v"] * 3,
        "image": ["a", "a", "b", "b", "a", "a"],
        "position": [0, 0, 1, 1, 0, 0],
        "response": np.arange(6.0),
    }
    return pd.DataFrame(columns | changes)


def test_there_and_back(responses):
    there = to_pandas(responses)
    assert list(there.columns[:5]) == ["unit", "image", "position", "trial", "response"]
    assert_same(from_pandas(there), responses)
    made = json.loads(from_pandas(there).attrs["provenance"])
    assert made["before"] == json.loads(responses.attrs["provenance"])


def test_there_and_back_through_a_file(responses, tmp_path):
    to_pandas(responses).to_csv(tmp_path / "long.csv", index=False)
    read = pd.read_csv(tmp_path / "long.csv", dtype={"image": str})
    reference = responses.attrs["reference"]
    back = from_pandas(read, reference=reference, units="a.u.", displacement_units="px")
    assert_same(back, responses)


def test_averages_have_no_trials_when_they_come_back(responses):
    averages = responses.mean("trial", keep_attrs=True)
    there = to_pandas(averages)
    assert "trial" not in there
    assert_same(from_pandas(there), averages)


def test_a_trial_that_no_unit_has_closes_up(make_responses):
    values = np.arange(24.0).reshape(2, 2, 2, 3)
    values[:, 0, 0, 1] = np.nan
    there = to_presentations(make_responses(values))
    assert there.sizes["presentation"] == 11
    back = from_pandas(to_pandas(make_responses(values)))
    assert back.sel(unit="u0", image="i0", position=0).values.tolist()[:2] == [0.0, 2.0]


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_rows_may_come_in_any_order(seed):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(u, i, p, t) for u in "uv" for i in "abc" for p in (0, 1) for t in range(3)],
        columns=["unit", "image", "position", "trial"],
    )
    rows["response"] = rng.normal(size=len(rows))
    kept = rows.sample(frac=0.8, random_state=seed)
    if 0 not in set(kept["position"]):
        return
    responses = from_pandas(kept, **GIVEN)
    for row in kept.itertuples():
        cell = responses.sel(unit=row.unit, image=row.image, position=row.position).values
        assert row.response in cell
    assert int(responses.notnull().sum()) == len(kept)
    by_cell = kept.sort_values("trial").groupby(["unit", "image", "position"])["response"]
    for (u, i, p), expected in by_cell:
        cell = responses.sel(unit=u, image=i, position=p).values
        assert cell[~np.isnan(cell)].tolist() == expected.tolist()


def test_rows_without_a_trial_are_repeats_in_their_order():
    responses = from_pandas(table(), **GIVEN)
    assert responses.sel(unit="v", image="a", position=0).values.tolist() == [1.0, 5.0]
    assert responses["unit"].values.tolist() == ["u", "v"]
    named = table().rename(columns={"unit": "cell", "image": "photo", "response": "rate"})
    names = {"unit": "cell", "image": "photo", "value": "rate"}
    assert responses.drop_attrs().equals(from_pandas(named, **names, **GIVEN).drop_attrs())


def test_columns_of_units_are_kept_and_others_are_not():
    held = table(depth=[1.0, 2.0] * 3, shown_at=range(6), region=["V4", "IT"] * 3, note="x")
    responses = from_pandas(held, **GIVEN | {"area": "region"})
    assert responses["area"].values.tolist() == ["V4", "IT"]
    assert responses["depth"].values.tolist() == [1.0, 2.0]
    assert set(responses.coords) >= {"depth", "note"}
    assert not {"region", "shown_at"} & set(responses.coords)
    named = from_pandas(held.rename(columns={"depth": "Depth (mm)"}), **GIVEN)
    assert named["Depth__mm_"].values.tolist() == [1.0, 2.0]
    only = from_pandas(held, unit_coords=["depth"], **GIVEN)
    assert "note" not in only.coords
    assert "depth" in only.coords


def test_columns_of_other_dtypes():
    held = table(image=pd.Categorical(list("aabbaa")), unit=[1, 2] * 3)
    responses = from_pandas(held.astype({"response": "Float32"}), **GIVEN)
    assert responses["unit"].values.tolist() == ["1", "2"]
    assert responses["image"].values.tolist() == ["a", "b"]
    assert responses.dtype == float


@pytest.mark.parametrize(
    ("changes", "given", "error", "said"),
    [
        ({}, {"value": "rate"}, InputError, "value='rate': there is no such column; there are uni"),
        ({}, {"image": "stim"}, InputError, "image='stim': there is no such column"),
        ({}, {"units": None}, InputError, "units= is needed: these data do not say it"),
        ({}, {"reference": None}, InputError, "reference= is needed"),
        ({}, {"source": None}, InputError, "source= is needed, a column or the text for all units"),
        ({"image": [None, *"abbaa"]}, {}, InputError, "image='image': 1 of 6 rows of the column"),
        ({"position": [np.nan] * 6}, {}, InputError, "position='position': 6 of 6 rows"),
        ({"unit": ["u", None] * 3}, {}, InputError, "unit='unit': 3 of 6 rows"),
        (
            {"response": list("abcdef")},
            {},
            InputError,
            "the column 'response' must be real",
        ),
        ({"response": np.nan}, {}, InputError, "values must hold a presentation"),
        (
            {"trial": [0] * 6},
            {},
            InputError,
            "each unit must have one row for a trial; 2 rows repeat, the first that of u, a, 0",
        ),
        ({"x": range(6)}, {}, InputError, "'x' must be one number for each position; at 0 it is 0"),
        ({"y": "left"}, {}, InputError, "'y' must be real numbers"),
        ({"x": 1.0}, {}, SchemaError, "'x' must be 0 at the reference position; got 1"),
        ({"area": list("abcdef")}, {"area": None}, InputError, "'area' must be the same in all"),
        ({"n": range(6)}, {"unit_coords": ["n"]}, InputError, "'n' must be the same in all rows"),
        ({}, {"unit_coords": ["n"]}, InputError, r"unit_coords=\['n'\]: there is no such column"),
        ({}, {"reference": 3}, SchemaError, r"attrs\['reference'\] 3 is not among the positions"),
        ({"kind": ["a", 1] * 3}, {}, SchemaError, "'kind' must hold strings, .*; got int and str"),
    ],
)
def test_what_cannot_be_read_is_one_line(changes, given, error, said):
    with pytest.raises(error, match=said) as refused:
        from_pandas(table(**changes), **GIVEN | given)
    assert "\n" not in str(refused.value)


def test_what_is_no_table_is_refused():
    with pytest.raises(InputError, match="table must be a pandas.DataFrame; got dict"):
        from_pandas({"unit": ["u"]}, **GIVEN)
    with pytest.raises(InputError, match="table must have at least one row"):
        from_pandas(table().iloc[:0], **GIVEN)
    twice = pd.concat([table(), table()["image"]], axis=1)
    with pytest.raises(InputError, match="there are several columns of that name; rename them"):
        from_pandas(twice, **GIVEN)


def test_only_a_valid_array_leaves(responses):
    with pytest.raises(SchemaError, match="its name must be 'response'"):
        to_pandas(responses.rename("rate"))
