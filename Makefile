# From a clone: `make demo` shows what the tool does, `make test` checks it. Both install first.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test install lint qgis-plugin clean results results-short fuzz faults

demo: install
	rm -rf demo-output
	$(BIN)/pointsam demo --output demo-output

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

# The tables of docs/results.md; hours on a CPU. NWPU=... names the data set's folder.
results: install
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/results.sh results "1 2 3" "1337 1 2"

# The same script on six images with a few steps a run, in a smaller frame: shows that all of it
# works within 15 minutes on two cores, and measures nothing.
results-short: install
	PATH="$(CURDIR)/$(BIN):$$PATH" STEPS=3 SUBSET=6 SIDE=512 MISSING=0.3 SHIFT=10 SHARES=0.5 \
		scripts/results.sh results-short 1 1337

# Every reader for MINUTES under a fuzzer that follows coverage; goes on from what it found before.
MINUTES ?= 10
fuzz: install
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[fuzz]'
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzzing --minutes $(MINUTES)

# Every step of every command that writes fails once, and is the last one once; hours.
faults: install
	OMP_NUM_THREADS=1 POINTSAM_FAULTS=all $(BIN)/python -m pytest -q tests/faults

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

# The book; a broken link or a name without description ends it.
.PHONY: docs
docs: install
	$(BIN)/python -m mkdocs build

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build demo-output src/pointsam.egg-info
