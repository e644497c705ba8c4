# Every target sets up what it needs by itself; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run test check bench lock docs clean

PY := .venv/bin/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv as lock/dev.txt says
	@scripts/bootstrap.sh

run: setup ## start the quickstart server (ARGS="--port 9500" goes to `grantd dev`)
	@exec $(PY) -m grantd dev $(ARGS)

test: ## set up and run everything that CI runs
	@scripts/test.sh

check: setup ## format, lint, types, imports, generated pages
	@scripts/check.sh

bench: ## measure against peers, print ratios
	@scripts/bench.sh $(ARGS)

lock: setup ## resolve pyproject.toml anew (ARGS="--upgrade" for everything)
	@scripts/lock.sh $(ARGS)

docs: setup ## regenerate the pages that are made from the source
	@$(PY) scripts/settings_reference.py
	@$(PY) scripts/specifications.py
	@$(PY) scripts/extension_reference.py
	@$(PY) scripts/metrics_reference.py
	@$(PY) scripts/audit_reference.py
	@$(PY) scripts/conformance.py

clean: ## remove everything that these targets made
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf tests/interop/node/node_modules
