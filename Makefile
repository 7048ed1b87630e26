# Two commands: `make demo` and `make test`. Both set up what they need.
# `make check` is all that CI asks: tests, lint, types, import contracts, template checks, dependency audit.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Trust what the machine trusts: many networks have certificates of their own.
export UV_SYSTEM_CERTS := 1
BIN    := .venv/bin
UV     := $(BIN)/uv
TOOLS  := .tools
BEGUN  := $(shell date +%s)
SO_FAR  = $$(( $$(date +%s) - $(BEGUN) )) s

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast check lint types contracts template audit lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready $(TOOLS)/stack/.ready $(TOOLS)/sam/.ready ## install everything (done by the others when needed)

.venv/.ready: requirements/bootstrap.txt requirements/dev.txt pyproject.toml layers/cellwave/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || \
		{ echo "Cellwave needs Python 3.11 or newer; $(PYTHON) is older. Say which with: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Setting up the development environment (once; a few minutes with the rest) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e layers/cellwave -e .
	@touch $@
	@echo "  ready, $(SO_FAR) since the start"

$(TOOLS)/%/.ready: requirements/%.txt .venv/.ready
	@echo "Setting up $* ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python $(TOOLS)/$*
	@$(UV) pip install --quiet --python $(TOOLS)/$*/bin/python --require-hashes -r $<
	@touch $@
	@echo "  ready, $(SO_FAR) since the start"

demo: setup ## run the main job on the embedded stack; DEMO=town takes the generated town
	@$(BIN)/cellwave demo $(if $(DEMO),--source $(DEMO))

test: setup ## run all tests
	@$(BIN)/pytest

test-fast: setup ## run the tests that need no embedded stack
	@$(BIN)/pytest tests/unit

check: lint types contracts template audit test ## everything that must be green

lint: setup ## style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## strict types
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@for folder in functions/*/; do MYPYPATH=$$folder $(BIN)/mypy --strict $$folder*.py || exit 1; done

contracts: setup ## imports run down only
	@$(BIN)/lint-imports

template: setup $(TOOLS)/checkov/.ready ## validate template.yaml
	@SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(TOOLS)/sam/bin/sam validate --lint
	@$(TOOLS)/sam/bin/cfn-lint template.yaml
	@$(TOOLS)/checkov/bin/checkov --config-file .checkov.yaml

audit: setup ## known vulnerabilities in what is locked
	@for file in layer dev stack; do \
		$(BIN)/pip-audit --progress-spinner off --require-hashes --disable-pip -r requirements/$$file.txt > .audit 2>&1 || { cat .audit; exit 1; }; \
		echo "$$file: $$(grep -c 'could not be audited' .audit) of $$(grep -c '==' requirements/$$file.txt) could not be looked up"; done; rm -f .audit

lock: ## pin requirements anew (needs .venv)
	@for name in bootstrap stack sam checkov; do \
		$(UV) pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 requirements/$$name.in -o requirements/$$name.txt; done
	@$(UV) pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 layers/cellwave/pyproject.toml -o requirements/layer.txt
	@$(UV) pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --no-emit-package cellwave --group dev pyproject.toml -c requirements/layer.txt -o requirements/dev.txt

clean: ## remove what was built and run (not the environments)
	@[ ! -x $(BIN)/cellwave ] || $(BIN)/cellwave down --all --purge
	@rm -rf .cellwave .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
