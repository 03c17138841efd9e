# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays of governed tasks in real ansible-playbook processes, beside a watch over the slots at the server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, until
from ansible_collections.jetstream.governor.tests.support.playbook import Playbook, Records, running
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.watch import Watch, watched

GIVEN_BACK_WITHIN = 2.0
"""Seconds after the end of the work."""
SOON = 20.0
"""Bound for what takes ansible-playbook a few seconds on a slow machine."""


class Scene:
    """A governor with so many slots on a server, a venv with ansible-playbook, and what was seen."""

    def __init__(self, server: NatsServer, name: str, venv: Path, folder: Path, watch: Watch) -> None:
        self.server = server
        self.name = name
        self.venv = venv
        self.folder = folder
        self.watch = watch
        self.records = Records(folder / "records")

    def play(self, task: dict[str, Any] | None, seconds: float = 30, **keywords: Any) -> list[dict[str, Any]]:
        """One governed task on all hosts. Its keyword ``governed`` has options of the action, the rest stand beside."""
        options = {
            "governor": self.name,
            "servers": self.server.url,
            "interval": "50ms",
            "wait_timeout": "60s",
            "task": task or {"ansible.builtin.command": self.records.command(seconds)},
            **keywords.pop("governed", {}),
        }
        work = {"name": "Work under a slot", "jetstream.governor.governed": options, **keywords}
        return [{"name": "Work", "hosts": "all", "gather_facts": False, "tasks": [work]}]

    def run(
        self, play: list[dict[str, Any]], *hosts: str, **options: Any
    ) -> contextlib.AbstractContextManager[Playbook]:
        return running(self.venv, play, list(hosts), self.folder, **options)

    async def at_work(self, playbook: Playbook, count: int = 1) -> None:
        await until(lambda: len(self.records.at_work) == count or playbook.ended, SOON, f"at work; {playbook.output}")
        assert len(self.records.at_work) == count, playbook.output

    async def waiting(self, playbook: Playbook, count: int = 1) -> None:
        """So many are in the queue."""

        async def they_are() -> bool:
            return await self.watch.waiting() == count or playbook.ended

        await until(they_are, SOON, f"{count} wait; {playbook.output}")
        assert not playbook.ended, playbook.output

    async def ends(self, playbook: Playbook, within: float = SOON) -> int:
        await until(lambda: playbook.ended, within, "ansible-playbook ends")
        code = playbook.process.returncode
        assert isinstance(code, int)
        return code

    async def nothing_is_left(self, playbook: Playbook, given_back_within: float = GIVEN_BACK_WITHIN) -> None:
        """No process, nobody at work, no slot; and no slot was released while its work went on, nor long after."""
        await until(lambda: not playbook.processes(), SOON, f"all processes end: {playbook.processes()}")
        last = max((end for _start, end in self.records.intervals), default=0.0)
        await until(lambda: bool(self.watch.looks) and self.watch.looks[-1].asked > last, SOON, "the server tells")
        bound = max(0.0, last + given_back_within - time.monotonic()) + 0.5
        await until(lambda: not self.watch.held, bound, f"the slots are released; {playbook.output}")
        assert not self.records.at_work, playbook.output
        assert not self.watch.uncovered(self.records.intervals)
        if last:
            assert self.watch.emptied() - last < given_back_within


@asynccontextmanager
async def scene(server: NatsServer, name: str, venv: Path, folder: Path, limit: int = 1) -> AsyncIterator[Scene]:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=limit, max_age=600)
    async with watched(name, server.url) as watch:
        yield Scene(server, name, venv, folder, watch)


@asynccontextmanager
async def another_holds(stage: Scene) -> AsyncIterator[None]:
    """All the slot that there is, for as long as this lasts."""
    async with connected(stage.server.url) as nc, await Governor(stage.name, nc).start("another"):
        yield
