# Two commands for everyone: `make run` and `make test`. Both start from nothing but Python 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-slow bench bench-peers dashboard clean
.DEFAULT_GOAL := run

run: .venv/run
	$(BIN)/leadtime run second-source

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto

test-slow: .venv/test
	$(BIN)/pytest -s -m slow

bench: .venv/test
	$(BIN)/python -m tests.benchmarks

# What the benchmarks measure us against, in an environment of its own: nothing of ours needs it.
bench-peers: .venv/test
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check ciw accasim simpy torch==2.13.0 mergekit
	$(BIN)/python -m tests.benchmarks peers merging

dashboard: .venv/test
	$(BIN)/leadtime dashboard

# An environment is remade when what it is made from changes; constraints.txt pins what was tested.
.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

.venv/run: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[profiler,dashboard,cluster,optimise]" --group dev
	touch $@

clean:
	rm -rf .venv .venv-peers runs
