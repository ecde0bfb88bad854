# Stayhand. `make help` lists the targets. Needs python3 (>= 3.11) with venv, make and git; nothing else for `run`.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install -qq --require-hashes --only-binary :all: --no-deps
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
COMPILED := $(VENV)/.compiled

.DEFAULT_GOAL := help
.PHONY: help run demo test check fix e2e classify-report fuzz bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(COMPILED) ## Start the firewall; the first time with a configuration, keys and a first token
	@$(VENV)/bin/stayhand quickstart

demo: $(COMPILED) ## Show the nine-second incident, first without, then with the firewall
	@$(VENV)/bin/stayhand demo

test: $(DEV) $(COMPILED) ## Everything: check and all tests, in bounded parts
	@$(PY) -m tests.suite

check: $(DEV) ## Format, lint, types, import contracts, spelling and the rules about the repository itself
	@$(PY) -m tests.suite check

fix: $(DEV) ## Format, and mend what can be mended without thought
	@$(VENV)/bin/ruff check -q --fix firewall audit tests || true
	@$(VENV)/bin/ruff format -q firewall audit tests
	@$(PY) -m tests.meta.reference

e2e: $(DEV) $(COMPILED) ## The end-to-end tests alone
	@$(PY) -m tests.suite e2e

classify-report: $(DEV) ## What classification is worth on labelled cases: prints it and writes docs/classification.md
	@$(PY) -m tests.classify_report --write

fuzz: $(DEV) ## Search for texts that classification takes long over or stumbles on; a minute
	@$(PY) -m tests.fuzz

bench: $(DEV) $(COMPILED) ## Measure; prints figures, judges nothing
	@$(PY) -m tests.bench

lock: ## Compile both lock files anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml --group dev -o requirements-dev.lock

clean: ## Remove the virtual environment and caches; nothing of yours
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment never sees system packages: Debian's own `firewall` and `audit` modules have our names.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "stayhand needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "apt-get install -y python3-venv" >&2; exit 1; }
	@echo "creating $(VENV)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)

# No wheel is built: one .pth line puts the checkout on the path, so no build tool is needed to run.
$(RUNTIME): requirements.lock Makefile | $(PY)
	@echo "installing the locked runtime packages"
	@$(PIP) -r requirements.lock
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "stayhand.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@printf '%s\n' '#!/bin/sh' 'exec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m firewall.cli.entry "$$@"' > $(VENV)/bin/stayhand
	@chmod 755 $(VENV)/bin/stayhand
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "installing the locked development packages (a few hundred MB the first time)"
	@$(PIP) -r requirements-dev.lock
	@touch $@

# Where PYTHONDONTWRITEBYTECODE is set, as in containers, every start would compile 700 modules anew: 0.8 s each.
$(COMPILED): $(RUNTIME) $(shell find firewall audit -name '*.py' 2>/dev/null)
	@$(PY) -m compileall -q firewall audit
	@touch $@
