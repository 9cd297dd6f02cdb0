# One command each; see README.md. Windows: the same commands stand in README.md for PowerShell.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
export DO_NOT_TRACK := 1

.PHONY: help install demo test lint bench soak fuzz dev docs pictures clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed (set PYTHON=...)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

install: $(STAMP) ## Create the virtual environment and install the locked versions.

demo: $(STAMP) ## From nothing to a KPI table: three months of synthetic extracts.
	$(BIN)/akutt demo

lint: $(DEV_STAMP) ## Formatting, lint, types and import boundaries.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## Everything: lint, types, boundaries and all tests.
	$(BIN)/python -m pytest -n 2

bench: $(DEV_STAMP) ## National year at scale 1.0: time and memory against the floor.
	$(BIN)/python -m benchmarks.national_year

soak: $(DEV_STAMP) ## Kill the run at 50 random moments; the release must come out the same.
	$(BIN)/python -m tests.soak.kill_and_rerun

FUZZ ?= --mutants 100000
fuzz: $(DEV_STAMP) ## 100 000 mutated files of every source and format against an oracle (FUZZ="--seed 2").
	$(BIN)/python -m tests.fuzz.campaign $(FUZZ)

dev: $(STAMP) ## Dagster's web page over the data in AKUTT_HOME.
	$(BIN)/python -m orchestration.dev

docs: $(STAMP) ## The documentation as one folder of HTML: data/docs/index.html.
	$(BIN)/akutt docs build data/docs

pictures: $(DEV_STAMP) ## Pictures of every page for docs/pictures, of the release in AKUTT_HOME.
	$(BIN)/python -m tests.reporting.web.pictures

clean: ## Remove the virtual environment and everything generated.
	rm -rf $(VENV) data dbt_project/target dbt_project/logs reports build dist
