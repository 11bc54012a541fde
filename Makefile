# Each target first makes .venv from requirements.lock if it is missing or out of date.
# PYTHON=... sets the interpreter for .venv (3.10 or 3.11).

RUNS ?= results/runs.parquet
OUT ?= figures
# A directory of runs has a separate table; the next time, only new runs are read.
TABLE = $(if $(wildcard $(RUNS)/.),$(OUT)/$(subst /,_,$(patsubst %/,%,$(RUNS))).parquet,$(RUNS))

version = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
suitable = $(filter 3.10 3.11,$(call version,$(1)))
no_wheels = $(if $(call version,$(PYTHON)),TensorFlow 2.15 or MuJoCo 3.17 has no wheels for $(call version,$(PYTHON)),'$(PYTHON)' does not run)
check_python = $(if $(call suitable,$(PYTHON)),,$(error rigl_rl needs Python 3.10 or 3.11: \
$(no_wheels); set PYTHON=/path/to/python3.11))

ifdef PYTHON
$(call check_python)
endif
PYTHON ?= $(or $(firstword $(foreach python,python3.11 python3.10 python3,\
$(if $(call suitable,$(python)),$(python)))),python3)

VENV := .venv
BIN := $(VENV)/bin
# Touched last, so an environment with a failed or interrupted setup is rebuilt.
READY := $(VENV)/.ready
# Touched after the build of sparse execution's operation, which may fail with a message.
OPERATION := $(VENV)/.operation
EXECUTION := rigl_rl/sparsity/execution

# A minute of tests that show whether this Python works.
FAST := tests/test_parameters.py tests/test_rooms.py tests/test_setup.py tests/analysis/test_collect.py \
	tests/runs tests/sparsity/test_masks.py tests/networks tests/tfagents/test_replay.py

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help demo test fast bench lint figures clean

help: ## list the targets (the default)
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo 'PYTHON=python3.10 sets the interpreter for .venv (run make clean first if it exists).'

demo: $(READY) $(OPERATION) ## train dense and sparse DQN on CartPole and draw a figure (3 to 8 minutes): demo_results/
	$(BIN)/python -m launch.demo --out demo_results

test: $(READY) $(OPERATION) ## run the tests, three at a time (some mostly wait)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

fast: $(READY)
	$(BIN)/python -m pytest $(FAST)

bench: $(READY) $(OPERATION) ## measure training speed against dense and the machine's limit
	$(BIN)/python -m benchmarks.products
	$(BIN)/python -m benchmarks.dqn
	$(BIN)/python -m benchmarks.sac
	$(BIN)/python -m benchmarks.ppo
	$(BIN)/python -m benchmarks.atari

lint: $(READY) ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

figures: $(READY) ## figures, claims and report from RUNS (directory or table) into OUT=figures
	$(if $(wildcard $(RUNS)/.),$(BIN)/python -m analysis.collect --runs $(RUNS) --out $(TABLE))
	$(BIN)/python -m analysis.figures --runs $(TABLE) --out $(OUT)
	$(BIN)/python -m analysis.learning_curves --runs $(TABLE) --out $(OUT)
	$(BIN)/python -m analysis.claims --runs $(TABLE) --out $(OUT)/claims.csv
	$(BIN)/python -m analysis.report --runs $(TABLE) --out $(OUT)/report.html

clean: ## remove the environment, caches and demo_results/ (never runs or figures)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache demo_results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock setup.py
	$(check_python)
	@echo 'Making $(VENV) from requirements.lock with $(PYTHON): a few minutes the first time.'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-deps --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

$(OPERATION): $(READY) $(EXECUTION)/build.py $(wildcard $(EXECUTION)/op/*)
	@$(BIN)/python $(EXECUTION)/build.py
	@touch $(OPERATION)
