# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that need a slot of several governors: each cap holds, and whatever ends them, no slot is left in any."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.listing import load_governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.playbook import Playbook, venvs
from ansible_collections.jetstream.governor.tests.support.scene import SOON, Scene, scene
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CORES = venvs()

pytestmark = pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "server") as running:
        yield running


async def held(server: NatsServer) -> dict[str, int]:
    """How many slots of each governor are held, of those of which any is."""
    async with connected(server.url) as nc:
        return {each.name: each.state.active for each in await load_governors(nc) if each.state.active}


async def nothing_is_held(stage: Scene, seconds: float = 5.0) -> None:
    async def is_so() -> bool:
        return not await held(stage.server)

    await until(is_so, seconds, "no slot of any governor is held")


@pytest.mark.one_core
@within(120)
async def test_each_cap_holds(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    """Two runs over two racks at once, one host in each rack, and two in all."""
    async with scene(server, name, venv, tmp_path, limit=2) as stage, contextlib.AsyncExitStack() as stack:
        async with connected(server.url) as nc:
            for rack in "ab":
                await Manager.create(f"rack-{rack}", nc, limit=1)
        governor = [name, "rack-{{ inventory_hostname[0] }}"]
        running = []
        for number in range(2):
            work = {"ansible.builtin.command": stage.records.command(0.5, f"{{{{ inventory_hostname }}}}-{number}")}
            play = stage.play(work, governed={"governor": governor})
            running.append(stack.enter_context(stage.run(play, "a1", "a2", "a3", "b1", "b2", "b3")))
        for playbook in running:
            assert await stage.ends(playbook, within=90) == 0, playbook.output
        starts, ends = stage.records.times("start"), stage.records.times("end")
        assert len(ends) == 12
        for rack in "ab":
            assert most_at_once(Interval(starts[host], ends[host]) for host in ends if host[0] == rack) == 1
        assert most_at_once(stage.records.intervals) == 2
        await nothing_is_held(stage)


def end(playbook: Playbook, how: str) -> None:
    if how == "SIGINT":
        playbook.process.send_signal(signal.SIGINT)
        return
    for pid in playbook.workers():
        os.kill(pid, signal.SIGKILL)
    if how == "all but the keeper are killed":
        playbook.process.kill()


@pytest.mark.parametrize("how", ["SIGINT", "the workers are killed", "all but the keeper are killed"])
@within(90)
async def test_no_slot_is_left_in_any(server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str) -> None:
    """One host is at work under two slots, the other one holds the first of its two, and waits for the second."""
    async with scene(server, name, venv, tmp_path) as stage:
        async with connected(server.url) as nc:
            for host in ("h1", "h2"):
                await Manager.create(f"a-{host}", nc, limit=1)
        play = stage.play(None, seconds=30, governed={"governor": [name, "a-{{ inventory_hostname }}"]})
        with stage.run(play, "h1", "h2") as playbook:
            await stage.at_work(playbook)
            await stage.waiting(playbook)
            assert await held(server) == {name: 1, "a-h1": 1, "a-h2": 1}
            end(playbook, how)
            if how != "the workers are killed":
                await stage.ends(playbook)
                await until(lambda: not playbook.processes(), SOON, f"all processes end: {playbook.processes()}")
            await nothing_is_held(stage)
            assert len(stage.records.started) == 1, "the other one did not begin"
