# Everything a fresh machine needs: Python 3.11+, a C compiler and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m harness
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help sweep test lint format sanitize aarch64 bench-copy bench-vm bench-paths optimize lib clean

help:  ## Show the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt setup.py $(shell find kernels -name '*.[ch]' -o -name 'native_ffi.py' -o -name 'toolchain.py' 2>/dev/null)
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) was not found; install Python 3.11 or later, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "error: no C compiler ($${CC:-cc}) was found; install gcc or clang (Debian: apt-get install gcc), or set CC"; exit 1; }
	@$(PYTHON) -c 'import sysconfig, pathlib, sys; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || { echo "error: Python.h was not found; install Python's headers (Debian: apt-get install python3-dev)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) has no venv module; install it (Debian: apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

sweep: $(STAMP)  ## Measure this machine, decide, write the config and verify it (about 2 minutes)
	$(RUN) sweep

test: $(STAMP)  ## Run every test, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: $(STAMP)  ## Style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## Put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sanitize: $(STAMP)  ## Kernels, dispatcher and timer under ASan, UBSan and TSan
	$(BIN)/python -m pytest -m sanitizer

aarch64: $(STAMP)  ## Cross-compile the Arm kernels and test them under qemu-user
	$(BIN)/python -m pytest -m aarch64

bench-copy: $(STAMP)  ## Every speed that the project claims for copies, side by side, from one run (4 minutes)
	$(RUN) bench copy

optimize: $(STAMP)  ## Improve this machine's configuration round by round (up to 30 minutes)
	$(RUN) optimize --max-iterations 20 --budget 30m

bench-vm: $(STAMP)  ## Instructions a second beside unicorn, in one run (1 minute)
	$(RUN) bench vm

bench-paths: $(STAMP)  ## Every memory path and whole guests under libc, the old rule and the policy (3 minutes)
	$(RUN) bench paths

lib: $(STAMP)  ## build/libcrossover.a, .so and headers, for programs in other languages
	$(BIN)/python -m kernels.library --output build

clean:  ## Remove what was built (runs and configs stay)
	rm -rf build *.egg-info $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name '*.so' -not -path './$(VENV)/*' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
