# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: ansible-builder finds what the collection needs, and takes the definition."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from ansible_collections.jetstream.governor.tests.awx.jobs import AWX, BIN, ROOT


def builder(*words: str) -> str:
    ran = subprocess.run(
        [str(BIN / "ansible-builder"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert not ran.returncode, ran.stdout
    return ran.stdout


def test_the_collection_says_what_it_needs(tmp_path: Path) -> None:
    """Two Python packages, and nothing of the system."""
    pip, system = tmp_path / "requirements.txt", tmp_path / "bindep.txt"
    # Of this collection alone, whatever else is there.
    collections = tmp_path / "ansible_collections" / "jetstream"
    collections.mkdir(parents=True)
    (collections / "governor").symlink_to(ROOT)
    builder("introspect", str(tmp_path), "--write-pip", str(pip), "--write-bindep", str(system))
    found = [line.partition("#")[0].strip() for line in pip.read_text().splitlines()]
    said = (ROOT / "meta" / "ee-requirements.txt").read_text().splitlines()
    assert [line for line in found if line] == [line for line in said if not line.startswith("#")]
    assert [re.split(r"[\[><=]", line)[0] for line in found if line] == ["nats-py", "jmespath"]
    assert not system.exists() or not system.read_text().strip()


def test_ansible_builder_takes_the_definition(tmp_path: Path) -> None:
    definition = AWX / "execution-environment.yml"
    builder("create", "--file", str(definition), "--context", str(tmp_path), "--output-filename", "Containerfile")
    recipe = (tmp_path / "Containerfile").read_text()
    assert "ansible-core>=2.16 ansible-runner" in recipe
    assert "ansible-galaxy collection install" in recipe
    wanted = yaml.safe_load((tmp_path / "_build" / "requirements.yml").read_text())
    assert wanted == {"collections": [{"name": "jetstream.governor"}]}
    assert (tmp_path / "_build" / "bindep.txt").read_text().split() == ["openssh-clients", "[platform:rpm]"]


def test_it_wants_an_ansible_core_that_the_collection_runs_on() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    definition = yaml.safe_load((AWX / "execution-environment.yml").read_text())
    assert (
        definition["dependencies"]["ansible_core"]["package_pip"] + ".0" == f"ansible-core{runtime['requires_ansible']}"
    )
