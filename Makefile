# Two commands on a fresh machine: `make run` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PHOTOS ?= examples/photos

.DEFAULT_GOAL := help
.PHONY: help run test faults test-extras aws-cli peers check audit format asl lock clean

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Classify the example photos (or PHOTOS=folder) through the real state machine, on this machine
	@$(BIN)/imagebatch run $(PHOTOS)

test: $(VENV)/.dev ## Run the whole test suite
	@$(BIN)/python -m pytest -n auto --dist worksteal

faults: $(VENV)/.dev ## Run a hundred and twenty runs in which something goes wrong, and see that nothing is lost
	@$(BIN)/python tests/faults/campaign.py

test-extras: $(VENV)/.extras ## Run the tests of what few need: HEIC photos, models of torch (a large download)
	@PYTHONPATH=$(EXTRAS) $(BIN)/python -m pytest -n auto tests/images tests/inference/runtimes

aws-cli: $(VENV)/.awscli ## Install the AWS CLI into an environment of its own: `make test` drives the local cloud with it, too

peers: $(VENV)/.peers ## Install Daft and Ray Data into an environment of their own, for bench/peers.py

check: $(VENV)/.dev $(VENV)/.security ## Lint, types, formatting, the Dockerfile, and the gate: template, policies and state machines
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint processing_scripts/Dockerfile
	$(BIN)/python -m infra.gate

# The advisories are asked for over the network, which may not be there.
audit: $(VENV)/.security ## Look for unsafe Python, and for dependencies with known faults
	$(VENV)/security/bin/bandit --quiet --recursive --configfile pyproject.toml pipeline steps processing_scripts state_machines infra
	@$(VENV)/security/bin/python infra/audit.py requirements/run.lock requirements/container-cpu.lock requirements/dev.lock

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What `sam build` calls for each function of infra/template.yaml (Metadata: BuildMethod). The SAM CLI gives ARTIFACTS_DIR.
build-%: $(VENV)/.run
	@$(BIN)/python -m pipeline.deploying.building --function $* --out "$(ARTIFACTS_DIR)"

asl: $(VENV)/.dev ## Render state_machines/*.asl.json from their Python sources
	$(BIN)/python -m state_machines

lock: $(VENV)/.dev ## Resolve the dependencies again (needs the registry)
	$(BIN)/uv pip compile pyproject.toml --extra local --group dev $(LOCK) --upgrade -o requirements/dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra local -c requirements/dev.lock $(LOCK) -o requirements/run.lock
	$(BIN)/uv pip compile pyproject.toml --extra inference $(IMAGE_LOCK) -o requirements/container-cpu.lock
	$(BIN)/uv pip compile pyproject.toml requirements/cuda.in $(IMAGE_LOCK) -o requirements/container-cuda.lock
	$(BIN)/uv pip compile requirements/functions.in $(FUNCTION_LOCK) -o requirements/functions.lock
	$(BIN)/uv pip compile requirements/awscli.in $(LOCK) --upgrade -o requirements/awscli.lock
	grep -E '^(numpy|onnxruntime|pillow)==' requirements/dev.lock | $(BIN)/uv pip compile requirements/peers.in -c - $(LOCK) --upgrade -o requirements/peers.lock
	$(BIN)/uv pip compile requirements/security.in $(LOCK) --upgrade -o requirements/security.lock
# --no-emit-index-url: a lock names packages and versions, never a registry.
LOCK_TEXT := --no-header --no-annotate --no-emit-index-url --quiet
LOCK := --universal --python-version 3.11 $(LOCK_TEXT)
# What is built once and runs everywhere is pinned by hash.
IMAGE_LOCK := -c requirements/dev.lock --python-version 3.12 --python-platform x86_64-manylinux_2_28 --generate-hashes $(LOCK_TEXT)
FUNCTION_LOCK := -c requirements/dev.lock --python-version 3.13 --python-platform aarch64-manylinux_2_28 --generate-hashes $(LOCK_TEXT)

EXTRAS := $(VENV)/extras

clean: ## Remove the environment, results and caches
	rm -rf $(VENV) out build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "imagebatch needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing imagebatch into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "Installing the development tools into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.lock
	@touch $@

$(VENV)/.awscli: requirements/awscli.lock | $(VENV)/bin/python
	@echo "Installing the AWS CLI into $(VENV)/awscli (once)"
	@$(BIN)/python -m venv $(VENV)/awscli
	@$(VENV)/awscli/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/awscli.lock
	@touch $@

$(VENV)/.security: requirements/security.lock | $(VENV)/bin/python
	@echo "Installing checkov, bandit and pip-audit into $(VENV)/security (once)"
	@$(BIN)/python -m venv $(VENV)/security
	@$(VENV)/security/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/security.lock
	@touch $@

$(VENV)/.peers: requirements/peers.lock | $(VENV)/bin/python
	@echo "Installing Daft and Ray Data into $(VENV)/peers (once)"
	@$(BIN)/python -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/peers.lock
	@touch $@

# Beside the environment, not in it: what is there without the extras is what most people have.
$(VENV)/.extras: pyproject.toml $(VENV)/.dev
	@echo "Installing the extras into $(EXTRAS) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(EXTRAS) "torch==2.13.*" "pillow-heif>=1.1"
	@touch $@
