# Every verb sets up .venv by itself.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: check test audit-all lint demo build bench coverage variant-runs doctor nbgrader-tests fuzz kill-test clean

PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: lint  ## what a change must not break, in about a minute: style, types, walls, and the quick tests
	$(PYTEST) -m "not slow"

test: lint  ## all tests, slow ones too
	$(PYTEST) --durations 15

lint: .venv/ready  ## format, style, import directions and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

audit-all: .venv/ready  ## every prepared answer, whole and --quick, attacks too
	$(BIN)/autograder audit --force
	$(BIN)/python -m tests.authoring.quick_runs

demo: .venv/ready  ## grade a small class through nbgrader, and show the scores
	$(BIN)/python -m autograder.authoring.demo

build: .venv/ready  ## assignments/ and solutions/ from source/
	$(BIN)/autograder build

bench: .venv/ready  ## ours, stock nbgrader and the bare run; cores, cluster, growth (about half an hour, on an idle machine)
	$(BIN)/python -m tests.bench

variant-runs: .venv/ready  ## grade every right answer 20 times, with other seeds and thread counts
	$(BIN)/python -m tests.authoring.variant_runs

doctor: .venv/ready  ## which sandbox works here
	$(BIN)/autograder doctor

nbgrader-tests: .venv/ready  ## nbgrader's own tests, with our configuration in force (about half an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check requests-mock
	$(BIN)/python -m tests.hosts.nbgrader_suite

SECONDS ?= 300
fuzz: .venv/ready  ## search for a message that breaks the wire, for SECONDS
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python -m tests.sandbox.fuzz_wire $(SECONDS)

KILLS ?= 50
SEED ?= 0
kill-test: .venv/ready  ## kill nbgrader autograde at KILLS random moments; no score may be lost or made up
	$(BIN)/python -m tests.hosts.kill_autograde $(KILLS) $(SEED)

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build demo
