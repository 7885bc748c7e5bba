"""The page in a real browser: it opens, sorts, downloads, is light or dark, asks for nothing."""

import time

import pandas as pd
import pytest

import browser
from artiphys.plotting.style import luminance
from artiphys.signatures.unit_table import unit_table
from artiphys_report import report
from artiphys_report.table import MAX_ROWS, number_shown
from environment import missing

try:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait
except ImportError:
    missing("selenium", module=True)

HOSTILE = "<script>document.title = 'owned'</script>"
NARROW = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def chrome(downloads):
    with browser.opened(downloads) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def responses(recording):
    """More rows than are shown at once, of names that a page must take for text."""
    recording = recording.isel(image=slice(8))
    names = [f'{HOSTILE} "{n % 7}", µ{n}' for n in range(recording.sizes["unit"] * 4)]
    whole = recording.isel(unit=list(range(recording.sizes["unit"])) * 4)
    areas = [HOSTILE if n % 2 else "V4" for n in range(len(names))]
    return whole.assign_coords(unit=names, area=("unit", areas))


@pytest.fixture(scope="module")
def address(responses, network, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    page = report({"v4": responses, "net": network}, simulations=2, positions={0.125: 1})
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(chrome, address):
    """The page, freshly opened; after the test nothing was asked for or complained of."""
    browser.colour_scheme(chrome, "light")
    browser.said(chrome)
    browser.requested(chrome)
    chrome.get(address)
    yield chrome
    assert browser.said(chrome) == []
    asked = browser.requested(chrome)
    assert asked.pop(0) == address
    assert not [each for each in asked if not each.startswith(("data:", "blob:"))]


def rows(page):
    script = """
        const section = document.querySelector("[data-units]");
        return [...section.querySelectorAll("tbody tr")]
            .map((row) => [...row.cells].map((cell) => cell.textContent))"""
    return page.execute_script(script)


def headings(page):
    """The columns of the first unit table, each with how it is sorted."""
    script = """
        const section = document.querySelector("[data-units]");
        return [...section.querySelectorAll("th")].map(
            (head) => [head.textContent.trim(), head.getAttribute("aria-sort")])"""
    return dict(page.execute_script(script))


def button_of(page, name):
    at = list(headings(page)).index(name)
    return page.find_elements(By.CSS_SELECTOR, "[data-units] th button")[at]


def sort(page, name):
    """Click on a heading, and return the column below it."""
    button_of(page, name).click()
    at = list(headings(page)).index(name)
    return [row[at] for row in rows(page)]


def test_it_opens_with_everything_on_it(page):
    assert page.title == "Invariance and dynamic range: v4, net"
    figures = page.find_elements(By.CSS_SELECTOR, "svg.figure")
    assert len(figures) > 10
    for figure in figures:
        assert figure.size["width"] > 200
        assert len(figure.get_attribute("aria-label")) > 30
    for link in page.find_elements(By.CSS_SELECTOR, "nav a"):
        assert page.find_elements(By.ID, link.get_attribute("href").split("#")[1])


def test_names_that_are_markup_do_nothing(page):
    assert page.title.startswith("Invariance")
    assert len(page.find_elements(By.TAG_NAME, "script")) == 1
    assert HOSTILE in page.find_element(By.TAG_NAME, "main").text


def test_the_policy_of_the_page_stops_what_would_run_or_be_loaded(chrome, address):
    """A control: were markup of a label to get in after all, it would still do nothing."""
    chrome.get(address)
    browser.said(chrome)
    chrome.execute_script("""
        const script = document.createElement("script");
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "http://127.0.0.1:9/x.png";
        document.body.append(image);""")
    time.sleep(0.3)
    assert chrome.title.startswith("Invariance")
    told = browser.said(chrome)
    assert len([each for each in told if "Content Security Policy" in each]) == 2
    browser.requested(chrome)


@pytest.mark.parametrize("name", ["dynamic_range", "invariance", "n_images"])
def test_a_column_of_numbers_is_sorted_over_all_rows(page, responses, name):
    values = unit_table(responses)[name]
    assert len(values) > MAX_ROWS
    for ascending, told in ((True, "ascending"), (False, "descending")):
        expected = values.sort_values(ascending=ascending, kind="stable").head(MAX_ROWS)
        assert sort(page, name) == [number_shown(value) for value in expected]
        sorted_by = headings(page)
        assert sorted_by.pop(name) == told
        assert set(sorted_by.values()) == {"none"}


def test_a_column_of_names_is_sorted(page, responses):
    found = sort(page, "area")
    assert found == sorted(unit_table(responses)["area"], key=lambda a: a != HOSTILE)[:MAX_ROWS]


def test_headings_are_buttons_for_the_keyboard(page):
    button = button_of(page, "dynamic_range")
    page.execute_script("arguments[0].focus()", button)
    button.send_keys("\ue007")
    assert headings(page)["dynamic_range"] == "ascending"


def test_the_script_spells_numbers_as_the_page_was_written(page):
    written = rows(page)
    sort(page, "dynamic_range")
    by_unit = {(row[0], row[3]): row for row in rows(page)}
    found = [by_unit[row[0], row[3]] for row in written if (row[0], row[3]) in by_unit]
    assert len(found) > 50
    assert found == [row for row in written if (row[0], row[3]) in by_unit]


def test_more_rows_are_shown_when_asked(page, responses):
    section = page.find_element(By.CSS_SELECTOR, "[data-units]")
    more = section.find_element(By.CSS_SELECTOR, "[data-more]")
    n = len(unit_table(responses))
    assert section.find_element(By.CSS_SELECTOR, "[role=status]").text == (
        f"Showing {MAX_ROWS} of {n} rows."
    )
    more.click()
    assert len(rows(page)) == n
    assert not more.is_displayed()


def test_the_download_is_the_unit_table(page, responses, downloads):
    link = page.find_element(By.CSS_SELECTOR, "a[download]")
    path = downloads / link.get_attribute("download")
    link.click()
    for _ in range(100):
        if path.exists() and path.stat().st_size:
            break
        time.sleep(0.05)
    expected = unit_table(responses)
    assert path.read_bytes() == expected.to_csv(index=False).encode()
    pd.testing.assert_frame_equal(pd.read_csv(path, keep_default_na=True)[["unit"]],
                                  expected[["unit"]], check_dtype=False)  # fmt: skip


def colours(page):
    """The page's own colours, and that of a figure's text and of its paper."""
    script = """
        const of = (element, name) => getComputedStyle(element)[name];
        const figure = document.querySelector("svg.figure");
        const paper = figure.querySelector("[id$=patch_1] path");
        const word = figure.querySelector("[id*=text_] use");
        return [of(document.body, "backgroundColor"), of(document.body, "color"),
                of(paper, "fill"), of(word, "fill")]"""
    parts = (text[4:-1].split(",") for text in page.execute_script(script))
    return [luminance([int(part) / 255 for part in rgb]) for rgb in parts]


def assert_readable(background, text):
    light, dark = max(background, text), min(background, text)
    assert (light + 0.05) / (dark + 0.05) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_and_figures_follow_the_readers_scheme(page, scheme):
    browser.colour_scheme(page, scheme)
    background, text, paper, word = colours(page)
    assert (background > 0.5) == (scheme == "light")
    assert paper == background
    assert_readable(background, text)
    assert_readable(paper, word)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_button_turns_the_scheme_round(page, scheme):
    browser.colour_scheme(page, scheme)
    button = page.find_element(By.ID, "theme")
    name = "Dark page" if scheme == "light" else "Light page"
    WebDriverWait(page, 5).until(lambda _: button.text == name)
    button.click()
    background, text, paper, word = colours(page)
    assert (background < 0.5) == (scheme == "light")
    assert_readable(background, text)
    assert_readable(paper, word)
    button.click()
    assert (colours(page)[0] > 0.5) == (scheme == "light")


def test_print_is_black_on_white_whatever_the_scheme(page):
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    media = {"media": "print", "features": features}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        background, text, paper, word = colours(page)
        assert background == paper == 1
        assert_readable(background, text)
        assert_readable(paper, word)
        assert not page.find_element(By.ID, "theme").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_telephone_need_not_be_scrolled_sideways(page):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", NARROW)
    try:
        script = "return document.documentElement.scrollWidth"
        assert page.execute_script(script) == NARROW["width"]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
