# Every verb installs what it needs into $(VENV) first; a second call starts at once.
#   make demo    evaluate the scripted expert on the shipped pick-mini suite, into runs/demo
#   make test    run the test suite
#   make isaac   run the tests of Isaac Lab (Python 3.12, 4 GB of downloads, 6 GB on disk)
#   make lerobot check datasets and envs with the lerobot package (Python 3.12, 2.9 GB of downloads)
# Variables, e.g. `make test PYTHON=python3.12 TORCH_SPEC="torch==2.13.0 --index-url URL"`:
#   PYTHON       interpreter for the environment, 3.11 or newer
#   VENV         where the environment lives
#   TORCH_SPEC   what pip is told to install as torch (only `make test` needs torch)
#   PYTEST_ARGS  passed to pytest
#   JOBS         processes of the test suite and of the demo
#   DEMO_DIR     run folder of the demo, replaced by each run

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
TORCH_SPEC ?= torch==2.13.0
JOBS ?= 2
LEROBOT_VENV ?= .venv-lerobot
LEROBOT_SPEC ?= "lerobot[dataset,training]==0.6.1"
ISAAC_VENV ?= .venv-isaac
# Kernels that Warp compiled, which takes minutes: kept between runs.
WARP_CACHE ?= $(abspath $(ISAAC_VENV))/warp-cache
# python3.12 may be a shim that knows no such version; then whatever pyenv has of it.
PYTHON312 ?= $(shell python3.12 -c 'import sys; print(sys.executable)' 2>/dev/null \
    || ls -d $(HOME)/.pyenv/versions/3.12*/bin/python3.12 2>/dev/null | tail -1)
PYTEST_ARGS ?=
DEMO_DIR ?= runs/demo
# The bootstrap script of pip, only fetched where Python came without any way to install packages.
GET_PIP ?= https://bootstrap.pypa.io/get-pip.py

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
# setuptools warns at every editable install about folders named like the package; this one is it.
EDITABLE := PYTHONWARNINGS=ignore $(PIP) --no-build-isolation -e
INPUTS := setup.cfg pyproject.toml constraints.txt

.PHONY: demo test isaac lerobot lint format typecheck speed clean help
.DELETE_ON_ERROR:

help:
	@sed -n '2,13s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.core
	rm -rf $(DEMO_DIR)
	$(BIN)/molmospaces-gym eval --policy expert --benchmark pick-mini --workers $(JOBS) \
	    --out $(DEMO_DIR)

test: $(VENV)/.test
	$(BIN)/python -P -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

# Isaac Lab needs Python 3.12 and pins older releases than ours, so it has an environment of its own.
isaac: $(ISAAC_VENV)/.isaac
	WARP_CACHE_PATH=$(WARP_CACHE) $(ISAAC_VENV)/bin/python -P -m pytest tests/isaac $(PYTEST_ARGS)

# What Isaac Lab imports here and no more: all of it is 2 GB larger. isaaclab itself comes without
# its requirements.
$(ISAAC_VENV)/.isaac: tests/isaac/requirements.txt tests/isaac/requirements-alone.txt $(INPUTS)
	@test -n "$(PYTHON312)" || { \
	    echo "make isaac needs Python 3.12; name it with: make isaac PYTHON312=/path/to/python3.12"; \
	    exit 1; }
	test -d $(ISAAC_VENV) || $(PYTHON312) -m venv $(ISAAC_VENV)
	$(ISAAC_VENV)/bin/python -m pip install --quiet -r tests/isaac/requirements.txt
	$(ISAAC_VENV)/bin/python -m pip install --quiet --no-deps -r tests/isaac/requirements-alone.txt
	PYTHONWARNINGS=ignore $(ISAAC_VENV)/bin/python -m pip install --quiet -e . \
	    -r tests/isaac/requirements.txt
	@touch $@

# lerobot needs Python 3.12 and pins older releases than ours, so it has an environment of its own.
lerobot: $(VENV)/.test
	test -d $(LEROBOT_VENV) || $(PYTHON312) -m venv $(LEROBOT_VENV)
	$(LEROBOT_VENV)/bin/python -m pip install --quiet $(LEROBOT_SPEC)
	PYTHONWARNINGS=ignore $(LEROBOT_VENV)/bin/python -m pip install --quiet -e .
	MOLMOSPACES_GYM_LEROBOT_PYTHON=$(abspath $(LEROBOT_VENV))/bin/python \
	    $(BIN)/python -P -m pytest tests/test_lerobot_package.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Checkers read files, not the import hook of an editable install, so they see the built wheel.
typecheck: $(VENV)/.wheel
	cd $(VENV) && bin/mypy --config-file $(CURDIR)/setup.cfg \
	    --python-executable wheel/bin/python -p molmospaces_gym

speed: $(VENV)/.test
	$(BIN)/python examples/speed.py

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment with pip; one that is there already is kept. Debian and Ubuntu split both venv and
# pip from Python, hence the steps.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 \
	 || $(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 \
	 || $(PYTHON) -m virtualenv --clear $(VENV) >/dev/null 2>&1 \
	 || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
	      && { $(PYTHON) -m pip --python $(BIN)/python install --quiet pip 2>/dev/null \
	           || { echo "no pip here, fetching it from $(GET_PIP)"; \
	                $(BIN)/python -c 'import sys, urllib.request as u; u.urlretrieve(*sys.argv[1:])' \
	                    $(GET_PIP) $(VENV)/get-pip.py && $(BIN)/python $(VENV)/get-pip.py --quiet; } } } \
	 || { rm -rf $(VENV); \
	      echo "this Python has neither venv nor pip; install them: apt-get install python3-venv"; exit 1; }
	@echo "using $(VENV)"
	$(PIP) pip setuptools
	@touch $@

$(VENV)/.core: $(VENV)/.pip $(INPUTS)
	$(EDITABLE) .
	@touch $@

# torch first and alone: whichever build TORCH_SPEC names satisfies every later requirement.
$(VENV)/.torch: $(VENV)/.pip
	$(PIP) $(TORCH_SPEC)
	@touch $@

$(VENV)/.test: $(VENV)/.torch $(INPUTS)
	$(EDITABLE) '.[test,maniskill]'
	@touch $@ $(VENV)/.core

$(VENV)/.dev: $(VENV)/.test
	$(EDITABLE) '.[dev]'
	@touch $@

# The wheel alone in an environment of its own, which finds the dependencies in $(VENV).
$(VENV)/.wheel: $(VENV)/.dev FORCE
	rm -rf build $(VENV)/wheel $(VENV)/dist
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w $(VENV)/dist .
	rm -rf build
	$(BIN)/python -m venv --without-pip $(VENV)/wheel
	$(BIN)/python -m pip --python $(VENV)/wheel/bin/python install --quiet --no-deps $(VENV)/dist/*.whl
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	    > $$($(VENV)/wheel/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dependencies.pth
	@touch $@

.PHONY: FORCE
FORCE:
