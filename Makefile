# Every target sets up what it needs: a machine with Python >= 3.11 and make is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup demo test check lint types layers bench lock clean
help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## a virtual environment with the locked dependencies
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "accrue needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)   ## the main job on real servers: purchases in, points out, proof at the end
	$(BIN)/accrue demo

test: $(READY)   ## every test but the long proofs, real Kafka included
	$(BIN)/pytest

check: lint types layers  ## style, types and layers
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: $(READY)
	$(BIN)/mypy
layers: $(READY)
	$(BIN)/lint-imports

bench: $(READY)  ## drain rate and CPU beside the bare loop and plain Faust
	$(BIN)/python -m bench

lock:            ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
