# Every target sets up what it needs: Python 3.11+ and either the Pulumi CLI or Go are enough.
# Pulumi itself, if it is missing, is built once from its Go modules (some minutes; see tools/engine).

PYTHON ?= python3
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
VENV ?= .venv
WORKERS ?= 2
bin := $(VENV)/bin
venv := $(VENV)/installed
pip := $(bin)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
pytest := -m pytest -n $(WORKERS) --dist worksteal

.PHONY: help demo test check coverage pythons dist chaos acceptance bench scale lint audit fmt constructors schemas reference docs pictures sandbox engine \
  languages govcd browser backend-servers consumers clean

help:
	@echo "make demo      watch a real pulumi up manage five credentials, on a sandbox of the vendors"
	@echo "make test      run the tests, on the real engine and the sandbox"
	@echo "make check     lint and the tests: what must pass before a merge"
	@echo "make coverage  the tests, with branch coverage and its floor"
	@echo "make pythons   the tests on every Python, 3.11 to 3.14, that this machine has"
	@echo "make dist      build the sdist and the wheel into dist/"
	@echo "make chaos     make every call fail, every process die, then anything happen (two hours; make test has a sample)"
	@echo "make acceptance  take each resource through its life at the live systems that the environment names"
	@echo "make bench     measure it beside the engine's own floor"
	@echo "make scale     measure ten stacks of 200 credentials on PostgreSQL and on an S3 server"
	@echo "make lint      check style and types            make fmt      put the style right"
	@echo "make audit     look the versions of all dependencies up in the database of vulnerabilities (needs a network)"
	@echo "make constructors  write programs/constructors.py from the models of the resources"
	@echo "make schemas   write schemas/ from the models   make sandbox  serve the vendors on port 8181"
	@echo "make languages build what runs programs in YAML and TypeScript, for the tests"
	@echo "make reference write docs' tables from the models   make docs     build the site of docs/ in .build/site"
	@echo "make pictures  draw the pictures of terminals in docs/"
	@echo "make clean     remove all that make has made"

demo: $(venv) engine
	@$(bin)/python -m tools.demo

test: $(venv) engine languages govcd browser backend-servers consumers
	@$(bin)/python $(pytest) $(ARGS)

check: lint test

coverage: export COVERAGE_FILE = $(CURDIR)/.build/coverage/data
coverage: $(venv) engine languages govcd browser backend-servers consumers
	@rm -rf .build/coverage && mkdir -p .build/coverage
	@$(bin)/coverage run $(pytest) $(ARGS)
	@$(bin)/coverage combine --quiet
	@$(bin)/coverage report $(if $(ARGS),--fail-under=0)

pythons:
	@for python in $(PYTHONS); do \
	  if $$python -c '' 2>/dev/null; then $(MAKE) test PYTHON=$$python VENV=.build/$$python || exit; \
	  else echo "$$python: not on this machine, so not tested" >&2; fi; \
	done

dist: $(venv)
	@rm -rf dist
	@$(bin)/python -m hatchling build

chaos: $(venv) engine
	@$(bin)/python -m tests.chaos $(ARGS)

acceptance: $(venv) engine
	@$(bin)/python -m tests.acceptance

bench: $(venv) engine
	@$(bin)/python -m bench $(ARGS)

scale: $(venv) engine backend-servers
	@$(bin)/python -m bench.scale $(ARGS)

lint: $(venv)
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/mypy
	@$(bin)/basedpyright --pythonpath $(bin)/python

audit: $(venv)
	@$(bin)/python tools/audit.py

fmt: $(venv)
	@$(bin)/ruff check --fix
	@$(bin)/ruff format

constructors: $(venv)
	@$(bin)/python -m tools.constructors

schemas: $(venv)
	@$(bin)/python tools/schemas.py

reference: $(venv)
	@$(bin)/python -m tools.reference

docs: $(venv)
	@$(bin)/python -m properdocs build --strict -f properdocs.yml
	@echo "docs: .build/site/index.html" >&2

pictures: $(venv) engine
	@$(bin)/python -m tools.pictures

sandbox: $(venv)
	@$(bin)/python -m pulumi_rekey.sandbox

engine: $(venv)
	@$(bin)/python tools/engine/install.py >/dev/null

languages: $(venv)
	@$(bin)/python -m tools.engine.languages

govcd: $(venv)
	@$(bin)/python -m tools.govcd.install

browser: $(venv)
	@$(bin)/python tools/browser.py

backend-servers: $(venv)
	@$(bin)/python -m tools.backend_servers

$(venv): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "python: 3.11 or newer is needed; say which with make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "python: installing this project and its tools into $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(pip) pip
	@$(pip) --build-constraint constraints.txt --editable '.[cli,sandbox]' --group test
	@touch $@

consumers: $(venv)
	@$(bin)/python tools/consumer_packages.py

clean:
	rm -rf .venv .build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
