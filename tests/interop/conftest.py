# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers and one build of Choria's library for all tests here."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.errors import Error

from ansible_collections.jetstream.governor.tests.interop.program import Choria, GoError, build
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, cluster


@pytest.fixture(scope="session")
def work() -> Path:
    """Where the build and its caches stay from one run to the next."""
    return Path(__file__).resolve().parents[2] / ".work"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(scope="session")
def program(work: Path) -> Path:
    try:
        return build(work)
    except GoError as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.fixture
def choria(server: NatsServer, program: Path) -> Choria:
    return Choria(program, server.url)


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NatsServer]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        asyncio.run(until_replicable(nodes[0].url, len(nodes)))
        yield nodes


async def until_replicable(url: str, replicas: int) -> None:
    """Wait until the cluster places a stream with so many replicas: its leader does not know all peers at once."""
    probe = {"name": "PROBE", "subjects": ["probe"], "num_replicas": replicas, "storage": "memory"}
    async with connected(url) as nc:

        async def placed() -> bool:
            try:
                await ask(nc, "STREAM.CREATE.PROBE", probe)
            except (AssertionError, Error):
                return False
            return True

        await until(placed, 30, f"{replicas} replicas can be had")
        await ask(nc, "STREAM.DELETE.PROBE")


@pytest.fixture
def choria_on_cluster(three_nodes: list[NatsServer], program: Path) -> Choria:
    return Choria(program, three_nodes[0].url)


@pytest.fixture
def name() -> str:
    """A governor's name that no other test uses."""
    return f"interop-{uuid.uuid4().hex[:8]}"
