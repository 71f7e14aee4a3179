# demo: set up and run the main job    test: set up and pass the tests    check: lint, types, architecture, docs
# bench: speed and memory as ratios    proof: longer proofs, minutes each  docs, lock: make generated files again
# validate: 200 replicates of six known worlds, and the guide in tests/validation; 75 minutes on two cores
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check bench proof validate docs lock clean

demo: $(VENV)/.ready
	$(BIN)/tspo demo

test: $(VENV)/.ready
	$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.docs --check

bench: $(VENV)/.ready
	$(BIN)/python -m tests.bench

proof: $(VENV)/.ready
	TSPO_EXAMPLES=2000 $(BIN)/python -m pytest tests/test_generative.py
	$(BIN)/python -m pytest -m slow

validate: $(VENV)/.ready
	$(BIN)/tspo validate --replicates 200 --scenario S0 --scenario S1 --scenario S2 --scenario S3 --scenario S4 --scenario S5 \
	  --persons 20000 --protocol tests/validation/protocol.toml --guide tests/validation

docs: $(VENV)/.ready
	$(BIN)/python -m tests.docs

# The lock holds versions and hashes and no address: pip's own settings say where packages come from.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
	.venv-lock/bin/pip-compile --quiet --extra dev --generate-hashes --strip-extras --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.txt pyproject.toml
	rm -rf .venv-lock

# The lock is also the constraints: pip before 23.3 (Debian 12's) reads `sqlalchemy[asyncio]`, which Prefect asks for,
# as another package than the locked sqlalchemy, would take the newest, and stops because it has no hash.
LOCKED := --requirement requirements.txt --constraint requirements.txt

$(VENV)/.ready: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes $(LOCKED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .hypothesis
