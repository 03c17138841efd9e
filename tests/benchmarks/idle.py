# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Section 2: what a thousand waiters cost for whom nothing happens: the governor is full, and stays so."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import jetstream
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue
from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Algorithm
from ansible_collections.jetstream.governor.tests.benchmarks.choria import Reference
from ansible_collections.jetstream.governor.tests.benchmarks.ours import Ours
from ansible_collections.jetstream.governor.tests.benchmarks.processes import PROCESSES, Meet, Team, team
from ansible_collections.jetstream.governor.tests.benchmarks.stage import Stage, stages
from ansible_collections.jetstream.governor.tests.benchmarks.table import NOTHING, Goal, Table
from ansible_collections.jetstream.governor.tests.support.client import connected, until

WAITERS = 1000
LIMIT = 5
SECONDS = 20.0
GOAL = 50.0

WITH_A_QUEUE = Ours(queue=True)
COLUMNS: list[Algorithm] = [Reference(0.25), Reference(5.0), Ours(queue=False), WITH_A_QUEUE]
BUSY: list[Algorithm] = [Reference(0.25), Ours(queue=False)]
"""Each of these is measured alone; the others, which leave the machine idle, are measured at the same time."""

_SETTLED_AFTER = 5.0
_JOINED_WITHIN = 60.0
_MEGABYTE = 1e6


class Run(NamedTuple):
    """``rate``: messages from the waiters a second. ``memory``: bytes a waiter, None where it cannot be read.

    ``joining``: how many messages each had sent when the measurement began.
    """

    stage: Stage
    algorithm: Algorithm
    rate: float
    memory: float | None
    joining: float


class Idle(NamedTuple):
    runs: list[Run]

    def broken(self) -> list[str]:
        return []

    def goals(self) -> list[Goal]:
        return [_goal(run) for run in self.runs if run.algorithm == WITH_A_QUEUE]

    def tables(self) -> list[Table]:
        columns = ["", *map(str, COLUMNS), "ideal", "goal with a queue"]
        names = list(dict.fromkeys(run.stage.name for run in self.runs))
        rows = [row for name in names for row in self._rows(name)]
        joining = ", ".join(f"{run.joining:.1f}" for run in self.runs if run.algorithm == WITH_A_QUEUE)
        notes = [
            f"Messages that each waiter in a queue had sent before ({' and '.join(names)}): {joining}. It tries, "
            "queues and looks once. Its next look comes after minutes, later than this measurement ends."
        ]
        return [Table(f"2. {WAITERS:,} idle waiters on a full governor, {SECONDS:g} s", columns, rows, notes)]

    def _rows(self, name: str) -> list[list[str]]:
        by_column = {run.algorithm: run for run in self.runs if run.stage.name == name}
        runs = [by_column[column] for column in COLUMNS]
        memory = [NOTHING if run.memory is None else f"{run.memory / 1e3:.1f} kB" for run in runs]
        goal = str(_goal(by_column[WITH_A_QUEUE]))
        return [
            [f"{name}: requests per second", *(f"{run.rate:,.1f}" for run in runs), "0", goal],
            [f"{name}: memory per waiter", *memory, NOTHING, NOTHING],
        ]


def explained() -> list[str]:
    return [
        "Requests: all messages that the waiters send, as the servers count them. Memory: by how much the resident set "
        "of the waiters' processes has grown, from before they came to the end.",
    ]


def measure(folder: Path) -> Idle:
    with stages(folder) as both:
        busy = [[(stage, algorithm)] for stage in both for algorithm in COLUMNS if algorithm in BUSY]
        quiet = [(stage, algorithm) for stage in both for algorithm in COLUMNS if algorithm not in BUSY]
        return Idle([run for together in [*busy, quiet] for run in _measured(together)])


def _measured(together: list[tuple[Stage, Algorithm]]) -> list[Run]:
    with ExitStack() as stack:
        crowds = []
        for stage, algorithm in together:
            governor = _full(stage, algorithm)
            urls = [stage.url(number) for number in range(PROCESSES)]
            crowds.append((governor, stack.enter_context(team(_wait, urls, algorithm, governor))))
        for _governor, members in crowds:
            members.meet()  # all are connected, and begin
            members.meet()  # all have been refused
        for (stage, algorithm), (governor, _members) in zip(together, crowds):
            if algorithm.queue:
                asyncio.run(_all_have_queued(stage, governor))
        time.sleep(_SETTLED_AFTER)
        began, before = time.monotonic(), _messages(together, crowds)
        time.sleep(SECONDS)
        seconds, after = time.monotonic() - began, _messages(together, crowds)
        runs = []
        for index, (stage, algorithm) in enumerate(together):
            members = crowds[index][1]
            members.meet()  # enough
            memory = [each for each in members.results() if each is not None]
            rate, joining = (after[index] - before[index]) / seconds, before[index] / WAITERS
            run = Run(stage, algorithm, rate, sum(memory) / WAITERS if memory else None, joining)
            print(f"{stage.name}, {WAITERS:,} idle, {algorithm}: {run.rate:,.1f} requests per second", flush=True)
            runs.append(run)
        return runs


def _messages(together: Sequence[tuple[Stage, Algorithm]], crowds: Sequence[tuple[str, Team[int | None]]]) -> list[int]:
    return [stage.messages(governor) for (stage, _algorithm), (governor, _members) in zip(together, crowds)]


def _full(stage: Stage, algorithm: Algorithm) -> str:
    """The name of a governor that others hold all slots of."""
    governor = stage.governor(LIMIT, algorithm.queue)

    async def fill() -> None:
        async with connected(stage.url(0)) as nc:
            for number in range(LIMIT):
                await Reference(0.25).enter(nc, governor, f"holder {number}", lambda: None)

    asyncio.run(fill())
    return governor


async def _all_have_queued(stage: Stage, governor: str) -> None:
    async def queued() -> bool:
        state = await queue.state()
        return state is not None and state.waiting == WAITERS

    async with connected(stage.url(0)) as nc:
        queue = Queue(governor, jetstream(nc))
        await until(queued, _JOINED_WITHIN, f"{WAITERS} are in the queue")


def _wait(number: int, meet: Meet, urls: list[str], algorithm: Algorithm, governor: str) -> int | None:
    return asyncio.run(_wait_in(number, meet, urls[number], algorithm, governor))


async def _wait_in(number: int, meet: Meet, url: str, algorithm: Algorithm, governor: str) -> int | None:
    async with connected(url, name=governor) as nc:
        await asyncio.to_thread(meet)
        before = _resident()
        crowd = _Crowd(nc, algorithm, governor, range(number, WAITERS, PROCESSES))
        await until(crowd.all_refused, _JOINED_WITHIN, "all have been refused")
        await asyncio.to_thread(meet)
        await asyncio.to_thread(meet)
        after = _resident()
        await crowd.end()
    return None if before is None or after is None else after - before


class _Crowd:
    def __init__(self, nc: Client, algorithm: Algorithm, governor: str, numbers: range) -> None:
        self._refused: set[int] = set()
        self._tasks = [
            asyncio.ensure_future(algorithm.enter(nc, governor, f"waiter {each}", partial(self._refused.add, each)))
            for each in numbers
        ]

    def all_refused(self) -> bool:
        return len(self._refused) == len(self._tasks) or any(task.done() for task in self._tasks)

    async def end(self) -> None:
        """Raise what went wrong: nobody may have entered, and nobody failed."""
        for task in self._tasks:
            if task.done():
                raise RuntimeError(f"a waiter on a full governor ended: {task.exception() or 'it entered'}")
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _resident() -> int | None:
    """Bytes; None on systems that do not tell in this way."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _goal(run: Run) -> Goal:
    name = f"{run.stage.name}, {WAITERS:,} idle waiters: requests per second"
    return Goal(name, f"< {GOAL:g}", f"{run.rate:.1f}", run.rate < GOAL)
