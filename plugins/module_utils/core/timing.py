# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clock, sleep and randomness in one argument, so that tests of what waits need not wait."""

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

# Between two tries at a server that does not answer. Elections take seconds; a fourth of one costs nothing.
_RETRY_PAUSE = 0.25


def _clock() -> Callable[[], float]:
    """One that goes on while the machine is suspended, as the servers' clocks do; where there is none, the usual."""
    ticks = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if ticks is None else partial(time.clock_gettime, ticks)


@dataclass(frozen=True)
class Timing:
    clock: Callable[[], float] = field(default_factory=_clock)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def until_verdict(
        self, operation: Callable[[], Awaitable[Answer]], patience: float, deadline: float = 0.0
    ) -> Answer:
        """Repeat ``operation``, which must be safe to repeat, until the server's verdict on it is known.

        Gives up at ``deadline`` (by the clock), but not within ``patience`` seconds of the first request that went
        out without an answer: until then it is unknown what the server did. Raises the last NoVerdict: NotSent only
        if nothing at all was sent.
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
                # That nothing more can be asked is no verdict on what was asked before.
                raise NoVerdict(str(exc), **exc.facts) from exc
            if self.clock() >= deadline:
                raise last
            await self.sleep(_RETRY_PAUSE)


def eager_task(work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """A task that has done what comes before its first wait already, where Python can: it saves a turn of the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
    return asyncio.ensure_future(work)


async def run_to_completion(work: Awaitable[Answer]) -> Answer:
    """Its outcome; also when the caller is cancelled meanwhile, however often: then it ends first.

    Raises CancelledError then, in place of the outcome.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        # Looked at, so that asyncio does not complain that nobody has.
        task.cancelled() or task.exception()
        raise
