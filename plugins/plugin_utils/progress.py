# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person is told of a wait that takes long: for what, since when, at which place. Less often as it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError
from ..module_utils.core.jetstream import JetStream
from ..module_utils.core.queue import Queue
from ..module_utils.core.stack import Stack
from ..module_utils.core.waiting import Waiting
from ..module_utils.settings import redact

_FIRST = 10.0
_LONGEST = 300.0


def pauses() -> Iterator[float]:
    """Seconds before the first line, and then between each and the next: without an end."""
    yield _FIRST
    pause = _FIRST
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)


class Progress:
    """Of one who wants to enter this governor, made when that begins. Nothing is told before it has to wait."""

    def __init__(self, governor: str, holder: str, js: JetStream, tell: Callable[[str], None]) -> None:
        self._who = f"{holder} waits for {governor}"
        self._stack = Stack(governor, js)
        self._queue = Queue(governor, js)
        self._timing = js.timing
        self._tell = tell
        self._began = self._timing.clock()
        self._telling: asyncio.Future[None] | None = None

    def begin(self, waiting: Waiting) -> None:
        """For ``Governor``'s ``on_refused``: tell, from the first refusal on."""
        if self._telling is None:
            waiting.counts = True
            self._telling = asyncio.ensure_future(self._tell_of(waiting))

    def end(self) -> None:
        if self._telling is not None:
            self._telling.cancel()

    async def _tell_of(self, waiting: Waiting) -> None:
        for pause in pauses():
            await self._timing.sleep(pause)
            self._tell(await self._told(waiting))

    async def _told(self, waiting: Waiting) -> str:
        try:
            return await self._situation() + await self._in_queue(waiting)
        except GovernorError as exc:
            return f"{self._who}: {self._waited}. {redact(str(exc))}"

    async def _situation(self) -> str:
        state, oldest = await self._stack.state(), await self._stack.entries(most=1)
        line = f"{self._who}: {state.active} of {state.config.limit} slots held, {self._waited}"
        return ", oldest ".join([line, *(f"{each.shown} {format_duration(each.age(state.now))}" for each in oldest)])

    async def _in_queue(self, waiting: Waiting) -> str:
        """How many wait, and which of them this one is about, as far as both are known."""
        queue = await self._queue.state() if waiting.by == "queue" else None
        if queue is None or not queue.waiting:
            return ""
        return f", about place {waiting.position_in(queue) or queue.waiting} of {queue.waiting} in the queue"

    @property
    def _waited(self) -> str:
        return format_duration(self._timing.clock() - self._began)
