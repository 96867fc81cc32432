# Every target makes what it needs first, so each works on a clean clone.
# ARGS goes to the tool: make test ARGS="tests/unit -k outcome"

BIN := .venv/bin
PG15 := /usr/lib/postgresql/15/bin/postgres
SHELL_CODE := $(wildcard *.sh scripts/*.sh .ci/run)
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	--custom-compile-command "make lock"

# npm notes where each author takes donations; the lock keeps no addresses at all.
WITHOUT_FUNDING := const fs = require("fs"), file = "package-lock.json", lock = JSON.parse(fs.readFileSync(file)); \
	Object.values(lock.packages).forEach((entry) => delete entry.funding); \
	fs.writeFileSync(file, JSON.stringify(lock, null, 2) + "\n");

.DEFAULT_GOAL := help
.PHONY: help setup check lint types test test-pg15 bench lock lock-python lock-node format hooks

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make or refresh .venv from the hashed locks
	@scripts/setup-environment.sh dev

check: lint types test test-pg15 ## Everything CI runs

lint: setup ## Style, shell scripts and declared dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/shellcheck $(SHELL_CODE)
	$(BIN)/deptry backend

types: setup ## mypy, strict, over the code and the tests
	$(BIN)/mypy backend tests $(wildcard bench)

test: setup ## All tests, on the PostgreSQL of the wheel
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

test-pg15: setup ## The storage tests again, on Debian's PostgreSQL 15
	@if [ -x $(PG15) ]; then \
		EASYFLOW_TEST_POSTGRES=system $(BIN)/pytest -n 2 --dist worksteal tests/integration/storage $(ARGS); \
	else \
		echo "Not run: this system has no PostgreSQL 15 ($(PG15)); install the package postgresql-15 to run these tests here."; \
	fi

bench: setup ## How fast one worker command drains no-op jobs
	$(BIN)/python bench/drain.py $(ARGS)

lock: lock-python lock-node ## Resolve all dependencies anew and write the locks

lock-python: setup ## Write requirements/*.txt from pyproject.toml
	$(COMPILE) --upgrade requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(COMPILE) --upgrade pyproject.toml --extra local --group dev \
		--constraint requirements/bootstrap.txt --output-file requirements/dev.txt
	$(COMPILE) --upgrade pyproject.toml --constraint requirements/dev.txt --output-file requirements/runtime.txt

lock-node: ## Write frontend/package-lock.json from package.json
	cd frontend && rm -f package-lock.json && npm install --package-lock-only --no-audit --no-fund
	cd frontend && node -e '$(WITHOUT_FUNDING)'
	cd frontend && npm ci --dry-run --no-audit --no-fund

format: setup ## Put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

hooks: setup ## Run the same checks before each commit
	$(BIN)/prek install
