"""The site: these pages as they are, and an API reference from the docstrings. `make docs`."""

from urllib.request import urlopen

from artiphys import __version__

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
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = project

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

add_module_names = False
autodoc_typehints = "none"  # numpydoc's Parameters say it, with dims and units
numpydoc_show_class_members = False  # the page of a class lists them


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
