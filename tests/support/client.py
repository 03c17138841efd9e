# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What asynchronous tests share: a bound, a condition to wait for, a connection, and raw JetStream requests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec

import nats
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name

Json = dict[str, Any]
Parameters = ParamSpec("Parameters")
AsyncTest = Callable[Parameters, Awaitable[None]]


def within(seconds: float) -> Callable[[AsyncTest[Parameters]], Callable[Parameters, None]]:
    """Make an async test one that pytest can call, and that ends: it fails after so many seconds."""

    def decorate(test: AsyncTest[Parameters]) -> Callable[Parameters, None]:
        @functools.wraps(test)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            async def in_time() -> None:
                await asyncio.wait_for(test(*args, **kwargs), seconds)

            asyncio.run(in_time())

        return run

    return decorate


async def until(condition: Callable[[], Awaitable[bool] | bool], seconds: float, what: str) -> None:
    """Wait for a condition; AssertionError naming ``what`` when it does not come true in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert loop.time() < deadline, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def connected(url: str | list[str], **options: Any) -> AsyncIterator[Client]:
    """A connection that comes back as soon as it can, for as long as the test lasts."""
    settings = {"connect_timeout": 5, "reconnect_time_wait": 0.1, "max_reconnect_attempts": -1, "error_cb": _quiet}
    nc = await nats.connect(url, **{**settings, **options})
    try:
        yield nc
    finally:
        # nats-py sends what is left to be sent before it closes, and tells here that the server has gone meanwhile. It
        # does so by a TypeError where asyncio has closed the transport already.
        with contextlib.suppress(ConnectionError, TypeError):
            await nc.close()


async def ask(nc: Client, verb: str, request: Json | None = None) -> Json:
    """One JetStream API request past the code under test; AssertionError when the server refuses it."""
    payload = json.dumps(request).encode() if request is not None else b""
    answer: Json = json.loads((await nc.request(f"$JS.API.{verb}", payload, timeout=5)).data)
    assert "error" not in answer, answer["error"]
    return answer


async def choria_creates(nc: Client, name: str) -> None:
    """A governor of one slot as Choria makes it, whose sequences count from 1."""
    config = {
        "name": stream_name(name),
        "description": f"Concurrency Governor {name}",
        "subjects": [f"$GOVERNOR.campaign.{name}"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs": 1,
    }
    await ask(nc, f"STREAM.CREATE.{stream_name(name)}", config)


async def stored_config(nc: Client, name: str) -> Json:
    """The governor's stream as the server has it."""
    config: Json = (await ask(nc, f"STREAM.INFO.{stream_name(name)}"))["config"]
    return config


async def _quiet(_error: Exception) -> None:
    """Cut connections and refused permissions are what these tests are about: nats-py need not print them."""
