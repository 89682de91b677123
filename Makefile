# Every verb sets up .venv by itself.

PYTHON ?= python3
BIN := .venv/bin

TOO_OLD := Python 3.11 or newer is needed, and $(PYTHON) is none. Name another: make PYTHON=python3.12
NO_VENV := $(PYTHON) cannot make virtual environments: sudo apt-get install python3-venv
NO_SANDBOX := A sandbox is needed: sudo apt-get install bubblewrap (or Linux 6.12 or newer)

.PHONY: needs sandbox check test audit-all lint demo build bench coverage variant-runs doctor nbgrader-tests fuzz kill-test clean

PYTEST := $(BIN)/python -m pytest --numprocesses auto

check: lint  ## what a change must not break, in about a minute: style, types, walls, and the quick tests
	$(PYTEST) --dist loadfile --no-loadscope-reorder -m "not slow"

test: needs lint  ## all tests, slow ones too
	$(PYTEST) --dist worksteal --durations 15

needs:
	@command -v bwrap >/dev/null || { echo "make test needs bubblewrap: sudo apt-get install bubblewrap" >&2; exit 1; }
	@command -v chromium >/dev/null || { echo "make test needs Chromium: sudo apt-get install chromium" >&2; exit 1; }

lint: .venv/ready  ## format, style, import directions and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

audit-all: .venv/ready  ## every prepared answer, whole and --quick, attacks and trivial answers too
	$(BIN)/autograder audit --force
	$(BIN)/python -m tests.authoring.quick_runs
	$(BIN)/python -m tests.authoring.trivial_runs

demo: sandbox .venv/ready  ## grade a small class through nbgrader, and show the scores
	$(BIN)/python -m autograder.authoring.demo

build: .venv/ready  ## assignments/ and solutions/ from source/
	$(BIN)/autograder build

bench: .venv/ready  ## ours, stock nbgrader and the bare run; cores, cluster, growth (about half an hour, on an idle machine)
	$(BIN)/python -m tests.bench

coverage: .venv/ready  ## branch coverage of sandbox/ and grading/, the side that runs student code too
	$(BIN)/python -m tests.coverage_run

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

sandbox:  # sandlock, which is installed with this package, serves where Linux is new enough
	@command -v bwrap >/dev/null || [ "$$(printf '6.12\n%s\n' "$$(uname -r)" | sort -V | head -n 1)" = 6.12 ] \
		|| { echo "$(NO_SANDBOX)" >&2; exit 1; }

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(TOO_OLD)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(NO_VENV)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build demo
