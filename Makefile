# One command a job: `make check` before a commit, `make test` is what CI runs.
VENV := .venv
BIN := $(VENV)/bin
STATIC := nbstream/static
BUNDLE := $(STATIC)/nbstream.js
LABEXTENSION := $(VENV)/share/jupyter/labextensions/nbstream
NODE_MODULES := js/node_modules/.package-lock.json
IPYKERNEL6 := $(VENV)/ipykernel6
SDKS := $(VENV)/sdks
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
LAB_ARGS ?=

# What JupyterLab needs to be quiet and offline, for the demo as for the tests.
export JUPYTER_CONFIG_PATH := $(CURDIR)/scripts/lab$(if $(JUPYTER_CONFIG_PATH),:$(JUPYTER_CONFIG_PATH))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo check test python lint format build bench lock clean

demo: $(LABEXTENSION)
	$(BIN)/jupyter lab --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/quickstart.ipynb $(LAB_ARGS)

# In two minutes: lint, types, and the tests that need no browser, no kernel and no server of others.
check: lint $(BUNDLE)
	$(BIN)/python -m pytest -q -m "not slow" -n auto --dist loadfile

test: lint $(BUNDLE) $(IPYKERNEL6) $(SDKS)/.done
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || { echo "The front end's tests need Node.js 20.19 or newer: https://nodejs.org" >&2; exit 1; }
	scripts/chromium --install
	cd js && npm test
	$(SDKS)/bin/python -m pytest -p no:cacheprovider tests/sdks
	$(BIN)/python -m pytest --ignore tests/e2e -n auto --dist loadfile
	$(BIN)/python -m pytest tests/e2e

lint: $(VENV)/.dev $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python js/protocol.py --check
	$(BIN)/python scripts/readme.py --check
	cd js && npm run check

format: $(VENV)/.dev $(NODE_MODULES)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/readme.py
	cd js && npm run format

build: $(BUNDLE)

bench: $(VENV)/.dev $(BUNDLE) $(IPYKERNEL6) $(SDKS)/.done
	scripts/chromium --install
	$(BIN)/python -m bench

# Universal: one resolution for every Python and platform the package supports; the demo's is a part of it.
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate
lock: $(VENV)/.dev
	$(COMPILE) pyproject.toml --all-extras --group dev -o requirements-dev.lock
	$(COMPILE) pyproject.toml --all-extras --group demo -c requirements-dev.lock -o requirements.lock
	$(COMPILE) pyproject.toml --group sdks -o requirements-sdks.lock

clean:
	rm -rf $(VENV) $(STATIC) js/node_modules dist build test-results

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "nbstream needs Python 3.11 or newer with venv (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements.lock
	NBSTREAM_SKIP_JS=1 $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.demo
	$(BIN)/python -m pip install -q -r requirements-dev.lock
	@touch $@

# Only the kernel itself: what it depends on is in the environment already.
$(IPYKERNEL6): $(VENV)/.dev
	$(BIN)/python -m pip install -q --no-deps --upgrade --target $@ ipykernel==6.31.0
	@touch $@

# The libraries whose streams people hold; pip where uv does not know the way to the index.
$(SDKS)/.done: requirements-sdks.lock | $(VENV)/.dev
	$(BIN)/python -m venv --clear $(SDKS)
	$(BIN)/uv pip install -q --python $(SDKS)/bin/python -r $< || $(SDKS)/bin/python -m pip install -q -r $<
	@touch $@

$(NODE_MODULES): js/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || { echo "nbstream's front end needs Node.js 20 or newer with npm: https://nodejs.org" >&2; exit 1; }
	cd js && npm ci
	@touch $@

$(BUNDLE): $(NODE_MODULES) js/build.mjs $(shell find js/src js/lab -type f)
	cd js && npm run build

# A wheel's installation copies it; here it changes with the code.
$(LABEXTENSION): $(VENV)/.demo $(BUNDLE)
	@rm -rf $@ && mkdir -p $(@D)
	ln -s $(CURDIR)/build/labextension $@
