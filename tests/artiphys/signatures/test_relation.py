"""The record of a relation, and the Dataset of many."""

import numpy as np
import pytest

from artiphys.correlations.inference import UNKNOWN, RankCorrelation
from artiphys.signatures.relation import Relation, dataset_of, relation_from


def test_a_relation_from_a_jackknife_has_its_interval_and_p_value():
    correlation = RankCorrelation(0.3, 0.2, 28, 0.8)
    relation = relation_from(correlation, 30, n_too_noisy=4, n_not_measured=1)
    assert relation.spearman == pytest.approx(0.375)
    assert (relation.lower, relation.upper) == pytest.approx(correlation.interval(0.05))
    assert relation.p_value == correlation.p_value
    assert relation.n_all == 35


def test_fields_that_no_relation_has_are_no_variables():
    known = relation_from(RankCorrelation(0.3, 0.2, 28), 30, n_too_noisy=4, caution="")
    rows = [[known, relation_from(UNKNOWN, 3, n_too_noisy=31, caution="few")]]
    result = dataset_of(rows, "area", np.array(["V4"]), {"position": [1, 2]})
    assert list(result) == [
        *("spearman", "interval", "p_value", "n_units", "n_too_noisy", "caution"),
    ]
    assert result["n_units"].dtype.kind == "i"
    assert result["caution"].values.tolist() == [["", "few"]]
    assert np.isnan(result["interval"].values[0, 1]).all()
    assert set(Relation._fields) > set(result) - {"interval"}
