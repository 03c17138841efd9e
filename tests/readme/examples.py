# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the modules, as ``ansible-doc`` tells them of the installed collection.

The examples of a module are the tasks of one play on localhost. The tasks that run before them, and those that check
what came of them, are in ``prepared.yml``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.jetstream.governor.tests.readme.documents import COLLECTION, is_playbook
from ansible_collections.jetstream.governor.tests.readme.playground import Failed, Playground


def modules(ground: Playground) -> list[str]:
    """All modules of the collection, by their full names."""
    listed = json.loads(ground.run("ansible-doc", "--type", "module", "--list", "--json", COLLECTION))
    if not listed:
        raise Failed(f"ansible-doc finds no module of {COLLECTION}: is it installed?")
    return sorted(listed)


def run(ground: Playground, module: str) -> None:
    told = json.loads(ground.run("ansible-doc", "--type", "module", "--json", module))
    examples = yaml.safe_load(told[module]["examples"])
    if not isinstance(examples, list) or is_playbook(examples):
        raise Failed(f"The examples of {module} are not a list of tasks.")
    table = yaml.safe_load((Path(__file__).parent / "prepared.yml").read_text(encoding="utf-8"))
    around: dict[str, Any] = table.get(module.rpartition(".")[2], {})
    play = {
        "name": f"Examples of {module}",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [*around.get("before", []), *examples, *around.get("after", [])],
    }
    ground.play(yaml.safe_dump([play], sort_keys=False))
