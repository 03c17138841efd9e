# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``setup.yml`` has made with the modules of awx.awx at a stand-in for AWX, once for all tests of a session.

``AWX_COLLECTIONS`` names the folder above ``ansible_collections`` where awx.awx is.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ansible_collections.jetstream.governor.tests.awx.controller import INVENTORY, PROJECT, TOKEN, Controller
from ansible_collections.jetstream.governor.tests.awx.jobs import AWX, BIN
from ansible_collections.jetstream.governor.tests.awx.workflow import Node

PREFIX = "Rollout"


def collections() -> str:
    """Where awx.awx is; empty where it is not there."""
    given = os.environ.get("AWX_COLLECTIONS", "")
    return given if given and (Path(given) / "ansible_collections" / "awx" / "awx").is_dir() else ""


def playbooks() -> list[str]:
    """Those at the root of the project."""
    return [path.name for path in (AWX / "project").glob("*.yml")]


def set_up(controller: Controller, login: dict[str, str], folder: Path) -> str:
    """Run the playbook as an administrator of AWX does, and return what it prints."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = folder / "answers.yml"
    # JSON is YAML.
    answers.write_text(
        json.dumps(
            {
                "awx_project": PROJECT,
                "awx_inventory": INVENTORY,
                "awx_image": "registry.example.org/nats-ee",
                "nats_login": login,
            }
        )
    )
    environment = {
        **os.environ,
        "CONTROLLER_HOST": controller.url,
        "CONTROLLER_OAUTH_TOKEN": TOKEN,
        "ANSIBLE_COLLECTIONS_PATH": collections(),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
    }
    ran = subprocess.run(
        [str(BIN / "ansible-playbook"), str(AWX / "setup.yml"), "-e", f"@{answers}"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    assert not ran.returncode, ran.stdout
    return ran.stdout


def nodes(controller: Controller) -> dict[str, Node]:
    """The workflow as it is stored, by the identifiers of its nodes."""
    found = controller.objects["workflow_job_template_nodes"]

    def links(number: int, name: str) -> list[str]:
        return [each["identifier"] for each in controller.linked("workflow_job_template_nodes", number, name)]

    return {
        each["identifier"]: Node(*(links(number, name) for name in ("success_nodes", "failure_nodes", "always_nodes")))
        for number, each in found.items()
    }
