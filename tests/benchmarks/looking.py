# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Section 5: looking at many governors, and at one that is held by many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from ansible_collections.jetstream.governor.plugins.module_utils._governors import info
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import jetstream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.benchmarks.choria import Reference
from ansible_collections.jetstream.governor.tests.benchmarks.stage import Stage, one_node
from ansible_collections.jetstream.governor.tests.benchmarks.table import NOTHING, Goal, Table
from ansible_collections.jetstream.governor.tests.support.client import connected

COUNT = 1000
REQUESTS, SECONDS = 10, 1.0

_LOOKS = 5
_AT_ONCE = 20


class Look(NamedTuple):
    """``bounded``: whether the goals are for this one."""

    of: str
    requests: int
    seconds: float
    bounded: bool = False


class Looking(NamedTuple):
    looks: list[Look]

    def broken(self) -> list[str]:
        return []

    def goals(self) -> list[Goal]:
        return [goal for look in self.looks for goal in _goals(look)]

    def tables(self) -> list[Table]:
        rows = [
            [look.of, f"{look.requests:,}", f"{look.seconds:.3f} s", "; ".join(map(str, _goals(look))) or NOTHING]
            for look in self.looks
        ]
        return [Table("5. governor_info, one node", ["", "requests", "time", "goal"], rows)]


def explained() -> list[str]:
    return [
        "What the module does between connecting and its result, called without Ansible around it. Requests as the "
        f"server counts them; times are medians of {_LOOKS} looks.",
    ]


def measure(folder: Path) -> Looking:
    with one_node(folder) as stage:
        return Looking(asyncio.run(_looks(stage)))


async def _looks(stage: Stage) -> list[Look]:
    names = [f"b-{number:04d}" for number in range(COUNT)]
    async with connected(stage.url(0)) as nc:

        async def enter(governor: str, holder: str) -> None:
            await Reference(0.25).enter(nc, governor, holder, lambda: None)

        await _a_few_at_once(names, lambda name: Manager.create(name, nc, limit=1, max_age=0))
        empty = await _look(stage, f"{COUNT:,} governors with queues, none of them full", bounded=True)
        await _a_few_at_once(names, lambda name: enter(name, "holder"))
        full = await _look(stage, f"{COUNT:,} governors with queues, all of them full")
        await Manager.create("one", nc, limit=COUNT, max_age=0)
        await _a_few_at_once(names, lambda name: enter("one", name))
        held = await _look(stage, f"one governor with {COUNT:,} entries", name="one")
    return [empty, full, held]


async def _a_few_at_once(names: list[str], work: Callable[[str], Awaitable[object]]) -> None:
    for first in range(0, len(names), _AT_ONCE):
        await asyncio.gather(*map(work, names[first : first + _AT_ONCE]))


async def _look(stage: Stage, of: str, name: str = "", bounded: bool = False) -> Look:
    times = []
    # The server tells the connections apart by their names.
    async with connected(stage.url(0), name=of) as nc:
        for _each in range(_LOOKS):
            began = time.perf_counter()
            found = await info(jetstream(nc), [name] if name else [], None, with_entries=bool(name))
            times.append(time.perf_counter() - began)
        await nc.flush()
        requests, rest = divmod(stage.messages(of), _LOOKS)
    governors = found["governors"]
    seen = len(governors[0]["entries"]) if name else len(governors)
    if seen != COUNT or rest:
        raise RuntimeError(f"{of}: {seen} were seen, and not all looks took as many requests")
    look = Look(of, requests, median(times), bounded)
    print(f"{of}: {look.requests:,} requests, {look.seconds:.3f} s", flush=True)
    return look


def _goals(look: Look) -> list[Goal]:
    if not look.bounded:
        return []
    return [
        Goal(f"{look.of}: requests", f"<= {REQUESTS} requests", f"{look.requests:,}", look.requests <= REQUESTS),
        Goal(f"{look.of}: time", f"<= {SECONDS:g} s", f"{look.seconds:.3f} s", look.seconds <= SECONDS),
    ]
