# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says about a governor's slots, moment for moment, while a test goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.names import queue_stream_name, stream_name
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import CONSUMER
from ansible_collections.jetstream.governor.tests.support.client import ask, connected
from ansible_collections.jetstream.governor.tests.support.history import Interval

_EVERY = 0.01


class Look(NamedTuple):
    """``held`` slots, and ``entered`` ever, at some moment between ``asked`` and ``answered``."""

    asked: float
    answered: float
    held: int
    entered: int


class Watch:
    def __init__(self, name: str, nc: Client) -> None:
        self.looks: list[Look] = []
        self._name = name
        self._nc = nc

    async def look(self) -> None:
        asked = time.monotonic()
        with contextlib.suppress(Error):
            info = await ask(self._nc, f"STREAM.INFO.{stream_name(self._name)}")
            state, first = info["state"], info["config"].get("first_seq") or 1
            self.looks.append(Look(asked, time.monotonic(), state["messages"], state["last_seq"] - first + 1))

    async def go_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_EVERY)

    async def waiting(self) -> int:
        """How many are in the governor's queue now."""
        info = await ask(self._nc, f"CONSUMER.INFO.{queue_stream_name(self._name)}.{CONSUMER}")
        return int(info["num_waiting"])

    @property
    def held(self) -> int:
        return self.looks[-1].held if self.looks else 0

    def emptied(self) -> float:
        """When the governor was last seen to become empty."""
        moment = self.looks[-1].answered
        for look in reversed(self.looks):
            if look.held:
                break
            moment = look.answered
        return moment

    def uncovered(self, work: list[Interval]) -> list[Look]:
        """The looks at which more were at work than held slots: there must be none."""
        return [
            look
            for look in self.looks
            if sum(start <= look.asked and look.answered < end for start, end in work) > look.held
        ]


@asynccontextmanager
async def watched(name: str, url: str) -> AsyncIterator[Watch]:
    async with connected(url, reconnect_time_wait=0.05) as nc:
        watch = Watch(name, nc)
        watching = asyncio.ensure_future(watch.go_on())
        try:
            yield watch
        finally:
            watching.cancel()
