# The two commands of the README. Both first make .venv, with everything in it.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)

.PHONY: reproduce test browser lint docs linkcheck clean

reproduce: $(VENV)/complete
	$(BIN)/artiphys reproduce --out results $(ARGS)

test: $(VENV)/complete browser
	$(BIN)/python -m pytest -n 2 $(ARGS)

# A browser for the tests of the report, on Debian; without one they are skipped, but for CI.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	  || { test -n "$$CI" && command -v apt-get >/dev/null \
	       && echo "chromium is missing; installing it" \
	       && $(SUDO) apt-get update --quiet=2 \
	       && $(SUDO) apt-get install --yes --quiet=2 chromium chromium-driver >/dev/null; } \
	  || echo "no chromium with chromedriver: tests in a browser are skipped" >&2

lint: $(VENV)/complete
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/documented
	$(BIN)/sphinx-build --quiet -W --keep-going -d docs/_build/doctrees docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html

# Of links to other sites, which `make docs` does not follow: it needs the network.
linkcheck: $(VENV)/documented
	$(BIN)/sphinx-build --quiet -b linkcheck -d docs/_build/doctrees docs docs/_build/linkcheck

clean:
	rm -rf $(VENV) docs/_build docs/generated docs/gallery docs/sg_execution_times.rst

$(VENV)/complete: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,dev]'
	touch $@

$(VENV)/documented: $(VENV)/complete
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

# Debian splits the part of Python that makes environments off into a package of its own, which a
# fresh machine lacks.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "python3-venv is missing; installing it"; \
	       $(SUDO) apt-get update --quiet=2 && $(SUDO) apt-get install --yes --quiet=2 python3-venv; }
	$(PYTHON) -m venv --clear $(VENV)
