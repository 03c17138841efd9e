# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A worker in a process of its own, to be stopped and killed: ``python -m ...worker '{"name": ...}'``.

It tells what it writes down, a line of JSON for each time, and ends after its turn when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from random import Random
from typing import Any

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.tests.soak.history import Turn
from ansible_collections.jetstream.governor.tests.soak.reaped import tell_reaped
from ansible_collections.jetstream.governor.tests.soak.turns import Visit, clock
from ansible_collections.jetstream.governor.tests.support.client import connected

_PATIENCE = (10.0, 40.0, None)
_PAUSE = 0.5
_AWAY = 10.0
"""Seconds until what was in doubt at the end is left to the servers."""
_ENDS_WITHIN = 180.0
"""Seconds after which nobody waits for the end of its turn any more, if the servers are gone for ever."""


async def main() -> None:
    told: dict[str, Any] = json.loads(sys.argv[1])
    random = Random(f"{told['name']} of {told['seed']}")
    tell_reaped(lambda seq: _tell({"reaped": seq, "at": clock()}))
    closing = asyncio.Event()
    _set_at_the_end_of_input(closing)
    async with AsyncExitStack() as stack:
        urls = told["urls"]
        connections = [
            await stack.enter_async_context(connected(urls[shift:] + urls[:shift], dont_randomize=True))
            for shift in sorted({0, len(urls) - 1})
        ]
        governor = Governor(told["governor"], connections[0])
        count = 0
        while not closing.is_set():
            count += 1
            turn = Turn(f"{told['name']} turn {count}", clock(), random.choice(_PATIENCE))
            await _take_turn(governor, turn, connections, random, told["hold"])
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(closing.wait(), random.uniform(0, _PAUSE))
        await governor.js.wait_for_background(_AWAY)


async def _take_turn(governor: Governor, turn: Turn, connections: list[Any], random: Random, hold: float) -> None:
    def write() -> None:
        _tell({"turn": asdict(turn)})

    write()
    await Visit(turn, connections, random, write).take(governor, random.uniform(0.1, 1.0) * hold)


def _set_at_the_end_of_input(event: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(event.set)
        time.sleep(_ENDS_WITHIN)
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
