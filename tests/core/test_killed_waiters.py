# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiters die in the queue. The slot goes on, in order, and is never idle for longer than a second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.queue import Watched, wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

ROUNDS, DOOMED_EVERY = 100, 10
WAITER = "ansible_collections.jetstream.governor.tests.support.waiter"
LONGEST_IDLE = 1.0


@contextlib.asynccontextmanager
async def doomed(url: str, name: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", WAITER, url, name, "doomed", stdin=DEVNULL, stdout=PIPE, env=dict(os.environ)
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@within(120)
async def test_no_slot_is_idle_while_somebody_waits(server: NatsServer, name: str) -> None:
    """A hundred rounds; before each tenth, the next in queue is killed, or stands still so that its wake-up is lost."""
    async with connected(server.url) as nc, contextlib.AsyncExitStack() as stack:
        await Manager.create(name, nc, limit=1, max_age=0)
        first = await Governor(name, nc).start("first", timeout=0)
        processes: list[Process] = []
        history: list[tuple[int, Interval]] = []
        watched = Watched(name, nc, interval=3600)

        async def one(number: int) -> None:
            slot = await watched.start(f"{number}")
            start = time.monotonic()
            if number % DOOMED_EVERY == DOOMED_EVERY - 1:
                turn = number // DOOMED_EVERY
                processes[turn].send_signal(signal.SIGKILL if turn % 2 else signal.SIGSTOP)
            await asyncio.sleep(0.002)
            history.append((number, Interval(start, time.monotonic())))
            assert await slot.finish() is True

        working, waiting = [], 0
        for number in range(ROUNDS + 1):
            working.append(asyncio.ensure_future(one(number)))
            waiting += 1
            await wait_for_queue(nc, name, waiting)
            if number % DOOMED_EVERY == DOOMED_EVERY - 1:
                processes.append(await stack.enter_async_context(doomed(server.url, name)))
                waiting += 1
                await wait_for_queue(nc, name, waiting, 30)
        # Who looks just when one of them was called in vain calls a second one, and two may enter in either order; or
        # one is called in vain, and goes to the end of the queue before nats-server 2.12.
        await until(
            lambda: len(watched.waits) > ROUNDS and watched.all_know_their_position, 20, "each has had its first look"
        )
        for process in processes:
            assert process.stdout
            assert await asyncio.wait_for(process.stdout.readline(), 20) == b"looked\n"
        await first.finish()
        await asyncio.gather(*working)

        assert [number for number, _interval in history] == list(range(ROUNDS + 1))
        intervals = [interval for _number, interval in history]
        assert most_at_once(intervals) == 1
        idle = [later.start - earlier.end for earlier, later in zip(intervals, intervals[1:])]
        assert max(idle) <= LONGEST_IDLE, f"idle for {max(idle):.3f} s"
