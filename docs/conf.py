"""The site: these pages, the examples run, an API reference from the docstrings. `make docs`."""

import logging
import sys
from pathlib import Path
from urllib.request import urlopen

from artiphys import __version__

sys.path.insert(0, str(Path(__file__).parent))  # for the order of the examples
# The theme's colours (a11y_pygments) have every logger write to the terminal.
logging.getLogger("artiphys_nwb").setLevel(logging.WARNING)

project = "artiphys"
author = "the artiphys developers"
copyright = f"2026, {author}"
release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "sg_execution_times.rst"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

add_module_names = False
autodoc_typehints = "none"  # numpydoc's Parameters say it, with dims and units
numpydoc_show_class_members = False  # the page of a class lists them

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",  # all of them are run
    "within_subsection_order": "reading_order.InReadingOrder",
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("artiphys", "artiphys_exchange", "artiphys_nwb", "artiphys_torch"),
    "reference_url": {"artiphys": None},
    "image_scrapers": ("matplotlib",),
    "min_reported_time": 3600,  # how long an example took is of this machine
    "show_memory": False,
    "remove_config_comments": True,
}


def _answers(site: str) -> bool:
    try:
        with urlopen(f"{site}objects.inv", timeout=5):
            return True
    except OSError:
        return False


# A site that does not answer is left out: without a network names of others are no links, and the
# build is the same otherwise.
intersphinx_mapping = {
    name: (site, None)
    for name, site in {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "scipy": "https://docs.scipy.org/doc/scipy/",
        "pandas": "https://pandas.pydata.org/docs/",
        "xarray": "https://docs.xarray.dev/en/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
    }.items()
    if _answers(site)
}
