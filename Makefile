# Everything runs in .venv, which is made and kept up to date here.
PYTHON ?= python3
BIN := .venv/bin
OUT := examples/output
PYTEST = $(BIN)/python -m pytest -n 2 $(ARGS)

# Tests of the library alone: they need neither torch, JAX nor SciPy.
LIGHT := tests/core tests/engine tests/scoring/test_row_errors.py tests/scoring/test_state.py

.PHONY: help run char-lm test-fast test test-slow test-order test-light test-python test-lowest \
	test-torch test-spark dist mutate lint types format docs bench bench-check readme clean

## List the targets.
help:
	@awk '/^## /{about=substr($$0, 4)} /^[a-z-]+:/ && about {sub(":.*", ""); printf "%-12s %s\n", $$0, about; about=""}' Makefile

## Set up .venv, train the examples, score their held-out predictions, explain the worst row.
run: .venv/.run
	$(BIN)/python examples/breast_cancer.py
	$(BIN)/python examples/digits.py
	$(BIN)/xent score $(OUT)/breast_cancer.csv
	$(BIN)/xent score $(OUT)/digits.parquet
	$(BIN)/xent explain $(OUT)/digits.parquet --row $$($(BIN)/xent score $(OUT)/digits.parquet \
		--worst 1 --format json | $(BIN)/python -c \
		"import json, sys; print(json.load(sys.stdin)['worst_rows'][0]['row'])")

## Train a small language model by xent's loss and by the stock one, and compare.
char-lm: .venv/.test
	$(BIN)/python examples/char_lm.py

## The quick tests, in less than two minutes once kernels are compiled.
test-fast: .venv/.test
	$(PYTEST) -m "not slow and not medium"

## Lint, types, accuracy, the audit page, and all tests but the slow ones: less than ten minutes.
test: .venv/.test lint types
	$(BIN)/python benchmarks/accuracy.py --check
	$(BIN)/python benchmarks/audit.py --check
	$(PYTEST) -m "not slow"

## The slow tests, which `make test` leaves out: less than half an hour.
test-slow: .venv/.test
	$(PYTEST) -m slow

## All tests, their files and the tests in a file in random order.
test-order: .venv/.test
	$(PYTEST) --random-order

## The tests of the library alone, in an environment of its own without torch, JAX and SciPy.
test-light:
	$(PYTHON) -m venv .venv-light
	.venv-light/bin/pip install --quiet '.[light]'
	.venv-light/bin/python -m pytest $(LIGHT)

# An environment of its own for all tests: $(1) is its folder, $(2) options of pip, $(3) of pytest.
# PyTorch is left out where only its build with several GB of CUDA libraries is to be had.
define test-in
	if $(1)/bin/pip install --quiet $(2) torch==2.13.0+cpu; then extras=test-without-torch,huggingface; \
	else extras=test-without-torch; echo "No build of PyTorch for the CPU alone: without it."; fi; \
	$(1)/bin/pip install --quiet $(2) --editable ".[$$extras]"
	$(1)/bin/python -m pytest -n 2 $(3) $(ARGS)
endef

## All tests by another Python: make test-python PYTHON=/path/to/python3.13
test-python: VERSION = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test-python:
	$(PYTHON) -m venv .venv-$(VERSION)
	$(call test-in,.venv-$(VERSION))

# Old packages over new ones warn of what is deprecated; that is not xent's. Nor is how another
# Typer draws its help, which the page of the command line shows; nor what the Trainer before 5.18
# logs of a smoothed loss: it takes it times the steps of accumulation. Numba 0.61 gathers the
# labels' logits one by one where there is no AVX-512.
OLD := -W default::DeprecationWarning \
	--deselect tests/docs/test_docs.py::test_the_cli_reference_is_the_help \
	--deselect tests/torch/test_torch_huggingface.py::test_label_smoothing_is_the_trainers \
	--deselect 'tests/engine/test_kernels.py::test_hot_loops_are_vectors[few classes, labels]'

## All tests with the lowest versions of all dependencies that pyproject.toml allows.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) scripts/lowest.py > .venv-lowest/lowest.txt
	$(call test-in,.venv-lowest,--constraint .venv-lowest/lowest.txt,$(OLD))

## The tests of PyTorch with another version of it, in an environment of its own: TORCH=2.8.0
test-torch:
	$(PYTHON) -m venv .venv-torch-$(TORCH)
	.venv-torch-$(TORCH)/bin/pip install --quiet torch==$(TORCH)
	.venv-torch-$(TORCH)/bin/pip install --quiet --editable '.[test-without-torch]'
	.venv-torch-$(TORCH)/bin/python -m pytest -n 2 tests/torch $(ARGS)

## The recipe for Spark, in an environment of its own, by PySpark 4, which needs Java 17 or newer.
test-spark:
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/pip install --quiet --editable '.[test-spark]'
	.venv-spark/bin/python -m pytest -p no:cacheprovider --noconftest -W default tests/spark $(ARGS)

## Build wheel and sdist; install each in an empty environment and test what is installed.
dist:
	rm -rf dist .venv-dist .venv-wheel .venv-sdist
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/pip install --quiet build
	.venv-dist/bin/python -m build --outdir dist
	$(call test-installed,.venv-wheel,$$(ls dist/*.whl))
	$(call test-installed,.venv-sdist,$$(ls dist/*.tar.gz))

# $(1) is the folder of the environment, $(2) the file that is installed.
define test-installed
	$(PYTHON) -m venv $(1)
	$(1)/bin/pip install --quiet "$(2)"
	$(1)/bin/python scripts/smoke.py
	$(1)/bin/pip install --quiet "$(2)[light]"
	$(1)/bin/python -m pytest $(LIGHT)
endef

## Make mistakes in a copy of the sources, one at a time, and see that tests fail.
mutate: .venv/.test
	$(BIN)/python scripts/mutate.py

## Only the linter, and the format.
lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

## Only the types.
types: .venv/.test
	$(BIN)/mypy

## Mend what the linter can mend, and format.
format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## Build the documentation site into site/; open site/index.html.
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

## Measure accuracy, speed and memory beside other libraries; rewrites the pages that show them.
bench: .venv/.test
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/heat_map.py
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/huggingface.py
	$(BIN)/python benchmarks/score_speed.py
	$(BIN)/python benchmarks/score_coverage.py
	$(BIN)/python benchmarks/score_calibration.py
	$(BIN)/python benchmarks/score_1e8.py
	$(BIN)/python benchmarks/pages.py

## Measure a few shapes and compare their ratios with the committed ones.
bench-check: .venv/.test
	$(BIN)/python benchmarks/speed.py --check

## Run the commands shown in README and docs anew, and write their outputs; and the CLI reference.
readme: .venv/.test
	$(BIN)/python tests/support/console.py README.md $$(grep -rl '^```console' docs --include='*.md')
	$(BIN)/python scripts/make_cli_reference.py

## Remove what was made.
clean:
	rm -rf .venv .venv-* build dist site $(OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "xent needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --editable '.[examples]'
	touch $@

.venv/.docs: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

.venv/.test: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@ .venv/.run .venv/.docs
