# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of governors: all, or those of a collective as Choria lists them; in as few requests as pages allow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.listing import list_governors, load_governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

# nats-server's page of STREAM.LIST holds 256.
MANY = 300


class Counting(JetStream):
    """Notes the requests that are made."""

    @classmethod
    def of(cls, nc: Any) -> Counting:
        made = cls(nc)
        object.__setattr__(made, "verbs", [])
        return made

    async def call(self, verb: str, request: dict[str, Any] | None = None, *, what: str) -> dict[str, Any]:
        verbs: list[str] = self.__dict__["verbs"]
        verbs.append(verb)
        return await super().call(verb, request, what=what)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with 300 governors on their default subject, three of two collectives, and three other streams."""

    async def fill(url: str) -> None:
        async with connected(url) as nc:
            for number in range(MANY):
                await Manager.create(f"many{number:03}", nc, limit=1, max_age=0, queue=False)
            await Manager.create("zebra", nc, limit=2, max_age=0, subject="mcollective.governor.zebra", queue=False)
            await Manager.create("ant", nc, limit=3, max_age=60, subject="mcollective.governor.ant")
            await Manager.create("other", nc, limit=3, max_age=60, subject="production.governor.other")
            # On a collective's subject, if not under its own name: Choria lists by the subject, too.
            await Manager.create("astray", nc, limit=3, max_age=60, subject="mcollective.governor.elsewhere")
            await ask(nc, "STREAM.CREATE.ORDERS", {"name": "ORDERS", "subjects": ["orders.>"]})
            await ask(nc, "STREAM.CREATE.GOVERNOR_", {"name": "GOVERNOR_", "subjects": ["nameless"]})
            memory = {"name": "GOVERNOR_fake", "subjects": ["fake"], "storage": "memory"}
            await ask(nc, "STREAM.CREATE.GOVERNOR_fake", memory)

    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        asyncio.run(asyncio.wait_for(fill(running.url), 60))
        yield running


@within(20)
async def test_all_whatever_their_subject(crowd: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(crowd.url) as nc:
        js = Counting.of(nc)
        with caplog.at_level(logging.WARNING, "jetstream.governor"):
            names = await list_governors(js)
        assert names == ["ant", "astray", *(f"many{number:03}" for number in range(MANY)), "other", "zebra"]
        assert js.__dict__["verbs"] == ["STREAM.LIST"] * 2
        (warning,) = caplog.messages
        assert warning.startswith("Stream GOVERNOR_fake exists but is not a governor: its storage is 'memory'")


@within(20)
async def test_those_of_a_collective(crowd: NatsServer) -> None:
    async with connected(crowd.url) as nc:
        js = Counting.of(nc)
        assert await list_governors(js, "mcollective") == ["ant", "astray", "zebra"]
        assert js.__dict__["verbs"] == ["STREAM.LIST"]
        assert await list_governors(nc, "production") == ["other"]
        assert await list_governors(nc, "nobodys") == []


@within(20)
async def test_they_are_loaded_with_their_state(crowd: NatsServer) -> None:
    async with connected(crowd.url) as nc:
        ant, _astray, zebra = await load_governors(nc, "mcollective")
        assert ant.config == (await Manager.load("ant", nc)).config
        assert (ant.limit, ant.max_age, zebra.limit, zebra.max_age) == (3, 60.0, 2, 0.0)
        assert ant.state.active == 0


@within(20)
async def test_whether_they_have_a_queue(crowd: NatsServer) -> None:
    async with connected(crowd.url) as nc:
        js = Counting.of(nc)
        ant, _astray, zebra = await load_governors(js, "mcollective", look_closely=True)
        assert (ant.config.queue, zebra.config.queue) == ("ready", "absent")
        assert js.__dict__["verbs"] == ["STREAM.LIST", "STREAM.NAMES"]


@within(20)
async def test_no_governors_at_all(server: NatsServer) -> None:
    async with connected(server.url) as nc:
        assert await list_governors(nc, "nobodys") == []
