"""Cautions of many cells: the worst first, each once, whatever numbers differ."""

import pytest

from artiphys.signatures.cautions import cautions_at_large, cautions_on_these_images
from artiphys.signatures.relation import Relation
from artiphys.signatures.told_cautions import WORST_FIRST, told_cautions, worst_first

FEW = "few images (30) for what 150 units differ in"
UNSEEN = "of 80 units 40 answer too little: so"
NOISY = "noisy (the reliability of invariance is 0.30): but"
SHARING = "of 80 units 4 share their tuning with another"


def test_what_makes_a_relation_of_nothing_comes_first():
    assert worst_first([SHARING, NOISY, "anything", UNSEEN, FEW]) == [
        *(FEW, UNSEEN, NOISY, SHARING),
        "anything",
    ]


def test_what_cells_share_is_told_once_and_the_rest_where_it_is():
    other = NOISY.replace("0.30", "0.35")
    own, shared = told_cautions({"a": f"{NOISY}; {UNSEEN}", "b": f"{FEW}; {other}", "c": ""})
    assert own == {"a": [UNSEEN], "b": [FEW], "c": []}
    assert shared == [
        "Caution, a and b: noisy (the reliability of invariance is 0.30 to 0.35): but."
    ]
    _, shared = told_cautions({"a": NOISY, "b": NOISY.replace("0.30", "-0.05")})
    assert "invariance is -0.05 to 0.30)" in shared[0]
    own, shared = told_cautions({"a": f"{SHARING}; {NOISY}", "b": f"{NOISY}; {SHARING}"})
    assert not own["a"]
    assert shared == [f"Caution, all of these: {text}." for text in (NOISY, SHARING)]


@pytest.mark.parametrize("at_large", [True, False])
def test_every_caution_there_is_is_split_off_and_has_a_rank(at_large):
    relation = Relation(
        spearman=0.3,
        lower=0.1,
        upper=0.5,
        p_value=0.01,
        n_units=12,
        n_too_noisy=40,
        n_without_signal=0,
        n_effective=7.0,
        n_sharing_tuning=4,
        reliability_invariance=0.05,
        lower_over_sessions=-0.12,
        upper_over_sessions=0.7,
        curvature=4.0,
    )
    if at_large:
        whole, n = cautions_at_large(relation, n_images=7, n_sessions=5), 6
        many = relation._replace(n_units=90, n_effective=20.0, n_sharing_tuning=0, curvature=0.0)
        whole, n = "; ".join([whole, cautions_at_large(many, n_images=40)]), n + 1
    else:
        whole, n = cautions_on_these_images(relation, share=0.9, n_image=8), 4
    own, shared = told_cautions({"V4": whole})
    assert shared == []
    assert len(own["V4"]) == n
    for text in own["V4"]:
        assert any(kind.match(text) for kind in WORST_FIRST), text
        assert "; few" not in text
