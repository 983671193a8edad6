# Everything here works on a machine with only Python 3.11 or later and make: what is missing goes into .venv, once.

VENV := .venv
BIN := $(VENV)/bin

# What is started by the hundred is compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint bench fuzz screenshots clean

help:
	@echo "make demo         the whole life of a model, on real data, in a minute"
	@echo "make test         all tests; brings up a Docker engine where it may (ARGS=... for pytest)"
	@echo "make lint         format, rules, types, imports"
	@echo "make bench        the figures that the README promises"
	@echo "make fuzz         500 random keys on every screen"
	@echo "make screenshots  the pictures in screenshots/, from the real app"
	@echo "make clean        remove what these made in this folder"

demo: $(VENV)/.app
	@eval "$$(.ci/engine env)"; $(BIN)/lab demo

test: $(VENV)/.dev
	@.ci/with-engine $(if $(ARGS),$(BIN)/python -m pytest $(ARGS),.ci/test $(BIN)/python)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	@.ci/with-engine $(BIN)/python tests/bench/main.py

fuzz: $(VENV)/.dev
	@LAB_FUZZ_KEYS=$${LAB_FUZZ_KEYS:-500} $(BIN)/pytest -q tests/ui/test_app_fuzz.py

screenshots: $(VENV)/.dev
	@$(BIN)/python screenshots/take.py

clean:
	@.ci/engine down
	rm -rf $(VENV) .state build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks

$(VENV)/.app: pyproject.toml .ci/venv
	@.ci/venv $(VENV)
	@touch $@

$(VENV)/.dev: pyproject.toml .ci/venv
	@.ci/venv $(VENV) --group dev
	@touch $@ $(VENV)/.app
