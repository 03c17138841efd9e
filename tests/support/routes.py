# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster whose nodes reach each other through gates in the test process, which close when a test asks for it.

A closed gate is a black hole: nothing passes it, in either direction, and connections stay open, as when a cable is
cut. What was sent meanwhile arrives when it is healed, as with TCP. Clients reach every node all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from ansible_collections.jetstream.governor.tests.support.server import NatsServer, RoutePort, cluster, free_ports

_SIZE = 3

# Nodes tell each other their names when they connect.
_NAME = re.compile(rb'"server_name":"n(\d+)"')


class Gate:
    """Before one node's port for routes, while it is used as an asynchronous context manager."""

    def __init__(self, node: int, port: int, routes: Routes) -> None:
        self.node = node
        self.port = port
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Gate:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for each in self._passing:
            each.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def reached_by(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            await self._connect(reader, writer)
        finally:
            self._passing.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_node, to_node = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        ends = {self.node}
        ways = [
            asyncio.ensure_future(self._pass(reader, to_node, ends, asked=True)),
            asyncio.ensure_future(self._pass(from_node, writer, ends)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_node.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[int], asked: bool = False
    ) -> None:
        """``ends`` are the nodes at the connection's ends; who ``asked`` for the connection tells its name at first."""
        greeting = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if asked:
                    greeting += data
                    # The first name is its own, others are of nodes that it tells of.
                    if found := _NAME.search(greeting):
                        ends.add(int(found[1]))
                        asked = False
                await self._routes.open_for(ends)
                writer.write(data)
                await writer.drain()


class Routes:
    """Which nodes are cut off from the others."""

    def __init__(self) -> None:
        self._isolated: set[int] = set()
        self._healed = asyncio.Event()

    def isolate(self, *nodes: int) -> None:
        """Cut each of these nodes, by its number, off from all others."""
        self._isolated.update(nodes)

    def heal(self) -> None:
        """Let them all meet again."""
        self._isolated.clear()
        self._healed.set()
        self._healed.clear()

    async def open_for(self, ends: set[int]) -> None:
        """Wait until nobody at these ends of a connection is isolated."""
        while ends & self._isolated:
            await self._healed.wait()


@asynccontextmanager
async def cluster_with_gates(folder: Path, config: str = "") -> AsyncIterator[tuple[list[NatsServer], Routes]]:
    """Three servers as of ``cluster``, node 0 first, and the routes between them.

    The gates are of this event loop: what blocks it for long cuts all routes.
    """
    routes = Routes()
    async with AsyncExitStack() as stack:
        gates = [
            await stack.enter_async_context(Gate(node, port, routes)) for node, port in enumerate(free_ports(_SIZE))
        ]
        ports = [RoutePort(gate.port, gate.reached_by) for gate in gates]
        running = cluster(folder, _SIZE, config, route_ports=ports)
        nodes = await asyncio.to_thread(running.__enter__)
        try:
            yield nodes, routes
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)
