# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repeat requests until they are answered, and run work to its end. Clock, sleep and randomness can be replaced."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, TypeVar

from .errors import ConnectionClosed, NotSent, NoVerdict

Answer = TypeVar("Answer")

# Seconds between two tries at a server that does not answer. Elections take seconds, so a quarter of one costs little.
_RETRY_PAUSE = 0.25


def _clock() -> Callable[[], float]:
    """Return a clock that goes on while the machine is suspended, as the servers' clocks do, if the system has one."""
    ticks = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if ticks is None else partial(time.clock_gettime, ticks)


@dataclass(frozen=True)
class Timing:
    """The clock (in seconds, from any start), ``asyncio.sleep``, and random numbers from 0 to 1. Tests replace them."""

    clock: Callable[[], float] = field(default_factory=_clock)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def until_verdict(
        self, operation: Callable[[], Awaitable[Answer]], patience: float, deadline: float = 0.0
    ) -> Answer:
        """Repeat ``operation`` until it returns, or raises anything but NoVerdict. It must be safe to repeat.

        It is repeated until ``deadline``, which is a time of ``clock``, and for at least ``patience`` seconds after the
        first request that got no answer, because nobody knows what the server has done with it. Then the last NoVerdict
        is raised. Raises NotSent only when none of the requests took effect, and ConnectionClosed only when no request
        was in doubt by then.
        """
        in_doubt = False
        while True:
            try:
                return await operation()
            except NotSent as exc:
                last: NoVerdict = NoVerdict(str(exc), **exc.facts) if in_doubt else exc
            except NoVerdict as exc:
                if not in_doubt:
                    in_doubt, deadline = True, max(deadline, self.clock() + patience)
                last = exc
            except ConnectionClosed as exc:
                if not in_doubt:
                    raise
                # An earlier request may have taken effect, and nobody can be asked any more.
                raise NoVerdict(str(exc), **exc.facts) from exc
            if self.clock() >= deadline:
                raise last
            await self.sleep(_RETRY_PAUSE)


def eager_task(work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """Return a task that has run up to its first wait already, which saves a turn of the loop.

    Before Python 3.12, the task starts at the next turn, as other tasks do.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
    return asyncio.ensure_future(work)


async def outcome(work: Awaitable[Answer], seconds: float | None = None) -> Answer:
    """Await ``work`` for so many seconds at most, and return its result. Where the caller is cancelled, so is the work.

    Before Python 3.12 ``asyncio.wait_for``, by which nats-py waits too, forgets a cancellation that comes in the moment
    of the result: whoever was cancelled would wait on. Raises asyncio.TimeoutError, and what ``work`` raises.
    """
    task = asyncio.ensure_future(work)
    if seconds is None and sys.version_info >= (3, 12):
        # The short way, since each request takes it.
        return await task
    try:
        done = (await asyncio.wait([task], timeout=seconds))[0]
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise asyncio.TimeoutError
    return task.result()


def _abandon(task: asyncio.Future[Any]) -> None:
    task.cancel()
    # Retrieve the exception, so that asyncio does not warn that nobody has.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


async def run_to_completion(work: Awaitable[Answer]) -> Answer:
    """Await ``work`` to its end, also when the caller is cancelled meanwhile, and return its result.

    Raises what ``work`` raises. Raises CancelledError, and drops the outcome, when the caller was cancelled; however
    often that happens, ``work`` ends first.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        # Retrieve the exception, so that asyncio does not warn that nobody has.
        task.cancelled() or task.exception()
        raise
