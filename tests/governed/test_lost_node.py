# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A governed task that was told of one node of a cluster gives its slot back although that node has died meanwhile."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.playbook import Records, running, venvs
from ansible_collections.jetstream.governor.tests.support.server import cluster

CORES = venvs()


@pytest.mark.one_core
@pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])
@within(120)
async def test_the_slot_is_given_back_at_another_node(name: str, tmp_path: Path, venv: Path) -> None:
    records = Records(tmp_path / "records")
    work = {"governor": name, "wait_timeout": "20s", "task": {"ansible.builtin.command": records.command(3)}}
    with cluster(tmp_path / "cluster", advertise=True) as nodes:
        given, others = nodes[0], [node.url for node in nodes[1:]]
        async with connected(others) as nc:
            manager = await Manager.create(name, nc, limit=1, replicas=3)
            assert (await stored_config(nc, name))["num_replicas"] == 3
            task = {"name": "Work", "jetstream.governor.governed": {**work, "servers": given.url}}
            play = [{"name": "Work", "hosts": "all", "gather_facts": False, "tasks": [task]}]
            with running(venv, play, ["web1"], tmp_path) as playbook:
                await until(lambda: bool(records.at_work) or playbook.ended, 30, f"at work; {playbook.output}")
                given.stop(signal.SIGKILL)
                await until(lambda: playbook.ended, 60, f"it ends; {playbook.output}")
                ended = time.monotonic()
                assert playbook.process.returncode == 0, playbook.output
                assert "could not be released" not in playbook.output
            assert await manager.active() == 0
            # Another leader may have to be elected first.
            assert ended - records.times("end")["web1"] < 12
