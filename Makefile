# Every target sets up what it needs: a machine with Python >= 3.11 and make is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BUILT  := $(VENV)/.compiled

.PHONY: help setup compile pure demo test test-pure check lint types layers simulate-faults chaos chaos-short partners fraud-report mutants bench bench-rolling lock clean bench-restore fuzz property-long due-long
help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(READY)  ## a virtual environment with the locked dependencies
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "accrue needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	ACCRUE_PURE=1 $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

compile: $(BUILT)  ## core and codec as machine code, twice as fast; without a C compiler they stay Python
$(BUILT): $(READY) setup.py $(wildcard pipeline/core/*.py pipeline/wire/*.py pipeline/wire/generated/*.py pipeline/lane/*.py)
	@echo "compiling the core and the codec: about a minute"
	@$(BIN)/python setup.py --quiet build_ext --inplace > $(VENV)/compile.log 2>&1 || { cat $(VENV)/compile.log; exit 1; }
	@touch $@
pure:            ## back to interpreted Python
	find . -name '*.so' -not -path './$(VENV)/*' -delete
	rm -rf build $(BUILT)

demo: $(BUILT)   ## the main job on real servers: purchases in, points out, proof at the end
	$(BIN)/accrue demo

test: $(BUILT)   ## every test but the long proofs, real Kafka included
	$(BIN)/pytest --numprocesses=2 --dist=loadfile

test-pure: $(READY)  ## the tests of core, codec and lane on interpreted modules
	$(BIN)/python -m tests.compiled

check: lint types layers  ## style, types and layers
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: $(READY)
	$(BIN)/mypy
layers: $(READY)
	$(BIN)/lint-imports

SEEDS ?= 10000
FIRST ?= 0
JOBS  ?= 2
simulate-faults: $(BUILT)  ## SEEDS=10000 worlds of lanes, brokers and disks, in each of which much goes wrong
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS)

KILLS ?= 300
chaos: $(BUILT)  ## real servers and processes under faults from a seed (KILLS=300 SEED=...), judged by the oracle
	$(BIN)/python -m tests.chaos --kills $(KILLS) $(if $(SEED),--seed $(SEED))
chaos-short: $(BUILT)  ## the same in about three minutes: every kind of fault at least once
	$(BIN)/python -m tests.chaos --kills 25 $(if $(SEED),--seed $(SEED))

FULFILMENTS ?= 10000
partners: $(BUILT)  ## FULFILMENTS=10000 by partners that misbehave, workers killed meanwhile; and what the others notice
	$(BIN)/python -m tests.partner_proof --fulfilments $(FULFILMENTS)

fraud-report: $(BUILT)  ## labelled attacks among honest members: what the signals catch, into docs/fraud-report.md; on real ones docs/fraud-report-real.md (PURCHASES=file)
	$(BIN)/accrue fraud report --out docs/fraud-report$(if $(PURCHASES),-real).md $(if $(PURCHASES),--purchases $(PURCHASES))

mutants: $(READY)  ## plausible mistakes one by one in a copy of the tree: each has to be caught
	$(BIN)/python -m tests.mutants $(MUTANTS)

bench-restore: $(BUILT)  ## restore of a million members beside a bare reading, and their memory
	$(BIN)/python -m bench.restore
	$(BIN)/python -m bench.memory

fuzz: $(BUILT)   ## a million decodes and 20,000 programmes, damaged by a seed
	$(BIN)/python -m tests.fuzz

LOTS ?= 1000000
due-long: $(BUILT)  ## LOTS=1000000 lots that expire at one instant, worked off with a kill in the middle
	$(BIN)/python -m tests.simulation --lots $(LOTS)

STEPS ?= 1000000
property-long: $(BUILT)  ## STEPS=1000000 steps of core and independent model beside each other (JOBS=2 SEED=...)
	$(BIN)/python -m tests.property --steps $(STEPS) --jobs $(JOBS) $(if $(SEED),--seed $(SEED))

bench: $(BUILT)  ## drain rate and CPU beside the bare loop and plain Faust
	$(BIN)/python -m bench
bench-rolling: $(BUILT)  ## workers restarted one by one under load: the longest pause of each partition
	$(BIN)/python -m bench.rolling

lock:            ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

clean:
	find . -name '*.so' -not -path './$(VENV)/*' -delete
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
