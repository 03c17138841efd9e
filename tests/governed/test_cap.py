# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Six hosts, two slots, the default strategy: every play completes, and never are more than two at work.

Also when somebody presses the stop button in the midst of two of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import most_at_once
from ansible_collections.jetstream.governor.tests.support.playbook import venvs
from ansible_collections.jetstream.governor.tests.support.scene import scene
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CORES = venvs()
LIMIT = 2
# Seconds, in which free slots would have been taken.
A_WHILE = 3.0
HOSTS = [f"h{number}" for number in range(1, 7)]

pytestmark = pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "server") as running:
        yield running


@pytest.mark.parametrize(("forks", "plays"), [(1, 1), (2, 2), (10, 2)])
@within(120)
async def test_all_complete_under_the_limit(
    server: NatsServer, name: str, tmp_path: Path, venv: Path, forks: int, plays: int
) -> None:
    async with scene(server, name, venv, tmp_path, LIMIT) as stage, contextlib.AsyncExitStack() as stack:
        running = []
        for number in range(plays):
            # The same names of hosts in both: their slots belong to different runs.
            work = {"ansible.builtin.command": stage.records.command(0.4, f"{number}-{{{{ inventory_hostname }}}}")}
            running.append(stack.enter_context(stage.run(stage.play(work), *HOSTS, forks=forks)))
        for playbook in running:
            assert await stage.ends(playbook, within=90) == 0, playbook.output
        for playbook in running:
            await stage.nothing_is_left(playbook)
        intervals = stage.records.intervals
        assert len(intervals) == plays * len(HOSTS)
        most = most_at_once(intervals)
        # With few forks a slow machine may never have two of them at work.
        assert most == LIMIT if forks > len(HOSTS) else most <= min(LIMIT, forks * plays)
        assert max(look.held for look in stage.watch.looks) <= LIMIT


@within(120)
async def test_no_host_of_any_run_begins_during_a_pause(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with scene(server, name, venv, tmp_path, LIMIT) as stage, contextlib.AsyncExitStack() as stack:
        running = []
        for number in range(2):
            work = {"ansible.builtin.command": stage.records.command(0.8, f"{number}-{{{{ inventory_hostname }}}}")}
            running.append(stack.enter_context(stage.run(stage.play(work), *HOSTS)))
        await until(lambda: len(stage.records.started) >= LIMIT + 1, 60, "the first have worked")
        manager = await Manager.load(name, await stack.enter_async_context(connected(server.url)))
        await manager.pause("deploy@ctl1", "incident 4711")
        # Of those who have a slot by now, some may begin a moment later.
        await until(lambda: not stage.records.at_work, 20, "who was at work has ended it")
        await until(lambda: _nobody_is_in(manager), 10, "and has released the slot")
        paused, before = time.monotonic(), stage.records.started
        await asyncio.sleep(A_WHILE)
        assert stage.records.started == before
        # Whoever waits for ten seconds is told why.
        words = f"{name} is paused by deploy@ctl1 since "
        await until(lambda: all(words in playbook.output for playbook in running), 20, "both runs are told")
        resumed = time.monotonic()
        await manager.resume()
        for playbook in running:
            assert await stage.ends(playbook, within=60) == 0, playbook.output
            assert " full" not in playbook.output
        intervals = stage.records.intervals
        assert len(intervals) == 2 * len(HOSTS)
        assert not [each for each in intervals if paused < each.start < resumed]
        assert most_at_once(intervals) == LIMIT


async def _nobody_is_in(manager: Manager) -> bool:
    return await manager.active() == 0
