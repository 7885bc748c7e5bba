"""Cautions: sentences, the worst first."""

from artiphys_report.cautions import ranked, sentence


def test_what_makes_a_relation_of_nothing_comes_before_what_hides_one():
    texts = [
        "few units (what 12 say is worth 9): the interval is wide",
        "of 360 units 303 share their tuning with another",
        "something new",
        "noisy (the reliability of invariance is 0.06)",
        "bent (invariance is higher at both ends)",
        "simulations of this recording find a true r_s of 0.5 in 5 %",
        "in simulations of this recording without a relation 20 % had p < 0.05",
        "few images (7) for what 132 units differ",
        "few images (7): the p-value holds",
    ]
    begun = [text.split()[0] for text in ranked(texts)]
    assert begun == ["In", "Few", "Bent", "Noisy", "Few", "Few", "Of", "Something", "Simulations"]
    assert ranked(texts)[1].startswith("Few images (7) for what")


def test_each_is_told_once_as_a_sentence():
    assert ranked(["few units", "few units"]) == ["Few units."]
    assert sentence("r is -0.5") == "R is −0.5."
    assert sentence("It is so.") == "It is so."
    assert sentence("conv2: few units") == "conv2: few units."
    assert sentence("p < 0.001") == "p < 0.001."
