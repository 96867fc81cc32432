# Every target makes what it needs first, so each works on a clean clone.
# ARGS goes to the tool: make test ARGS="tests/unit -k outcome"

BIN := .venv/bin
PG15 := /usr/lib/postgresql/15/bin/postgres
SHELL_CODE := $(wildcard *.sh scripts/*.sh .ci/*)
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
NO_CHROMIUM := Chromium is not here: install it (on Debian: apt-get install chromium fonts-liberation) and run this again.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	--custom-compile-command "make lock"

# npm notes where each author takes donations; the lock keeps no addresses at all.
WITHOUT_FUNDING := const fs = require("fs"), file = "package-lock.json", lock = JSON.parse(fs.readFileSync(file)); \
	Object.values(lock.packages).forEach((entry) => delete entry.funding); \
	fs.writeFileSync(file, JSON.stringify(lock, null, 2) + "\n");

.DEFAULT_GOAL := help
.PHONY: help setup check lint types test test-pg15 dashboard test-frontend test-browser screenshots bench bench-api bench-workflows bench-recovery lock lock-python lock-node format hooks bare-debian ci-plan wheel explore matrix mutate soak

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make or refresh .venv from the hashed locks
	@scripts/setup-environment.sh dev

# The soak mostly waits, and its checker does not mind who else is busy.
check: ## Everything CI runs
	@$(MAKE) --no-print-directory lint types test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target soak test-pg15 test-frontend
	@$(MAKE) --no-print-directory test-browser

lint: setup ## Style, shell scripts, declared dependencies, container and CI files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/shellcheck $(SHELL_CODE)
	$(BIN)/yamllint --strict .
	$(BIN)/hadolint backend/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.dev.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/zizmor --offline --quiet .github/workflows/ci.yml
	$(BIN)/deptry backend

types: setup ## mypy, strict, over the code, the tests and the scripts
	$(BIN)/mypy backend tests scripts hatch_build.py docs/guides/examples $(wildcard bench)

test: setup ## All tests but those in a browser, on the PostgreSQL of the wheel
	$(BIN)/pytest -n 2 --dist worksteal --ignore=tests/browser $(ARGS)

test-pg15: setup ## The storage tests again, on Debian's PostgreSQL 15
	@if [ -x $(PG15) ]; then \
		EASYFLOW_TEST_POSTGRES=system $(BIN)/pytest -n 2 --dist worksteal tests/integration/storage $(ARGS); \
	else \
		echo "Not run: this system has no PostgreSQL 15 ($(PG15)); install the package postgresql-15 to run these tests here."; \
	fi

dashboard: ## Build the dashboard into backend/easyflow/dashboard/static
	@scripts/setup-frontend.sh serve
	cd frontend && ../scripts/with-node.sh npm run --silent build -- --logLevel warn

test-frontend: ## The dashboard's style, types, tests, generated API types, build and size budgets
	@scripts/setup-frontend.sh all
	cd frontend && ../scripts/with-node.sh sh -e -c 'for step in lint typecheck test check:generated build size; do \
		echo "npm run $$step"; npm run --silent $$step; done'

test-browser: setup ## The dashboard in Chromium, over real processes and on ./start-dev.sh
	@[ -n "$(CHROMIUM)" ] || { echo "$(NO_CHROMIUM)" >&2; exit 1; }
	@scripts/setup-frontend.sh all
	$(BIN)/pytest -n 2 --dist worksteal tests/browser $(ARGS)

screenshots: setup ## Take the pictures of the README anew: docs/images
	@[ -n "$(CHROMIUM)" ] || { echo "$(NO_CHROMIUM)" >&2; exit 1; }
	@scripts/setup-frontend.sh all
	EASYFLOW_TEST_PICTURES=docs/images $(BIN)/pytest -n 0 tests/browser/test_development_stack.py

explore: setup ## Every state of small worlds: what holds, and what goes wrong without each guard
	$(BIN)/python -m tests.explorer $(ARGS)

matrix: setup ## Every point, every fault, every effect class; writes docs/reports/matrix.md
	EASYFLOW_TEST_MATRIX=$$(mktemp -d) $(BIN)/pytest -n 2 --dist worksteal tests/matrix $(ARGS)

mutate: setup ## Every guard taken out in turn: which test fails; writes docs/reports/mutation.md
	$(BIN)/python -m tests.mutation $(ARGS)

soak: setup ## Everything breaks, for DURATION seconds (180) drawn from SEED: what must not be? REPORT=docs/reports/soak.md keeps it
	$(BIN)/python -m tests.soak --duration $(or $(DURATION),180) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(REPORT)) $(ARGS)

bench: setup ## How fast one worker command drains no-op jobs
	$(BIN)/python bench/drain.py $(ARGS)

bench-api: setup ## How fast the API takes jobs, and how soon they start
	$(BIN)/python bench/api.py $(ARGS)

bench-workflows: setup ## How fast runs of workflows go on, and maps over many items
	$(BIN)/python -m bench.workflows $(ARGS)

bench-recovery: setup ## How soon jobs run again when a process is killed
	$(BIN)/python bench/recovery.py $(ARGS)

lock: lock-python lock-node ## Resolve all dependencies anew and write the locks

lock-python: setup ## Write requirements/*.txt from pyproject.toml
	$(COMPILE) --upgrade requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(COMPILE) --upgrade pyproject.toml --extra local --group dev \
		--constraint requirements/bootstrap.txt --output-file requirements/dev.txt
	$(COMPILE) --upgrade pyproject.toml --extra local --constraint requirements/dev.txt --output-file requirements/local.txt
	$(COMPILE) --upgrade pyproject.toml --constraint requirements/dev.txt --output-file requirements/runtime.txt
	$(COMPILE) --upgrade requirements/node.in --output-file requirements/node.txt

lock-node: ## Write frontend/package-lock.json from package.json
	cd frontend && rm -f package-lock.json && npm install --package-lock-only --no-audit --no-fund
	cd frontend && node -e '$(WITHOUT_FUNDING)'
	cd frontend && npm ci --dry-run --no-audit --no-fund

format: setup ## Put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

hooks: setup ## Run the same checks before each commit
	$(BIN)/prek install

bare-debian: setup ## As root: Dockerfile, compose file and ./start-dev.sh on a minimal Debian, without Docker
	@scripts/bare-debian.sh $(ARGS)

ci-plan: ## Which of these a change needs: make ci-plan BASE=main
	@BRANCH="$(BRANCH)" BASE="$(BASE)" python3 scripts/ci_plan.py

wheel: setup dashboard ## The installable package, with the built dashboard, in dist/
	$(BIN)/python -m build --no-isolation --outdir dist
