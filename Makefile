# Everything runs in .venv, which is made and kept up to date here.
PYTHON ?= python3
BIN := .venv/bin
OUT := examples/output

.PHONY: help run char-lm test test-light lint types format docs bench bench-check readme clean

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

## Lint, types, accuracy, the audit page, tests, doctests, and the README's commands.
test: .venv/.test lint types
	$(BIN)/python benchmarks/accuracy.py --check
	$(BIN)/python benchmarks/audit.py --check
	$(BIN)/python -m pytest -n 2

## The tests of the library alone, in an environment of its own without torch, JAX and SciPy.
test-light:
	$(PYTHON) -m venv .venv-light
	.venv-light/bin/pip install --quiet '.[light]'
	.venv-light/bin/python -m pytest tests/core tests/engine tests/scoring/test_row_errors.py tests/scoring/test_state.py

## Only the linter, and the format.
lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/marimo check --strict src/xent/learn/notebooks

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
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/huggingface.py

## Measure a few shapes and compare their ratios with the committed ones.
bench-check: .venv/.test
	$(BIN)/python benchmarks/speed.py --check

## Run the commands shown in README and docs anew, and write their outputs; and the CLI reference.
readme: .venv/.test
	$(BIN)/python tests/support/console.py README.md $$(grep -rl '^```console' docs --include='*.md')
	$(BIN)/python scripts/make_cli_reference.py

## Remove what was made.
clean:
	rm -rf .venv .venv-light build dist site $(OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis
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
