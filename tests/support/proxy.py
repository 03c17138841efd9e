# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP proxy before a nats-server that loses answers, holds them back, or cuts or silences connections, when a test
asks for it; or that is far away.

Of the protocol it knows just enough to tell one message from the next, so that what it loses is a whole message.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from random import Random
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")

_LONGEST_LINE = 1 << 20


class Catch:
    """The next ``times`` messages to a client that contain ``text``. They are lost, unless they are delivered later.

    ``instead``: what the client is told in place of each.
    """

    def __init__(self, text: bytes, times: float, instead: bytes | None) -> None:
        self.count = 0
        self._instead = instead
        self._text = text
        self._times = times
        self._held: list[tuple[asyncio.StreamWriter, bytes]] = []
        self._change = asyncio.Event()

    def takes(self, message: bytes, client: asyncio.StreamWriter) -> bool:
        if self.count >= self._times or self._text not in message:
            return False
        self.count += 1
        self._held.append((client, message))
        self._change.set()
        if self._instead is not None:
            client.write(_with_body(message, self._instead))
        return True

    async def reaches(self, count: int) -> None:
        """Wait until so many messages were caught."""
        while self.count < count:
            self._change.clear()
            await self._change.wait()

    def stop(self) -> None:
        """Catch no more; what was caught is lost."""
        self._times = 0

    def deliver(self) -> None:
        """Catch no more, and hand over what was caught."""
        self.stop()
        held, self._held = self._held, []
        for client, message in held:
            if not client.is_closing():
                client.write(message)


class Proxy:
    """Listens on a port of 127.0.0.1 that the system gave, while it is used as an asynchronous context manager.

    ``delay``: how many seconds later all that is sent arrives, in either direction.
    """

    def __init__(self, server_port: int, delay: float = 0.0) -> None:
        self._server_port = server_port
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._clients: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._catches: list[Catch] = []
        self._silent: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_LINE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def catch(self, text: bytes = b"", times: float = math.inf, instead: bytes | None = None) -> Catch:
        """From now on catch messages from the server to clients that contain ``text``."""
        catch = Catch(text, times, instead)
        self._catches.append(catch)
        return catch

    def cut(self) -> None:
        """Cut every connection; clients may connect again."""
        for client in self._clients:
            client.transport.abort()

    def cut_one(self, random: Random) -> bool:
        """Cut one connection of those that there are; False when there is none."""
        if self._clients:
            random.choice(self._clients).transport.abort()
        return bool(self._clients)

    def silence_one(self, random: Random) -> Callable[[], None] | None:
        """Let nothing pass on one connection, in either direction, until what this returns is called: then it all
        arrives. None when there is no connection.
        """
        if not self._clients:
            return None
        client = random.choice(self._clients)
        heard = self._silent.setdefault(client, asyncio.Event())

        def heal() -> None:
            heard.set()
            self._silent.pop(client, None)

        return heal

    async def _heard(self, client: asyncio.StreamWriter) -> None:
        while client in self._silent:
            await self._silent[client].wait()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._pump(reader, client)
        finally:
            self._serving.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._server_port, limit=_LONGEST_LINE)
        except OSError:
            client.close()
            return
        self._clients.append(client)
        pumps = [
            asyncio.ensure_future(self._to_server(reader, server, client)),
            asyncio.ensure_future(self._to_client(answers, client)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._clients.remove(client)
            client.close()
            server.close()

    async def _to_server(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            async for data in _later(_chunks(reader), self._delay):
                await self._heard(client)
                server.write(data)
                await server.drain()

    async def _to_client(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            async for message, frame in _later(_frames(answers), self._delay):
                await self._heard(client)
                if not (message and any(catch.takes(frame, client) for catch in self._catches)):
                    client.write(frame)
                    await client.drain()


def _with_body(message: bytes, body: bytes) -> bytes:
    """The message, which has no headers, with another body."""
    subject_and_reply = message.partition(b"\r\n")[0].split()[:-1]
    assert subject_and_reply[0] == b"MSG"
    return b" ".join([*subject_and_reply, str(len(body)).encode()]) + b"\r\n" + body + b"\r\n"


async def _later(source: AsyncIterator[Item], seconds: float) -> AsyncIterator[Item]:
    """What the source yields, each so many seconds after it came, in order."""
    clock = asyncio.get_running_loop().time
    on_the_way: asyncio.Queue[tuple[float, Item] | None] = asyncio.Queue()

    async def send_off() -> None:
        try:
            async for item in source:
                on_the_way.put_nowait((clock() + seconds, item))
        finally:
            on_the_way.put_nowait(None)

    sending = asyncio.ensure_future(send_off())
    try:
        while (sent := await on_the_way.get()) is not None:
            arrives, item = sent
            await asyncio.sleep(arrives - clock())
            yield item
        await sending
    finally:
        sending.cancel()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(1 << 16):
        yield data


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bool, bytes]]:
    """Each protocol frame, and whether it is a message (and not INFO, PING, PONG, +OK or -ERR)."""
    while line := await reader.readline():
        message = line.startswith((b"MSG ", b"HMSG "))
        if message:
            line += await reader.readexactly(int(line.split()[-1]) + 2)
        yield message, line
