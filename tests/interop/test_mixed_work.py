# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cap over workers of both sides at once, judged by the times that the work itself noted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.interop.program import Answer, Choria
from ansible_collections.jetstream.governor.tests.support.client import connected, within

LIMIT = 4
WORKERS = 40
HOLD = 0.05
INTERVAL = 0.025


class Interval(NamedTuple):
    """Nanoseconds since 1970: the one clock that two processes of a machine share."""

    start: int
    end: int


def most_at_once(intervals: Iterable[Interval]) -> int:
    """The largest number of intervals that overlap. One that ends as another starts does not overlap it."""
    steps = [(interval.start, 1) for interval in intervals] + [(interval.end, -1) for interval in intervals]
    running = most = 0
    for _moment, step in sorted(steps):
        running += step
        most = max(most, running)
    return most


def test_most_at_once() -> None:
    assert most_at_once([]) == 0
    assert most_at_once([Interval(0, 2), Interval(2, 4)]) == 1
    assert most_at_once([Interval(0, 3), Interval(2, 4), Interval(2, 9), Interval(5, 6)]) == 3


async def work_once(nc: Client, name: str, holder: str) -> Interval:
    slot = await Governor(name, nc, interval=INTERVAL).start(holder, timeout=60)
    start = time.time_ns()
    await asyncio.sleep(HOLD)
    end = time.time_ns()
    await slot.finish()
    return Interval(start, end)


def noted(answer: Answer) -> list[Interval]:
    return [Interval(interval["start"], interval["end"]) for interval in answer["intervals"]]


async def race(choria: Choria, name: str, replicas: int, queue: bool) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=LIMIT, max_age=3600, replicas=replicas, queue=queue)
        words = ("work", "-workers", str(WORKERS), "-hold", f"{HOLD}s", "-interval", f"{INTERVAL}s", name)
        async with choria.talk(*words) as working:
            in_go = asyncio.create_task(working.go_on())
            by_python = await asyncio.gather(*(work_once(nc, name, f"python{number:02}") for number in range(WORKERS)))
            by_go = noted(await in_go)

        assert (len(by_go), len(by_python)) == (WORKERS, WORKERS)
        # Exactly the limit: never more, and the cap was reached, so it was a race.
        assert most_at_once(by_go + by_python) == LIMIT
        # Neither side had to wait for the other to be through.
        assert min(by_go).start < max(by_python).start
        assert min(by_python).start < max(by_go).start
        assert await manager.active() == 0


@pytest.mark.parametrize("queue", [True, False])
@within(90)
async def test_go_and_python_share_the_cap(choria: Choria, name: str, queue: bool) -> None:
    await race(choria, name, replicas=1, queue=queue)


@pytest.mark.parametrize("queue", [True, False])
@within(90)
async def test_go_and_python_share_the_cap_of_a_replicated_governor(
    choria_on_cluster: Choria, name: str, queue: bool
) -> None:
    await race(choria_on_cluster, name, replicas=3, queue=queue)
