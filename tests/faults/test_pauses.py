# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A governor with three replicas is paused and resumed in the middle of the work."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from nats.errors import Error

from ansible_collections.jetstream.governor.tests.faults.crowd import create, crowd, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@pytest.mark.older_servers
@within(90)
async def test_the_replicas_agree_after_pauses_under_load(unbroken: list[NatsServer], name: str) -> None:
    """They learn of a pause one after the other, and none but the leader must judge by it what to let in.

    (With max_bytes in place of max_msg_size they came to differ on 2.12, after nine pauses or so.)
    """
    urls = [node.url for node in unbroken]
    async with connected(urls) as nc:
        manager = await create(name, nc)
        async with crowd(name, urls) as people:
            while len(people.history) < 60:
                await manager.pause("deploy@ctl1")
                # Those who entered just before the pause note that they do a moment later.
                await asyncio.sleep(0.05)
                began = time.monotonic()
                await asyncio.sleep(0.1)
                assert not [each for each in people.history if each.start > began]
                await manager.resume()
                await asyncio.sleep(0.1)
            await people.finishes()
        await nobody_is_in(manager)
        told: dict[str, tuple[int, int]] = {}

        async def all_have_led() -> bool:
            with contextlib.suppress(Error, AssertionError, KeyError):
                info = await ask(nc, f"STREAM.INFO.{manager.stream}")
                told[info["cluster"]["leader"]] = info["state"]["messages"], info["state"]["last_seq"]
                await ask(nc, f"STREAM.LEADER.STEPDOWN.{manager.stream}")
            return len(told) == len(unbroken)

        await until(all_have_led, 60, "each of the three has led the stream")
        assert len(set(told.values())) == 1, told
