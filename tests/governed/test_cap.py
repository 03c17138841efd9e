# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Six hosts, two slots, the default strategy: every play completes, and never are more than two at work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.tests.support.client import within
from ansible_collections.jetstream.governor.tests.support.history import most_at_once
from ansible_collections.jetstream.governor.tests.support.playbook import venvs
from ansible_collections.jetstream.governor.tests.support.scene import scene
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CORES = venvs()
LIMIT = 2
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
