# Two commands for a newcomer: `make demo` and `make test`; one before every commit: `make check`. All they need is
# installed into .venv (Airflow 3.3), .venv-2.11 and .venv-lowest; nothing outside this folder is touched.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
BIN_2 := .venv-2.11/bin
UV := $(BIN)/uv
EXTRAS := amazon,common-io,emulator,openlineage,parquet

.PHONY: venv demo check test lint types test-quick test-lowest test-3.3 test-2.11
.PHONY: histories test-distributed test-distributed-3.3 test-distributed-2.11 bench mutants clean

venv: .venv/ready

.venv/ready: pyproject.toml
	test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(UV) pip install --quiet --python $(BIN)/python -e '.[$(EXTRAS)]' --group test --group lint 'apache-airflow~=3.3.0'
	touch $@

.venv-2.11/ready: pyproject.toml .venv/ready
	test -x $(BIN_2)/python || $(UV) venv --quiet --python '>=3.11,<3.13' .venv-2.11
	$(UV) pip install --quiet --python $(BIN_2)/python -e '.[$(EXTRAS)]' --group test 'apache-airflow~=2.11.0'
	touch $@

# What Airflow 2.11.0 itself takes would be too new: a universal-pathlib with which its ObjectStoragePath does not
# work, and a provider that wants more than our lowest aiohttp.
.venv-lowest/ready: pyproject.toml .venv/ready
	$(UV) venv --quiet --clear --python 3.11 .venv-lowest
	$(UV) pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		--constraint <(printf '%s\n' 'universal-pathlib<0.3' 'apache-airflow-providers-http<6.1') \
		-e '.[$(EXTRAS)]' --group fast-tests
	touch $@

.venv/distributed: .venv/ready
	$(UV) pip install --quiet --python $(BIN)/python -e . --group distributed 'apache-airflow~=3.3.0'
	touch $@

.venv/bench: .venv/ready
	$(UV) pip install --quiet --python $(BIN)/python -e . --group bench 'apache-airflow~=3.3.0'
	touch $@

.venv/mutants: .venv/ready
	$(UV) pip install --quiet --python $(BIN)/python -e . --group mutants 'apache-airflow~=3.3.0'
	touch $@

.venv-2.11/distributed: .venv-2.11/ready
	$(UV) pip install --quiet --python $(BIN_2)/python -e . --group distributed 'apache-airflow~=2.11.0'
	touch $@

demo: venv
	$(BIN)/python example_dags/demo

# Before every commit: less than a minute.
check: venv
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types test-quick

test: lint types test-lowest test-3.3 test-2.11

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

# What needs no running Airflow and is quick.
test-quick: venv
	$(BIN)/python -m pytest tests/support tests/unit -m 'not slow'

# What is random runs without coverage, which would double its time.
test-3.3: venv
	HISTORIES=50 $(BIN)/python -m pytest tests/support tests/unit tests/transfers tests/emulator --cov --cov-report=
	@$(BIN)/coverage report | awk '/^TOTAL/ {print "Branch coverage without the emulator: " $$NF} \
		/[.]py / && $$NF + 0 < 95 {low = low " " $$1 " " $$NF} END {print "Below 95 %:" (low ? low : " none")}'
	$(BIN)/python -m pytest tests/unit/test_find_or_start_properties.py tests/fuzz
	$(BIN)/python -m pytest tests/airflow

# The emulator knows no Airflow: its own tests need not run twice.
test-2.11: .venv-2.11/ready
	HISTORIES=500 FUZZ_EXAMPLES=50 $(BIN_2)/python -m pytest tests/unit tests/transfers tests/fuzz
	$(BIN_2)/python -m pytest tests/airflow

# With the lowest versions that pyproject.toml allows; these may warn of what is gone in newer ones.
test-lowest: .venv-lowest/ready
	.venv-lowest/bin/python -m pytest tests/unit $(wildcard tests/transfers/test_dataset_*.py) -m 'not slow' -W default

# A night's work: so many random histories of a task instance, of which `make test` tries 2,000.
histories: venv
	HISTORIES=100000 $(BIN)/python -m pytest tests/unit/test_find_or_start_properties.py

# A whole Airflow of many processes, with PostgreSQL and Redis; .ci/run installs what it needs.
test-distributed: test-distributed-3.3 test-distributed-2.11

test-distributed-3.3: .venv/distributed
	$(BIN)/python -m pytest tests/distributed

test-distributed-2.11: .venv-2.11/distributed
	$(BIN_2)/python -m pytest tests/distributed

# Half an hour on a machine with nothing else to do.
bench: .venv/bench
	$(BIN)/python -m benchmarks

# Small faults are put into copies of the code; most have to be noticed by the fast tests.
SEED ?= 1
SAMPLE ?= 100
mutants: .venv/mutants
	$(BIN)/python -m benchmarks.mutants --seed $(SEED) --sample $(SAMPLE) $(FILES)

clean:
	rm -rf .venv .venv-2.11 .venv-lowest .demo .pytest_cache .mypy_cache .ruff_cache .coverage .mutants.json
