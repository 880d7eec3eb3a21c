# Everything sets itself up: the first target you run makes .venv and installs drivetr into it, for
# the demo without the developers' tools.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
DRIVETR := $(BIN)/drivetr

# .venv takes 6.5 GB with torch's CUDA build from PyPI, and pip keeps 3 GB of wheels meanwhile.
NEEDED_GB := 10
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.10 python3; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && { echo $$python; break; }; done)

DEMO := work_dirs/demo
DEMO_CONFIG := configs/petr/petr_point_synth.py
DEMO_SET := --dataroot $(DEMO)/data --version v1.0-synth

# Of pytest: two processes, each file in one of them. ARGS= runs all in one process.
ARGS ?= -n 2 --dist loadfile

# Images of containers often forbid bytecode; each of the tests' processes would compile all of
# torch anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint types imports format bench

help:  ## Lists the targets
	@sed -nE 's/^([a-z-]+):.*##  ?(.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(DEV_STAMP)  ## Makes .venv and installs drivetr with its developer tools, editable

$(STAMP): EXTRAS :=
$(DEV_STAMP): EXTRAS := [dev]
$(STAMP) $(DEV_STAMP): pyproject.toml
	@if ! { [ -n "$(PYTHON)" ] && $(PYTHON) -c '$(SUPPORTED)' 2>/dev/null; }; then \
		echo "drivetr needs Python 3.10, 3.11 or 3.12, but $(or $(PYTHON),python3) is:" \
			"$$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)." \
			"Install one of them, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; fi
	@free_gb=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1048576)}'); \
	if [ -z "$(wildcard $(VENV)/lib/*/site-packages/torch)" ] && [ "$$free_gb" -lt $(NEEDED_GB) ]; then \
		echo "drivetr's virtual environment needs $(NEEDED_GB) GB of free disk for the install," \
			"but $$free_gb GB are free in $(CURDIR)." >&2; exit 2; fi
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --no-compile -e '.$(EXTRAS)'
	@touch $@

demo: $(STAMP)  ## Trains PETR (point-aware variant) on a synthetic world, evaluates it, makes a video
	rm -rf $(DEMO)/train  # the rest is written anew, but for a finished world, which is kept
	$(DRIVETR) synth $(DEMO)/data --size 96x256 --reach 14 --density 2.4 --scenes 760 \
		--val-scenes 40 --frames-per-scene 2
	$(DRIVETR) index $(DEMO)/data --version v1.0-synth  # one of an earlier drivetr would be refused
	@echo "Training PETR's point-aware variant ($(DEMO_CONFIG)), not the published PETR."
	$(DRIVETR) train $(DEMO_CONFIG) $(DEMO_SET) --split synth_train --work-dir $(DEMO)/train
	$(DRIVETR) test $(DEMO)/train/last.pth $(DEMO_SET) --split synth_val \
		--work-dir $(DEMO) --out $(DEMO)/results.json
	$(DRIVETR) replay $(DEMO)/data --version v1.0-synth --split synth_val \
		--scene all --range 24 --results $(DEMO)/results.json --mp4 $(DEMO)/replay.mp4
	@echo "The official metrics are in $(DEMO)/metrics.json, the video is $(DEMO)/replay.mp4."

test: $(DEV_STAMP)  ## Runs the tests but the slow ones
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-all: $(DEV_STAMP)  ## Runs every test
	$(BIN)/python -m pytest $(ARGS)

lint: $(DEV_STAMP)  ## Checks style, format and duplicated code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pylint --disable=all --enable=duplicate-code drivetr tools

types: $(DEV_STAMP)  ## Checks types, strictly in geometry, structures and nn
	$(BIN)/mypy

imports: $(DEV_STAMP)  ## Checks that imports respect the floors of the package
	$(BIN)/lint-imports

format: $(DEV_STAMP)  ## Formats the code and mends what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEV_STAMP)  ## Measures index and data path; DRIVETR_DATA names a folder with nuscenes_real
	@set -e; for name in index data_path; do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done
