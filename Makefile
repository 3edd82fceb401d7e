# Few verbs. `make demo` and `make test` are all that a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTO := $(wildcard proto/headstart/v1/*.proto)

.PHONY: help demo test fuzz chaos bench release images proto dashboards pictures schema reference generated lint format types clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "headstart needs Python 3.11 or later, $(PYTHON) is %d.%d: make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[all,examples]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,examples]'
	@touch $@

proto: $(VENV)/.dev ## generate proto/gen from proto/
	rm -rf proto/gen/headstart/v1 && mkdir -p proto/gen/headstart/v1
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=proto/gen --grpc_python_out=proto/gen \
	  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	  --mypy_out=quiet:proto/gen --mypy_grpc_out=quiet:proto/gen $(PROTO)
	touch proto/gen/headstart/v1/__init__.py proto/gen/headstart/v1/py.typed

lint: $(VENV)/.dev ## ruff, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

format: $(VENV)/.dev ## rewrite the code in the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev ## strict mypy
	$(BIN)/mypy

demo: $(VENV)/.demo ## measure two AOT/JIT pairs on this machine
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev ## every test that this machine can run
	@failed=0; \
	$(BIN)/pytest -m "not alone" --numprocesses 2 --dist loadscope --no-loadscope-reorder || failed=1; \
	$(BIN)/pytest -m alone || failed=1; \
	exit $$failed

$(VENV)/.deploy: pyproject.toml $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,examples,deploy]'
	@touch $@

$(VENV)/.fuzz: pyproject.toml $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,examples,fuzz]'
	@touch $@

FUZZ_SECONDS ?= 600
# 0: another one at each call.
FUZZ_SEED ?= 0
fuzz: $(VENV)/.fuzz ## look for inputs that break a parser, ten minutes for each
	$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

CHAOS_SECONDS ?= 3600
# 0: another one at each call.
CHAOS_SEED ?= 0
CHAOS_STORE ?= sqlite
chaos: $(VENV)/.dev ## kill, cut off and set back a fleet for an hour, and judge its runs; needs root
	cd tests && ../$(BIN)/python -m support.chaos --seconds $(CHAOS_SECONDS) --seed $(CHAOS_SEED) --store $(CHAOS_STORE)

bench: $(VENV)/.dev ## the figures of docs/METHODOLOGY.md, measured here
	$(BIN)/python -m bench

$(VENV)/.release: pyproject.toml $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,examples,release]'
	@touch $@

release: $(VENV)/.release ## wheel, sdist, bill of materials, notes and checksums, in dist/
	.ci/release

images: $(VENV)/.dev ## images of collector and agent, without a registry; needs root and mmdebstrap
	rm -rf .headstart/images && $(BIN)/hatchling build --target wheel --directory .headstart/images >/dev/null
	deploy/images/build --offline .headstart/images/*.whl

dashboards: $(VENV)/.dev ## generate dashboards/generated and the examples of deploy
	$(BIN)/python -m headstart.dashboards

# `make pictures BOARD=headstart-fleet`: that one alone.
BOARD ?=
pictures: $(VENV)/.dev ## draw the dashboards into docs/images/dashboards
	cd tests && ../$(BIN)/python -m support.pictured $(BOARD)

schema: $(VENV)/.dev ## generate the JSON Schemas in docs
	$(BIN)/headstart schema > docs/experiment.schema.json
	$(BIN)/headstart schema report > docs/report.schema.json

reference: $(VENV)/.dev ## generate the tables in docs/{EXPERIMENT,OBSERVABILITY,EXPORT,SCALING}.md
	$(BIN)/python -m headstart.collector.experiments.reference docs/EXPERIMENT.md
	$(BIN)/python -m headstart.collector.metrics.reference docs/OBSERVABILITY.md
	$(BIN)/python -m headstart.collector.export.reference docs/EXPORT.md
	$(BIN)/python -m bench.scaling_tables docs/SCALING.md

generated: proto dashboards schema reference ## regenerate everything; fails when the commit differs
	git diff --exit-code -- proto/gen dashboards/generated deploy docs

clean: ## remove what was made here
	rm -rf $(VENV) dist .headstart .mypy_cache .ruff_cache .pytest_cache examples/*/build
