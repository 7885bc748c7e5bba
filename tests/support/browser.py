"""A headless browser, Debian's chromium and its driver: absent at home a test is skipped."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import missing

__all__ = ["colour_scheme", "opened", "requested", "said"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-sandbox"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
)


@contextmanager
def opened(downloads: Path) -> Iterator:
    """A browser that logs its console and its requests, and saves into `downloads`."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        missing("chromium with chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    service = webdriver.ChromeService(executable_path=driver)
    chrome = webdriver.Chrome(options=options, service=service)
    try:
        yield chrome
    finally:
        chrome.quit()


def said(chrome) -> list[str]:
    """What the console has told since it was last asked."""
    return [entry["message"] for entry in chrome.get_log("browser")]


def requested(chrome) -> list[str]:
    """The addresses that were asked for since the log was last read."""
    events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def colour_scheme(chrome, scheme: str) -> None:
    """Let the browser's user prefer light or dark pages."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
