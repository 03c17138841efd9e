# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Section 6: ten thousand who come within a second, wait for whom nothing happens, and then have their turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import jetstream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue
from ansible_collections.jetstream.governor.tests.benchmarks.choria import Reference
from ansible_collections.jetstream.governor.tests.benchmarks.ours import Ours
from ansible_collections.jetstream.governor.tests.benchmarks.processes import PROCESSES, Meet, team
from ansible_collections.jetstream.governor.tests.benchmarks.stage import Stage, one_node
from ansible_collections.jetstream.governor.tests.benchmarks.table import NOTHING, Goal, Table, percent
from ansible_collections.jetstream.governor.tests.support.client import connected, until
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once

WAITERS = 10_000
LIMIT = 200
WORK = 1.0
JOINED_IN = 1.0
IDLE = 20.0
IDEAL = WAITERS / LIMIT * WORK

SHARE_OF_CORE, SHARE_OF_IDEAL = 0.10, 0.97

_SETTLED_AFTER = 5.0
_QUEUED_WITHIN = 60.0
_DONE_WITHIN = 4 * IDEAL


class Turns(NamedTuple):
    """What one process saw of its waiters: when they worked, and what the first few failed with."""

    intervals: list[Interval]
    failed: int
    reasons: list[str]


class Scale(NamedTuple):
    """``queued``: seconds until all were in the queue. ``idle``: the server's share of a core while all waited.

    ``seconds``: from when all slots were freed until the last one was given back.
    """

    queued: float
    idle: float
    requests: float
    seconds: float
    turns: list[Turns]

    def broken(self) -> list[str]:
        most = self._most()
        return [f"{WAITERS:,} waiters: {most} worked at once"] if most > LIMIT else []

    def goals(self) -> list[Goal]:
        failed, share = sum(each.failed for each in self.turns), IDEAL / self.seconds
        return [
            Goal("10,000 waiters: failed", "0", f"{failed}", failed == 0),
            Goal(
                "10,000 waiters: idle, of a core at the server",
                f"< {percent(SHARE_OF_CORE)}",
                percent(self.idle),
                self.idle < SHARE_OF_CORE,
            ),
            Goal(
                "10,000 waiters: of the ideal time",
                f">= {percent(SHARE_OF_IDEAL)}",
                percent(share),
                share >= SHARE_OF_IDEAL,
            ),
        ]

    def tables(self) -> list[Table]:
        failed, idle, share = self.goals()
        rows = [
            [f"in the queue, after coming within {JOINED_IN:g} s", f"{self.queued:.1f} s", NOTHING],
            ["failed", failed.value, str(failed)],
            [f"idle for {IDLE:g} s: of a core at the server", idle.value, str(idle)],
            [f"idle for {IDLE:g} s: requests per second", f"{self.requests:.1f}", NOTHING],
            ["time, of the ideal", f"{self.seconds:.2f} s, {share.value}", str(share)],
        ]
        reasons = [f"Failed: {reason}" for each in self.turns for reason in each.reasons]
        notes = [f"Most who worked at once, by the recorded times of the work: {self._most()}.", *reasons]
        return [
            Table(f"6. {WAITERS:,} waiters, limit {LIMIT}, {WORK:g} s of work, one node", ["", "", "goal"], rows, notes)
        ]

    def _most(self) -> int:
        return most_at_once(interval for each in self.turns for interval in each.intervals)


def explained() -> list[str]:
    return [
        f"Waiters come evenly within {JOINED_IN:g} s, from {PROCESSES} processes with a connection each, to a governor "
        "whose slots are all held. Five seconds after the last one has queued, the idle time begins; when it is over, "
        f"all slots are freed at once. The ideal is {IDEAL:g} s.",
    ]


def measure(folder: Path) -> Scale:
    with one_node(folder) as stage:
        governor = stage.governor(LIMIT, queue=True)
        asyncio.run(_fill(stage, governor))
        with team(_share, stage.url(0), governor) as members:
            members.meet()
            began = time.monotonic()
            asyncio.run(_all_have_queued(stage, governor))
            queued = time.monotonic() - began
            print(f"{WAITERS:,} are in the queue after {queued:.1f} s", flush=True)
            time.sleep(_SETTLED_AFTER)
            idle, requests = _idle(stage, governor)
            print(f"idle: {percent(idle)} of a core at the server, {requests:.1f} requests per second", flush=True)
            freed = asyncio.run(_free(stage, governor))
            turns = members.results()
    ended = max((interval.end for each in turns for interval in each.intervals), default=freed)
    return Scale(queued, idle, requests, ended - freed, turns)


async def _fill(stage: Stage, governor: str) -> None:
    async with connected(stage.url(0)) as nc:
        for number in range(LIMIT):
            await Reference(0.25).enter(nc, governor, f"holder {number}", lambda: None)


async def _free(stage: Stage, governor: str) -> float:
    """When it was."""
    async with connected(stage.url(0)) as nc:
        manager = await Manager.load(governor, nc)
        freed = time.monotonic()
        await manager.reset()
    return freed


async def _all_have_queued(stage: Stage, governor: str) -> None:
    async def queued() -> bool:
        # Counting the queue is work for the server, the more the longer it is.
        await asyncio.sleep(0.2)
        try:
            state = await queue.state()
        except NoVerdict:
            # It has too much to do.
            return False
        return state is not None and state.waiting == WAITERS

    async with connected(stage.url(0)) as nc:
        queue = Queue(governor, jetstream(nc))
        await until(queued, _QUEUED_WITHIN, f"{WAITERS:,} are in the queue")


def _idle(stage: Stage, governor: str) -> tuple[float, float]:
    """The server's share of a core, and how many messages it gets a second, while nothing happens."""
    node = stage.nodes[0]
    began, used, messages = time.monotonic(), node.cpu_seconds, stage.messages(governor)
    time.sleep(IDLE)
    seconds = time.monotonic() - began
    return (node.cpu_seconds - used) / seconds, (stage.messages(governor) - messages) / seconds


def _share(number: int, meet: Meet, url: str, governor: str) -> Turns:
    return asyncio.run(_come(url, governor, range(number, WAITERS, PROCESSES), meet))


async def _come(url: str, governor: str, numbers: Sequence[int], meet: Meet) -> Turns:
    async with connected(url, name=governor) as nc:
        await asyncio.to_thread(meet)
        tasks = [asyncio.ensure_future(_turn(nc, governor, each)) for each in numbers]
        done, late = await asyncio.wait(tasks, timeout=_QUEUED_WITHIN + _SETTLED_AFTER + IDLE + _DONE_WITHIN)
        for each in late:
            each.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    errors = [error for task in done if (error := task.exception())]
    intervals = [task.result() for task in done if not task.exception()]
    reasons = [f"{type(error).__name__}: {error}" for error in errors[:3]]
    return Turns(intervals, len(errors) + len(late), reasons)


async def _turn(nc: Client, governor: str, number: int) -> Interval:
    await asyncio.sleep(number / WAITERS * JOINED_IN)
    held = await Ours(queue=True).enter(nc, governor, f"waiter {number}", lambda: None)
    entered = time.monotonic()
    await asyncio.sleep(WORK)
    left = time.monotonic()
    await held.leave()
    return Interval(entered, left)
