# Everything a person does with this tree, by name. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := .venv/bin
# A tree that is no git checkout has nothing that tells ruff what to leave out.
ELSEWHERE := .venv .venv-aws .soundlake .aws-sam .mutants
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)
COMMA := ,
NOT_OURS := --exclude $(subst $(SPACE),$(COMMA),$(ELSEWHERE))
PYTEST := $(BIN)/python -P -m pytest
# A process for each processor, two at least: the stack's tests wait much (tests/conftest.py).
AT_ONCE := --numprocesses $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu); echo $$((n > 2 ? n : 2))) --no-loadscope-reorder
# The checks must not see anybody's account; SAM wants a region even to validate.
export AWS_DEFAULT_REGION ?= eu-north-1
export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## List every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
	  while IFS=$$'\t' read -r name text; do printf '  %-15s %s\n' "$$name" "$$text"; done

.PHONY: run
run: ## Run the whole lake here: capture, the charts, a summary (CHARTS=file.csv for a real day)
	@./soundlake run all $(if $(CHARTS),--world "$(CHARTS)")

.PHONY: test
test: lint ## Check everything, then run every test that takes less than 30 seconds
	@$(PYTEST) $(AT_ONCE) -m "not slow"

.PHONY: test-all
test-all: lint ## Check everything and run every test
	@$(PYTEST) $(AT_ONCE)

.PHONY: env
env: ## Make the environments, with what the tests need
	@./soundlake --test-env

.PHONY: lint
lint: env ## Format, lint, types, the template, and the state machines
	@$(BIN)/ruff format --check --quiet $(NOT_OURS) . soundlake
	@$(BIN)/ruff check --quiet $(NOT_OURS) . soundlake
	@$(BIN)/mypy
	@$(BIN)/python -m samcli validate --lint --template-file template.yaml
	@$(BIN)/cfn-lint -r $(AWS_DEFAULT_REGION) -- .github/deploy-role.yaml
	@$(PYTEST) --quiet --no-header tests/statemachines/test_lint.py

.PHONY: unit
unit: env ## Run the tests that deploy nothing
	@$(PYTEST) -m "not stack and not slow"

.PHONY: stack
stack: env ## Deploy to the embedded AWS and run the tests of the whole stack
	@$(PYTEST) -m stack

.PHONY: invoke
invoke: env ## Invoke every function in Docker with its file from events/ (ARGS="Extract Load")
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.invocations $(ARGS)

.PHONY: build
build: env ## Build what is deployed to AWS
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m samcli build --config-env dev

.PHONY: deploy
deploy: env ## Build and deploy a stage as the workflow does (STAGE=dev PARAMETERS="Name=value")
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m cli.sam_deploy "$(STAGE)" $(PARAMETERS)

# What the local AWS and the functions' managed layers bring is locked in the same files.
LOCKS := $(wildcard requirements/*.txt) layers/soundlake/requirements.txt

.PHONY: secrets
secrets: env ## Look for secrets in the tree and its history
	@$(BIN)/kingfisher scan . --no-validate --no-update-check --no-binary --redact \
	  $(patsubst %,--exclude %,$(ELSEWHERE) .hypothesis)

.PHONY: vulnerabilities
vulnerabilities: env ## Look up known vulnerabilities of every locked package (DRY_RUN=1 only reads)
	@for lock in $(LOCKS); do echo "$$lock"; \
	  $(BIN)/pip-audit --disable-pip --require-hashes --strict $(if $(DRY_RUN),--dry-run) -r "$$lock"; done

.PHONY: coverage
coverage: env ## Say which branches of the functions and their package no such test takes
	@$(BIN)/python -P -m coverage run -m pytest -m "not stack and not slow" \
	  tests/unit tests/statemachines
	@$(BIN)/python -P -m coverage report

.PHONY: mutants
mutants: env ## Change the domain code in every small way and show what no test notices (ARGS=plays)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.mutants $(ARGS)

.PHONY: branches
branches: env ## Run every way through the machines on both engines and compare (ARGS=--json)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.statemachines $(ARGS)

.PHONY: bench
bench: env ## Measure here (ARGS=--json; --growth, --accounts, --imports, --functions; with --write for docs/bench.md)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.benchmarks $(ARGS)

.PHONY: simulate
simulate: env ## Prove what capture promises on made-up lives (ARGS="--weeks 50 --years 100")
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.simulation $(ARGS)

.PHONY: accuracy
accuracy: env ## Count how well the same listening is found (ARGS=--write for docs/accuracy.md)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.accuracy $(ARGS)

.PHONY: requests
requests: env ## Count the requests to every provider beside the least (ARGS=--write; --json)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.figures requests $(ARGS)

.PHONY: simulate-budget
simulate-budget: env ## Live through months under a daily quota (ARGS=--write; --json)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.figures budget $(ARGS)

.PHONY: cost
cost: env ## Compute what a month on AWS costs from measured runs (ARGS=--write; --kept; --json)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.figures cost $(ARGS)

.PHONY: names
names: env ## Measure how often a name without an id finds its track (ARGS=--write; --json)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.names $(ARGS)

.PHONY: permissions
permissions: env ## Say who may do what in the stack, and why (ARGS=--write for docs/permissions.md)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.permissions $(ARGS)

.PHONY: transcripts
transcripts: env ## Write what the command line says in docs/why.md anew (ARGS=--print)
	@PYTHONPATH=.:layers/soundlake $(BIN)/python -P -m tests.transcripts $(ARGS)

.PHONY: clean
clean: ## Stop the services and remove the local lake and all builds (.venv stays)
	@echo "Stopping the services and removing .soundlake with every local lake in it."
	@if [ -x $(BIN)/python ] && [ -e .soundlake/running.json ]; then ./soundlake down; fi
	@rm -rf .soundlake .aws-sam .pytest_cache .ruff_cache .mypy_cache .hypothesis \
	  .coverage .mutants

# Whoever compiles a lock anew, as Dependabot does, takes these two from its head.
FOR := --universal --python-version 3.13
COMPILE = .venv/.uv/*/bin/uv pip compile --quiet $(FOR) --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock (uv pip compile $(FOR))" $(UPGRADE)

.PHONY: lock
lock: env ## Pin requirements/*.in and the layer's anew (UPGRADE=--upgrade takes newer releases)
	@for name in uv run aws test; do echo "requirements/$$name.txt"; \
	  $(COMPILE) --output-file requirements/$$name.txt requirements/$$name.in; done
	@echo "layers/soundlake/requirements.txt"
	@$(COMPILE) --output-file layers/soundlake/requirements.txt layers/soundlake/requirements.in
