# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Crowds of waiters, each of whom enters, works, leaves and writes down when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Algorithm
from ansible_collections.jetstream.governor.tests.benchmarks.measures import Turn, Workload
from ansible_collections.jetstream.governor.tests.benchmarks.processes import PROCESSES, Meet, team
from ansible_collections.jetstream.governor.tests.benchmarks.stage import Stage
from ansible_collections.jetstream.governor.tests.support.client import connected


class Crowd(NamedTuple):
    """``urls``: one a process. ``after``: seconds until it begins to come."""

    urls: Sequence[str]
    algorithm: Algorithm
    governor: str
    work: Workload
    after: float = 0.0


def crowd(stage: Stage, algorithm: Algorithm, work: Workload, after: float = 0.0) -> Crowd:
    """For a governor of its own."""
    governor = stage.governor(work.limit, algorithm.queue)
    return Crowd([stage.url(number) for number in range(PROCESSES)], algorithm, governor, work, after)


def turns(crowds: Sequence[Crowd], within: float) -> list[list[Turn]]:
    """The turns of each crowd, as many as were done in so many seconds. The crowds work at the same time."""
    with team(_share, list(crowds), within) as members:
        members.meet()
        shares = members.results()
    return [[turn for share in shares for turn in share[index]] for index in range(len(crowds))]


def _share(number: int, meet: Meet, crowds: Sequence[Crowd], within: float) -> list[list[Turn]]:
    return asyncio.run(_attend_all(number, meet, crowds, within))


async def _attend_all(number: int, meet: Meet, crowds: Sequence[Crowd], within: float) -> list[list[Turn]]:
    async with AsyncExitStack() as stack:
        # Each process has a connection of its own for each crowd.
        connections = [await stack.enter_async_context(connected(each.urls[number])) for each in crowds]
        meet()
        pairs = zip(crowds, connections)
        return await asyncio.gather(*(_attend(number, each, nc, within) for each, nc in pairs))


async def _attend(number: int, crowd: Crowd, nc: Client, within: float) -> list[Turn]:
    await asyncio.sleep(crowd.after)
    tasks = [
        asyncio.ensure_future(_turn(number, crowd, nc, waiter))
        for waiter in range(number, crowd.work.waiters, PROCESSES)
    ]
    done, late = await asyncio.wait(tasks, timeout=within)
    for each in late:
        each.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [task.result() for task in done]


async def _turn(process: int, crowd: Crowd, nc: Client, waiter: int) -> Turn:
    refusals, first = 0, None

    def refused() -> None:
        nonlocal refusals, first
        refusals, first = refusals + 1, first or time.monotonic()

    await asyncio.sleep(waiter * crowd.work.apart)
    asked = time.monotonic()
    held = await crowd.algorithm.enter(nc, crowd.governor, f"waiter {waiter}", refused)
    entered = time.monotonic()
    await asyncio.sleep(crowd.work.hold)
    left = time.monotonic()
    await held.leave()
    return Turn(process, asked, first, refusals, held.seq, entered, left, time.monotonic())
