# Everything goes through .venv. Needed on the machine: Python 3.11 or 3.12, make, git.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BOOTSTRAP := compose/local/bootstrap.lock

.PHONY: help install reinstall lock format check unit test docs chaos soak fuzz fuzz-door demo down bench bench-peers bench-releases

help:  ## show the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST)

install: $(STAMP)  ## create .venv with everything that the locks name

# uv, and what builds source packages, are brought by pip, pinned and checked like the rest: uv takes a tenth of
# pip's time for the others.
# A lock names all there is, so nothing is resolved (--no-deps): to resolve, uv would read pyspark's metadata, find its
# source archive "modified" where a mirror cannot say that it is not, and build it again: a minute and a GB each time.
# The stamp holds what was installed, so that a fresh date on an old file costs nothing.
$(STAMP): requirements.lock $(BOOTSTRAP) pyproject.toml
	@if [ "$$(cat $^ | cksum)" = "$$(cat $(STAMP) 2>/dev/null)" ]; then touch $(STAMP); else $(MAKE) --no-print-directory reinstall; fi

reinstall:
	@rm -f $(STAMP)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
		|| { echo "Python 3.11 or 3.12 is needed: make install PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Installing the Python parts"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(BOOTSTRAP)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --no-build-isolation \
		-r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/uv pip check --quiet --python $(BIN)/python
	@cat requirements.lock $(BOOTSTRAP) pyproject.toml | cksum > $(STAMP)

lock: install  ## choose new versions: requirements.lock and artifacts.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-emit-find-links --no-header --python-version 3.11 --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 -c requirements.lock compose/local/bootstrap.in -o $(BOOTSTRAP)
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-emit-find-links --no-header --python-version 3.11 --group bench -o bench/peers.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 --group fuzz -o tests/fuzz/atheris.lock
	$(BIN)/python -m compose.local.lock
	$(BIN)/python -m bench.ingestion.peers.apache_camel

format: install  ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

check: install  ## format, lint and types, of SQL too
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

unit: install  ## the tests that need no stack
	$(BIN)/pytest -n 2 --dist worksteal --durations=15 tests/unit

# A stack's servers wait for each other much of the time: what needs none takes what they leave of the machine.
test: install  ## check, and all tests (they start the embedded stack)
	@nice -n 19 $(MAKE) --no-print-directory check unit > $(VENV)/unit.log 2>&1 & unit=$$!; \
	trap 'kill $$unit 2>/dev/null' INT TERM; \
	$(BIN)/pytest --durations=30 tests/integration tests/fuzz; with_stack=$$?; \
	wait $$unit; alone=$$?; cat $(VENV)/unit.log; exit $$((with_stack || alone))

docs: install  ## the documents as a site, offline, links checked (site/index.html)
	$(BIN)/python -m docs.site.build

soak: install  ## long random histories of releases (SEED, STEPS choose others)
	LAKEHOUSE_TEST_STEPS=$(or $(STEPS),60) LAKEHOUSE_TEST_SEED=$(or $(SEED),1) \
		$(BIN)/pytest tests/integration/test_random_history.py

fuzz: install  ## random events of all that contract 1 allows, from the edge to gold (SEED, EVENTS a round, MINUTES)
	LAKEHOUSE_FUZZ_SEED=$(or $(SEED),$(shell date +%s)) LAKEHOUSE_FUZZ_EVENTS=$(or $(EVENTS),2000) \
		LAKEHOUSE_FUZZ_MINUTES=$(or $(MINUTES),30) $(BIN)/pytest -s tests/fuzz

fuzz-door: install  ## arbitrary requests at the edge's route, guided by coverage (MINUTES)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target tests/fuzz/.atheris --no-deps --require-hashes \
		-r tests/fuzz/atheris.lock
	@mkdir -p tests/fuzz/.corpus
	PYTHONPATH=tests/fuzz/.atheris $(BIN)/python -m tests.fuzz.door tests/fuzz/.corpus -max_len=4096 -timeout=10 \
		-max_total_time=$$((60 * $(or $(MINUTES),30)))

chaos: install  ## everything is killed, frozen or damaged, on the real stack
	$(BIN)/pytest -m chaos

bench-smoke: bench-peers  ## every benchmark once, as small as it gets
	$(BIN)/pytest -m slow tests/integration/test_bench_smoke.py

demo: install  ## start the stack, let simulated merchants send, and leave it running
	$(BIN)/lakehouse demo

# Whom we are compared with stays out of .venv.
bench-peers: install
	@test -x bench/.venv/bin/python || $(BIN)/python -m venv bench/.venv
	@$(BIN)/uv pip install --quiet --python bench/.venv/bin/python --no-deps --require-hashes -r bench/peers.lock

bench: bench-peers  ## measure everything, beside its peers; reports are written to bench/reports
	$(BIN)/python -m bench $(BENCH)

# SIZE is the rows of bronze of the first two; the third rebuilds ROWS. For example:
# make bench-releases SIZE=1000000 NAMES="rebuild switch"
NAMES ?= rebuild switch undisturbed
bench-releases: bench-peers  ## measure rebuilding, promote and rollback (SIZE=2000000 ROWS=20000000 NAMES=...)
	$(BIN)/python -m bench $(if $(SIZE),--size $(SIZE) --large $(SIZE)) $(if $(ROWS),--rows $(ROWS)) $(BENCH) $(NAMES)

down: install  ## stop the stack
	$(BIN)/lakehouse down
