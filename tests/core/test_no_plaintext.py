# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login is never sent in clear where TLS was asked for: an eavesdropper before the server hears nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection import CannotConnect, connected
from ansible_collections.jetstream.governor.plugins.module_utils._settings import resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError
from ansible_collections.jetstream.governor.tests.support.client import until, within
from ansible_collections.jetstream.governor.tests.support.gates import PASSWORD, TOKEN, Gates, gates, who_am_i

SENTENCE = "the server has no TLS, but TLS is asked for (by tls:// or a tls_* option), so no login was sent. "


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gates]:
    with gates(tmp_path_factory.mktemp("gates")) as opened:
        yield opened


class Eavesdropper:
    """Stands between a client and the server on ``port``, which may change, and hears what clients send."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard = b""
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answers, server = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers += [writer, server]
        pumps = [self._pump(reader, server, True), self._pump(answers, writer, False)]
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(*pumps)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listen: bool) -> None:
        while chunk := await reader.read(1 << 16):
            self.heard += chunk if listen else b""
            writer.write(chunk)
            await writer.drain()
        writer.close()


LOGINS: dict[str, dict[str, Any]] = {
    "password": {"user": "ada", "password": PASSWORD},
    "token": {"token": TOKEN},
    "URL": {},
}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("asked_by", ["tls://", "tls_ca", "tls_cert", "tls_server_name"])
@within(20)
async def test_a_server_without_tls_gets_no_login(at: Gates, asked_by: str, login: str) -> None:
    tls = {
        "tls_ca": {"tls_ca": at.ca},
        "tls_cert": {"tls_cert": at.certificate, "tls_key": at.key},
        "tls_server_name": {"tls_server_name": "localhost"},
    }.get(asked_by, {})
    spy = Eavesdropper(at.server("user").port)
    async with spy.listening() as address:
        in_url = f"ada:{PASSWORD}@" if login == "URL" else ""
        url = f"{asked_by if asked_by == 'tls://' else 'nats://'}{in_url}{address}"
        with pytest.raises(CannotConnect) as caught:
            await who_am_i({"servers": url, **tls, **LOGINS[login]}, {})
    assert SENTENCE in str(caught.value)
    assert spy.connections > 0
    assert spy.heard == b""


@within(20)
async def test_tls_that_is_merely_offered_is_taken(at: Gates) -> None:
    """As the NATS CLI does, where the server allows both."""
    spy = Eavesdropper(at.server("tls allowed").port)
    async with spy.listening() as address:
        given = {"servers": f"tls://{address}", "tls_ca": at.ca, "user": "ada", "password": PASSWORD}
        assert await who_am_i(given, {}) == "ada"
    assert spy.heard
    assert b"CONNECT" not in spy.heard


@within(20)
async def test_who_asks_for_no_tls_gets_none_where_both_are_allowed(at: Gates) -> None:
    given = {"servers": at.url("tls allowed"), "user": "ada", "password": PASSWORD}
    assert await who_am_i(given, {}) == "ada"


@within(30)
async def test_nor_does_a_server_that_has_lost_its_tls_when_the_connection_comes_back(at: Gates) -> None:
    spy = Eavesdropper(at.server("tls").port)
    given = {"user": "ada", "password": PASSWORD, "tls_ca": at.ca, "request_timeout": "500ms"}
    async with spy.listening() as address, connected(resolve({"servers": f"tls://{address}", **given}, {})) as js:
        spy.port, first = at.server("user").port, spy.connections
        spy.cut()
        await until(lambda: spy.connections > first + 1, 10, "it tries again, and once more")
        with pytest.raises(GovernorError):
            await js.call("INFO", what="Could not ask")
        assert b"CONNECT" not in spy.heard
        assert PASSWORD.encode() not in spy.heard
        spy.port = at.server("tls").port
        await until(lambda: js.nc.is_connected, 10, "the server has its TLS again")


@within(20)
async def test_a_greeting_whose_tls_was_taken_out_on_the_way(at: Gates) -> None:
    """Somebody in between may change what the server says, since that is not encrypted."""
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        info = {"server_id": "X", "version": "2.15.0", "proto": 1, "headers": True, "auth_required": True}
        writer.write(f"INFO {json.dumps({**info, 'max_payload': 1, 'tls_required': False})}\r\n".encode())
        heard += await reader.read(1 << 16)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(CannotConnect, match="the server has no TLS"):
        await who_am_i({"servers": f"tls://127.0.0.1:{port}", "token": TOKEN, "tls_ca": at.ca}, {})
    listener.close()
    assert heard == b""


@within(20)
async def test_the_other_server_is_taken_that_has_tls(at: Gates) -> None:
    servers = [at.url("user", "tls"), at.url("tls", "tls")]
    assert await who_am_i({"servers": servers, "tls_ca": at.ca, "user": "ada", "password": PASSWORD}, {}) == "ada"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_no_websocket_without_tls(at: Gates, scheme: str) -> None:
    """With wss:// there is no way to be without it."""
    pytest.importorskip("aiohttp")

    @within(20)
    async def refused() -> None:
        spy = Eavesdropper(int(at.server("ws").websocket.rpartition(":")[2]))
        async with spy.listening() as address:
            given = {"servers": f"{scheme}://{address}", "tls_ca": at.ca, "user": "ada", "password": PASSWORD}
            with pytest.raises(GovernorError, match="TLS"):
                await who_am_i(given, {})
        assert PASSWORD.encode() not in spy.heard

    refused()
