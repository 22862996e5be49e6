# Everything that a person does with this tree; `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# A start that may not keep its bytecode compiles everything again, every time.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH VIRTUAL_ENV

BIN := .venv/bin
UV := $(BIN)/uv
# The first interpreter that is new enough and can make environments; PYTHON=… chooses another.
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	if $$python -c '$(FITS)' >/dev/null 2>&1; then command -v $$python; break; fi; done)
OWN := -e . -e serving -e tracking
# Tests of the real platform mostly wait, so there are more workers than cores; a file stays with one of them.
WORKERS := -n 4 --dist loadfile
INSTALL := $(UV) pip install --python $(BIN)/python --compile-bytecode

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

.PHONY: demo
demo: .venv/.platform ## Push the example project, approve it, and see its model take over under load
	$(BIN)/pratique demo

.PHONY: test
test: .venv/.developer ## Run the tests that a newcomer needs to trust the tree
	$(BIN)/python -m pytest $(WORKERS) -m "not slow and not soak" $(TESTS)

.PHONY: test-again
test-again: .venv/.developer ## Run what failed in the last run once more, one test after the other
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m "not slow and not soak"

.PHONY: test-all
test-all: .venv/.developer ## Run every test, the slow ones too
	$(BIN)/python -m pytest $(WORKERS) -m "not soak" $(TESTS)

.PHONY: soak
soak: .venv/.developer ## Kill processes at random a thousand times, and write docs/reference/reliability.md
	$(BIN)/python -m pytest -m soak -s tests/acceptance; status=$$?; $(BIN)/python docs/generate.py; exit $$status

.PHONY: check
check: .venv/.developer ## Lint, types, and the direction of every import
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: attacks
attacks: .venv/.developer ## Try what attackers would, and write docs/reference/security-tests.md
	RECORD_ATTACKS=$(CURDIR)/docs/generator/attacks.json $(BIN)/python -m pytest $(ATTACKS); status=$$?; $(BIN)/python docs/generate.py; exit $$status

ATTACKS := tests/security tests/unit/web/test_attacks.py tests/integration/gateway/test_attacks.py tests/integration/engine/test_trust.py

.PHONY: docs
docs: .venv/.developer ## Write the generated pages of docs/reference
	$(BIN)/python docs/generate.py

.PHONY: bench
bench: .venv/.developer ## Measure, and write docs/reference/performance.md
	$(BIN)/python -m bench

.PHONY: bench-serving
bench-serving: .venv/.developer ## Compare the model server with its peers, and write docs/reference/serving-performance.md
	$(BIN)/python -m bench.serving

.PHONY: dist
dist: .venv/.developer ## Build the three wheels into dist/
	rm -rf dist
	for part in . serving tracking; do $(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python -o dist $$part; done
	@ls dist

.PHONY: lock
lock: .venv/.uv ## Resolve the lock files again
	$(UV) pip compile --quiet $(LOCK) --group dev --extra postgresql pyproject.toml -o locks/developer.txt
	$(UV) pip compile --quiet $(LOCK) --group build -c locks/developer.txt pyproject.toml -o locks/platform.txt
	$(UV) pip compile --quiet $(LOCK) locks/bootstrap.in -o locks/bootstrap.txt
	$(UV) pip compile --quiet $(LOCK) locks/oracle.in -o locks/oracle.txt
	$(UV) pip compile --quiet $(LOCK) locks/model-signing.in -o locks/model-signing.txt
	$(UV) pip compile --quiet $(LOCK) --overrides tracking/overrides.txt tracking/requirements.in -o src/pratique/tracking/requirements.lock

LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
	--no-emit-package pratique-serving --no-emit-package pratique-tracking

.PHONY: clean
clean: ## Remove what was built; homes of the platform stay
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "error: there is no Python 3.11 or newer that can make environments" >&2; \
		echo >&2; echo "hint: install one (Debian: python3.11 and python3.11-venv), or name it: make PYTHON=/path/to/python" >&2; exit 1; fi
	$(PYTHON) -m venv .venv

.venv/.uv: .venv/bin/python locks/bootstrap.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/bootstrap.txt
	@touch $@

.venv/.platform: .venv/.uv locks/platform.txt pyproject.toml serving/pyproject.toml tracking/pyproject.toml
	$(INSTALL) --require-hashes -r locks/platform.txt
	$(INSTALL) --quiet --no-deps --no-build-isolation $(OWN)
	@touch $@

.venv/.developer: .venv/.platform locks/developer.txt
	$(INSTALL) --require-hashes -r locks/developer.txt
	@touch $@
