# Tovholder: `make demo` shows it, `make test` proves it. Everything is installed into .venv and node_modules.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PORT ?= 8000
STAMP := $(VENV)/.installed
NODE_STAMP := node_modules/.installed
STATIC_STAMP := src/tovholder/web/static/vendor/.installed

.PHONY: help install install-dev demo test test-sqlite test-postgresql postgres quick check browser docs lock clean
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE # commands started by tests would compile everything each time

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(STAMP): requirements/base.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --require-hashes -r requirements/base.txt
	$(BIN)/uv pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(STAMP)
	$(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(NODE_STAMP): package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 18 or newer (Debian: apt-get install nodejs npm)"; exit 1; }
	npm ci --silent --no-audit --no-fund
	@touch $@

$(STATIC_STAMP): $(NODE_STAMP) $(STAMP) tools/vendor_static.py $(wildcard src/tovholder/web/locale/*/LC_MESSAGES/*.po)
	$(BIN)/python tools/vendor_static.py
	$(BIN)/python tools/compile_messages.py
	@touch $@

install: $(STAMP) $(STATIC_STAMP) ## Install what running needs

install-dev: install $(VENV)/.installed-dev

demo: install ## Build the demo and serve it on http://127.0.0.1:8000
	$(BIN)/tovholder demo --port $(PORT)

browser:
	@command -v chromium >/dev/null || { echo "installing Chromium from Debian's packages"; \
	  (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) >/dev/null 2>&1 || \
	  echo "Chromium could not be installed: the browser journeys will be skipped with that reason"; }

postgres:
	@ls -d /usr/lib/postgresql/1[5-9]/bin /usr/lib/postgresql/[2-9]*/bin >/dev/null 2>&1 || { \
	  echo "installing PostgreSQL from Debian's packages"; \
	  (apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql) >/dev/null 2>&1 || \
	  { echo "PostgreSQL 15 or newer could not be installed (Debian: apt-get install postgresql);" \
	    "to run the tests on SQLite alone: make test-sqlite"; exit 1; }; }

# Files whole, the long ones first (tests/conftest.py).
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder

test: test-sqlite test-postgresql ## Install what is needed and run every test, on SQLite and on PostgreSQL

test-sqlite: install-dev browser check ## Every test on SQLite, the browser journeys too
	TOVHOLDER_ENV=test $(BIN)/python -m pytest $(IN_TWO) -m "not browser"
	TOVHOLDER_ENV=test $(BIN)/python -m pytest -m browser # apart: Playwright's event loop and Django's database do not share a process

# What knows no database is not run again: no test in these asks for one (pytest-django refuses it to who does not ask)
# and none starts a process.
NO_DATABASE := tests/spec tests/unit/base tests/unit/fhir tests/unit/rules tests/unit/packages/fhir/test_elements.py \
  $(addprefix tests/unit/packages/test_,check.py licensed.py loader.py versions.py) \
  tests/unit/workbench/test_check.py tests/unit/demo/test_generate.py \
  $(addprefix tests/unit/web/test_,templates.py translations.py vendor_static.py) \
  $(addprefix tests/generative/test_,package_holes.py profile_mutations.py validation_mutations.py view_source.py) \
  $(addprefix tests/conformance/test_,fhirkit_agreement.py r4_invariants.py sql_on_fhir.py)

test-postgresql: install-dev postgres ## The same tests (but the browser's) on a PostgreSQL server of their own
	TOVHOLDER_ENV=test TOVHOLDER_TEST_DATABASE=postgresql $(BIN)/python -m pytest $(IN_TWO) -m "not browser" \
	  $(NO_DATABASE:%=--ignore=%)

quick: install-dev ## The fast tests (under two minutes): no browser, no long runs
	TOVHOLDER_ENV=test $(BIN)/python -m pytest $(IN_TWO) -m "not browser and not slow" -q

check: install-dev ## Lint, types, contracts, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	TOVHOLDER_ENV=test $(BIN)/mypy
	$(BIN)/lint-imports
	TOVHOLDER_ENV=test $(BIN)/python tools/reference.py --check
	$(BIN)/python tools/generate_fhir_definitions.py --check
	$(BIN)/python tools/generate_search_parameters.py --check
	$(BIN)/python tools/generate_profiles.py --check
	$(BIN)/python tools/generate_terminology.py --check

docs: install-dev ## Write docs/reference anew
	TOVHOLDER_ENV=test $(BIN)/python tools/reference.py

lock: $(STAMP) ## Pin the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/base.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra dev --extra postgres pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra spark pyproject.toml -o requirements/spark.txt

clean: ## Remove what was installed and built
	rm -rf $(VENV) node_modules var artefacts src/tovholder/web/static/vendor
