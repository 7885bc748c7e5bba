"""The page: what it says, that it says it again, and that labels of files are text in it."""

import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from artiphys.errors import InputError, SchemaError
from artiphys.responses.storage import save_responses
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses
from artiphys_report import report


class Elements(HTMLParser):
    """Every element of a page, with its attributes; and the text outside style and script."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text, self.within = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.within.append(tag)

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:  # of elements that have no end
            pass

    def handle_data(self, data):
        if not {"style", "script"} & set(self.within):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).replace("\N{NO-BREAK SPACE}", " ").split())


def words_of(page):
    return Elements(page).words


@pytest.fixture(scope="module")
def page(recording):
    return report({"v4": recording}, simulations=3)


def test_it_is_one_file_that_asks_for_nothing(page):
    elements = Elements(page).found
    assert not {"iframe", "object", "embed", "base", "form"} & {tag for tag, _ in elements}
    for tag, attrs in elements:
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            address = attrs.get(name) or ""
            assert address.startswith(("#", "data:")) or tag == "a" or not address, address
    assert not re.search(r"@import|url\((?!#|data:)", page)
    (policy,) = (a["content"] for t, a in elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none';")


def test_ids_are_unique_and_every_link_within_has_its_place(page):
    elements = Elements(page).found
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    within = [attrs["href"][1:] for _, attrs in elements if attrs.get("href", "").startswith("#")]
    used = [attrs.get("xlink:href", "")[1:] for tag, attrs in elements if tag == "use"]
    used += re.findall(r"url\(#([^)]+)\)", page)
    assert within
    assert used
    assert {*within, *used} <= set(ids)
    named = [attrs["aria-labelledby"] for _, attrs in elements if "aria-labelledby" in attrs]
    assert set(named) <= set(ids)


def test_it_says_what_the_signature_found(page, recording):
    found = signature(recording).sel(area="V4")
    words = words_of(page)
    for position in (1, 2):
        cell = found.sel(position=position)
        lower, upper = cell["interval"].values
        r = float(cell["spearman"])
        numbers = f"r s is {r:.2f}, 95 % interval {lower:.2f} to {upper:.2f}, in "
        assert numbers.replace("-", "−") in words
    assert "V4, position 1" in words


def test_it_says_what_the_data_are(page):
    words = words_of(page)
    assert "A recording with single trials. Reference position: 0." in words
    assert "5 trials of each image at each position" in words
    assert "Images 16" in words
    assert "artiphys.simulate_responses(" in words


def test_the_same_seed_makes_the_same_page_but_for_one_line(recording):
    made = [datetime(2026, 1, day, 12, 0, tzinfo=UTC) for day in (1, 2)]
    pages = [
        report({"v4": recording}, simulations=2, seed=5, made=each).splitlines() for each in made
    ]
    assert len(pages[0]) == len(pages[1])
    differ = [lines for lines in zip(*pages, strict=True) if lines[0] != lines[1]]
    assert differ == [
        ('<p class="made">Made 2026-01-01 12:00 UTC</p>',
         '<p class="made">Made 2026-01-02 12:00 UTC</p>')
    ]  # fmt: skip


def test_another_seed_makes_other_simulations(recording):
    made = datetime(2026, 1, 1, tzinfo=UTC)
    one, other = (report({"v4": recording}, simulations=2, seed=seed, made=made) for seed in (0, 1))
    assert one != other.replace("seed=1", "seed=0").replace('"seed": 1', '"seed": 0')


def test_simulations_left_out_are_said_to_be(recording):
    words = words_of(report({"v4": recording}, simulations=0))
    assert "the error rates of the test on these data were not checked" in words
    assert "Left out, as asked" in words
    assert "artiphys_report.report({'v4': ...}, by='area', simulations=0" in words
    assert "What the test does on recordings like this one" not in words


HOSTILE = "<script>alert('x')</script>\"'&$\\frac{"


def test_labels_of_a_file_are_text(recording, network):
    hostile = recording.assign_coords(
        area=("unit", [HOSTILE] * recording.sizes["unit"]),
        unit=[f"{HOSTILE}{n}" for n in range(recording.sizes["unit"])],
        position=[HOSTILE, "</style><b>", "--><i>"],
        source=("unit", [f"</script>{HOSTILE}"] * recording.sizes["unit"]),
    ).assign_attrs(
        reference=HOSTILE,
        provenance='{"maker": "</title><script>", "arguments": {"a": "<img src=x onerror=1>"},'
        ' "dropped": [{"what": "<u>", "reason": "</p><script>", "count": 3}]}',
    )  # fmt: skip
    layers = network.isel(image=slice(16)).assign_coords(
        area=("unit", [HOSTILE] * network.sizes["unit"])
    )
    page = report(
        {HOSTILE: hostile, "net": layers}, simulations=1, positions={0.125: "</style><b>"}
    )
    elements = Elements(page)
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == 1
    assert not {"img", "u", "b"} & set(tags)
    assert not [name for _, attrs in elements.found for name in attrs if name.startswith("on")]
    assert HOSTILE in unescape(page)
    assert f"{HOSTILE}, position </style><b>" in "".join(elements.text)
    assert "3 <u> </p><script>" in elements.words


def test_the_summary_of_what_may_be_averages_says_so():
    trials = simulate_responses(n_units=40, n_images=30, rate=25, rng=1).responses
    words = words_of(report({"v4": trials.mean("trial", keep_attrs=True)}))
    told = (
        "Units of wider dynamic range were more invariant, if these are a network’s responses and"
    )
    assert f"{told} not averages over trials." in words


def test_one_unit_gets_a_page_that_says_so(recording):
    with pytest.warns(match="too few"):
        signature(recording.isel(unit=[0]))
    words = words_of(report({"one": recording.isel(unit=[0])}, simulations=1))
    assert "Too little was measured to tell in all 2 tests." in words
    assert "1 unit could be measured, which is too few: it takes 10" in words


def test_nothing_but_nan_is_refused(recording):
    with pytest.raises(InputError, match="nan: responses must hold something .* got NaN only"):
        report({"nan": recording * np.nan})


def test_a_position_of_nothing_but_nan_gets_a_page_that_says_so(recording):
    half = recording.where(recording["position"] != 2)
    words = words_of(report({"half": half}, simulations=1))
    assert "480 of 1440 cells (unit, image and position)" in words
    assert "V4, position 2 Nothing can be said; 0 units could be measured" in words


def test_one_image_gets_a_page_that_says_so(network):
    words = words_of(report({"one": network.isel(image=[0])}))
    assert "Too little was measured to tell." in words


def test_units_without_a_group_are_counted(recording):
    shank = np.repeat([1.0, 2.0, np.nan], [13, 13, 4])
    probed = recording.assign_coords(shank=("unit", shank))
    words = words_of(report({"v4": probed}, by="shank", simulations=0))
    assert "30, 4 of them without 'shank' and in no group" in words
    assert "missing (NaN) for 4 of 30 units" in words
    assert "1.0, position 2" in words


def test_covariates_are_named(recording):
    words = words_of(report({"v4": recording}, covariates="mean_response", simulations=0))
    assert "Held constant, by partial rank correlation: mean_response." in words


def test_these_images_are_told_from_images_at_large(recording):
    shown = words_of(report({"v4": recording}, resample=("unit",), simulations=0))
    at_large = words_of(report({"v4": recording}, simulations=0))
    assert "The answer is about these very images." in shown
    assert "The answer is about these very images." not in at_large
    assert "Each image is held out in turn" in at_large


def test_a_network_gets_a_report_too(network):
    probed = network.assign_attrs(provenance='{"maker": "artiphys_torch.probe"}')
    words = words_of(report({"net": probed}))
    assert "A network, whose responses have no noise." in words
    assert "no single trials" in words
    assert "rectified Gaussian" in words
    assert "averages over trials, not" not in words


def test_averages_are_warned_of(network):
    words = words_of(report({"net": network.isel(image=slice(16))}))
    assert "If these are averages over trials, not a network’s responses, nothing here" in words


def test_more_groups_than_can_be_read_are_told_without_figures(network, monkeypatch):
    monkeypatch.setattr("artiphys_report.findings.MAX_FIGURES", 1)
    areas = np.repeat(["conv1", "conv2"], 20)
    page = report({"net": network.isel(image=slice(12)).assign_coords(area=("unit", areas))})
    assert page.count('class="figure"') == 1
    assert "more groups and positions than can be read as figures" in page
    assert "conv2, position 0.125" in words_of(page)


def test_files_are_opened_and_their_digests_told(recording, tmp_path):
    save_responses(recording, tmp_path / "v4.nc")
    page = report(tmp_path / "v4.nc", simulations=0)
    call = f"artiphys_report.report(['{tmp_path}/v4.nc'], by='area', simulations=0, level=0.95, "
    assert f"<pre>{call}seed=0)</pre>" in unescape(page)
    assert re.search(r"SHA-256 of the file: <code>[0-9a-f]{64}</code>", page)
    assert 'download="units-v4.csv"' in page


@pytest.mark.parametrize(
    ("given", "arguments", "told"),
    [
        ([], {}, "one file or array at least; got none"),
        (["none.nc"], {}, "none.nc"),
        (["a.txt"], {}, r"the name must end in \.nc .* or \.zarr"),
        (None, {"simulations": -1}, "simulations must be a whole number of at least 0; got -1"),
        (None, {"jobs": 0, "level": 2}, "jobs must .*; level must lie between 0 and 1"),
        (None, {"seed": "x"}, "seed must be a whole number"),
        (None, {"by": "colour"}, r"v4: by must be a coordinate along 'unit'.*'colour'"),
        (None, {"reference": "left"}, r"position left is not among those of v4, \[0, 1, 2\]"),
        (None, {"covariates": "depth"}, "v4: .*depth"),
    ],
)
def test_what_cannot_be_reported_is_refused(given, arguments, told, recording):
    with pytest.raises(InputError, match=told):
        report({"v4": recording} if given is None else given, **arguments)


@pytest.mark.parametrize(
    ("positions", "told"),
    [
        ({0.5: 1}, r"position 0\.5 is not among those of net, \[0\.0, 0\.125\]"),
        ({0.125: 9}, r"position 9 is not among those of v4, \[0, 1, 2\]"),
    ],
)
def test_pairs_of_positions_that_no_file_has_are_refused(recording, network, positions, told):
    with pytest.raises(InputError, match=told):
        report({"v4": recording, "net": network}, simulations=0, positions=positions)


def test_pairs_of_positions_without_a_network_are_refused(recording):
    with pytest.raises(InputError, match=r"got no network \(without trials\)"):
        report({"v4": recording}, simulations=0, positions={0.125: 1})


def test_one_position_is_refused(recording):
    with pytest.raises(InputError, match="v4: 'position' must have at least 2 labels .* got 1"):
        report({"v4": recording.isel(position=[0])})


def test_what_is_no_response_array_is_refused(recording):
    with pytest.raises(SchemaError, match="v4: .*area"):
        report({"v4": recording.drop_vars("area")})


def test_the_same_file_twice_is_refused(recording, tmp_path):
    save_responses(recording, tmp_path / "v4.nc")
    with pytest.raises(InputError, match="is given 2 times; give each FILE once"):
        report([tmp_path / "v4.nc", str(tmp_path / "v4.nc")])
