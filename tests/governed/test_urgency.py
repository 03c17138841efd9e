# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs at once: the security patches of one come before the routine work of the other, which came first."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import jetstream
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.history import most_at_once
from ansible_collections.jetstream.governor.tests.support.playbook import venvs
from ansible_collections.jetstream.governor.tests.support.scene import Scene, another_holds, scene
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CORES = venvs()
HOSTS = ["h1", "h2", "h3"]

pytestmark = pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])


def job(stage: Scene, priority: str) -> list[dict[str, Any]]:
    work = {"ansible.builtin.command": stage.records.command(0.2, f"{priority}-{{{{ inventory_hostname }}}}")}
    return stage.play(work, governed={"priority": priority, "interval": "5s"})


@within(120)
async def test_security_patches_come_before_routine_work(name: str, tmp_path: Path, venv: Path) -> None:
    with NatsServer(tmp_path / "server") as server:
        async with connected(server.url) as nc:
            knows_priorities = jetstream(nc).server_version >= (2, 12)
        async with scene(server, name, venv, tmp_path) as stage, contextlib.AsyncExitStack() as stack:
            async with another_holds(stage):
                routine = stack.enter_context(stage.run(job(stage, "low"), *HOSTS))
                await stage.waiting(routine, 3)
                security = stack.enter_context(stage.run(job(stage, "urgent"), *HOSTS))
                await stage.waiting(security, 6)
            for each in (routine, security):
                assert await stage.ends(each, within=60) == 0, each.output
                assert ("priority: " in each.output) != knows_priorities, each.output
            first, then = ("urgent", "low") if knows_priorities else ("low", "urgent")
            assert [each.split("-")[0] for each in stage.records.started] == [first] * 3 + [then] * 3
            assert most_at_once(stage.records.intervals) == 1
