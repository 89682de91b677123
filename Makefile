# Every verb sets up .venv by itself.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: test lint demo build bench variant-runs doctor clean

test: .venv/ready  ## all tests, slow ones too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

demo: .venv/ready  ## grade a small class through nbgrader, and show the scores
	$(BIN)/python -m autograder.demo

build: .venv/ready  ## assignments/ and solutions/ from source/
	$(BIN)/autograder build

bench: .venv/ready  ## time one submission: ours, stock nbgrader, bare Python
	$(BIN)/python tests/bench.py

variant-runs: .venv/ready  ## grade every right answer 20 times, with other seeds and thread counts
	$(BIN)/python tests/variant_runs.py

doctor: .venv/ready  ## which sandbox works here
	$(BIN)/autograder doctor

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build demo
