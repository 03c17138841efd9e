# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers and accounts without JetStream, and domains that nobody serves: one clear sentence, at once."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import JetStreamUnavailable
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.listing import list_governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

ACCOUNTS = """
accounts {
  WITH: { jetstream: enabled, users: [ { user: with, password: x } ] }
  WITHOUT: { users: [ { user: without, password: x } ] }
}
"""


async def unavailable(doing: Awaitable[object]) -> str:
    began = time.monotonic()
    with pytest.raises(JetStreamUnavailable) as caught:
        await doing
    assert time.monotonic() - began < 2
    return str(caught.value)


@within(20)
async def test_a_server_without_jetstream(tmp_path: Path, name: str) -> None:
    with NatsServer(tmp_path, jetstream=False) as plain:
        async with connected(plain.url) as nc:
            said = (
                f"no JetStream answers at 127.0.0.1:{plain.port}. Start nats-server with JetStream enabled (-js), or "
                "correct the domain."
            )
            assert await unavailable(Manager.load(name, nc)) == f"Could not read governor '{name}': {said}"
            assert await unavailable(Governor(name, nc).start("web01")) == f"Could not read governor '{name}': {said}"
            assert await unavailable(list_governors(nc)) == f"Could not list the governors: {said}"
            created = Manager.create(name, nc, limit=1, max_age=60)
            assert await unavailable(created) == f"Could not create governor '{name}': {said}"
            with_subject = Governor(name, nc, subject="c.governor.x").start("web01", timeout=5)
            assert await unavailable(with_subject) == f"Could not read governor '{name}': {said}"


@within(20)
async def test_an_account_without_jetstream(tmp_path: Path, name: str) -> None:
    with NatsServer(tmp_path, config=ACCOUNTS) as server:
        async with connected(server.url.replace("//", "//with:x@")) as nc:
            await Manager.create(name, nc, limit=1, max_age=60)
        async with connected(server.url.replace("//", "//without:x@")) as nc:
            sentence = await unavailable(Manager.load(name, nc))
            assert sentence.startswith(f"Could not read governor '{name}': ")
            assert "x@" not in sentence


@within(20)
async def test_a_domain_that_nobody_serves(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        assert await unavailable(Manager.load(name, JetStream(nc, domain="nowhere"))) == (
            f"Could not read governor '{name}': no JetStream answers at 127.0.0.1:{server.port} in domain 'nowhere'. "
            "Start nats-server with JetStream enabled (-js), or correct the domain."
        )


@within(20)
async def test_a_prefix_that_nobody_serves(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        assert await unavailable(Manager.load(name, JetStream(nc, api_prefix="platform.API"))) == (
            f"Could not read governor '{name}': no JetStream answers at 127.0.0.1:{server.port} below 'platform.API'. "
            "Start nats-server with JetStream enabled (-js), or correct the prefix."
        )


@within(20)
async def test_the_domain_of_the_server(tmp_path: Path, name: str) -> None:
    config = f'jetstream {{ store_dir: "{tmp_path / "hub"}", domain: hub }}'
    with NatsServer(tmp_path, config, jetstream=False) as server:
        async with connected(server.url) as nc:
            js = JetStream(nc, domain="hub")
            manager = await Manager.create(name, js, limit=1, max_age=60)
            async with await Governor(name, js).start("web01", timeout=0):
                assert await manager.active() == 1
            assert await list_governors(js) == [name]
