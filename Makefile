# From a clone: `make demo` shows what the tool does, `make test` checks it. Both install first.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test install lint qgis-plugin clean

demo: install
	rm -rf demo-output
	$(BIN)/pointsam demo --output demo-output

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

qgis-plugin:
	$(PYTHON) scripts/qgis_plugin.py dist/pointsam-qgis.zip

install: $(INSTALLED)

# The pinned torch goes first: nothing after it can then ask for another one.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("pointsam needs Python 3.11 or newer; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(INSTALLED)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build demo-output src/pointsam.egg-info
