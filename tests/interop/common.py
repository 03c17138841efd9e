# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of this folder share: a bound, a connection, and the server's own word without either side's code."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec

import nats
import nats.errors
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name

Parameters = ParamSpec("Parameters")

# Above every bound inside the tests, so that theirs, which say more, are met first.
_TEST_BOUND = 90.0


def bounded(test: Callable[Parameters, Awaitable[None]]) -> Callable[Parameters, None]:
    """Make an async test one that pytest can call, and that ends."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        async def within_bound() -> None:
            await asyncio.wait_for(test(*args, **kwargs), _TEST_BOUND)

        asyncio.run(within_bound())

    return run


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    nc = await nats.connect(url, connect_timeout=5)
    try:
        yield nc
    finally:
        await nc.close()


async def stored_config(nc: Client, name: str) -> dict[str, Any]:
    """The governor's stream as the server has it, read past both implementations."""
    config: dict[str, Any] = (await _answer(nc, f"STREAM.INFO.{stream_name(name)}", b""))["config"]
    return config


async def until_replicable(url: str, replicas: int, within: float = 30.0) -> None:
    """Return when the cluster places a stream with so many replicas: its leader does not know all peers at once."""
    probe = json.dumps({"name": "PROBE", "subjects": ["probe"], "num_replicas": replicas, "storage": "memory"}).encode()
    async with connected(url) as nc:
        deadline = asyncio.get_running_loop().time() + within
        while (answer := await _answer(nc, "STREAM.CREATE.PROBE", probe)).get("error"):
            assert asyncio.get_running_loop().time() < deadline, f"no {replicas} replicas in {within:g} s: {answer}"
            await asyncio.sleep(0.05)
        assert (await _answer(nc, "STREAM.DELETE.PROBE", b""))["success"]


async def _answer(nc: Client, verb: str, request: bytes) -> dict[str, Any]:
    """What JetStream's API says; silence comes back as an error too."""
    try:
        answer: dict[str, Any] = json.loads((await nc.request(f"$JS.API.{verb}", request, timeout=5)).data)
    except (nats.errors.NoRespondersError, nats.errors.TimeoutError) as exc:
        return {"error": str(exc) or "no answer"}
    return answer
