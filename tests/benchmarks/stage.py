# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a benchmark: one node, or a cluster of three on which governors have three replicas."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, cluster

_MONITORED = 'http: "127.0.0.1:-1"'


class Stage(NamedTuple):
    name: str
    nodes: list[NatsServer]

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    @property
    def replicas(self) -> int:
        return len(self.nodes)

    def url(self, number: int) -> str:
        """Clients of different numbers are spread over the nodes."""
        return self.urls[number % len(self.nodes)]

    def messages(self, client: str) -> int:
        """How many messages the servers have had from the connected clients of that name: requests of all kinds."""
        told = [connection for node in self.nodes for connection in _connections(node)]
        return sum(connection["in_msgs"] for connection in told if connection.get("name") == client)

    def governor(self, limit: int, queue: bool) -> str:
        """The name of a new one, ready for use."""
        return asyncio.run(self._create(f"b-{uuid.uuid4().hex[:8]}", limit, queue))

    async def leader(self, governor: str) -> str:
        """The address of the node that leads its stream: from there, a request takes no further hop."""
        if self.replicas == 1:
            return self.url(0)
        async with connected(self.url(0)) as nc:
            info = await ask(nc, f"STREAM.INFO.{stream_name(governor)}")
        return next(node.url for node in self.nodes if node.folder.name == info["cluster"]["leader"])

    async def _create(self, name: str, limit: int, queue: bool) -> str:
        async def created() -> bool:
            try:
                await Manager.create(name, nc, limit=limit, max_age=0, replicas=self.replicas, queue=queue)
            except ConfigRefused:
                # The servers of a young cluster have not all met yet.
                return False
            return True

        async with connected(self.url(0)) as nc:
            await until(created, 30, f"{self.replicas} replicas can be had")
        return name


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[Stage]:
    with NatsServer(folder / "single", _MONITORED) as server:
        yield Stage("one node", [server])


@contextlib.contextmanager
def stages(folder: Path) -> Iterator[list[Stage]]:
    """Both at once: what is not used costs next to nothing."""
    with one_node(folder) as single, cluster(folder / "cluster", config=_MONITORED) as nodes:
        yield [single, Stage("three nodes, 3 replicas", nodes)]


def _connections(node: NatsServer) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{node.monitoring}/connz?limit=10000", timeout=10) as answer:  # noqa: S310  # http, here
        found: list[dict[str, Any]] = json.load(answer)["connections"]
    return found
