# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why there is no connection, in one sentence and in time, told by sockets that are no NATS server."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection import CannotConnect, connected
from ansible_collections.jetstream.governor.plugins.module_utils._failures import why_not
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SLACK = 3.0
"""Seconds more, for a busy machine and for closing."""

FIRST = ", and does it begin with TLS (tls_first)?"
QUESTION = "Is it a NATS server, and does it ask for TLS or a login?"


async def why(*servers: str, **options: Any) -> str:
    """Return the sentence, which must come within the bound that the options set."""
    settings = Settings(servers=servers, **options)
    began = time.monotonic()
    with pytest.raises(CannotConnect) as caught:
        async with connected(settings):
            pytest.fail("there is nothing to connect to")
    assert time.monotonic() - began < (settings.connect_timeout + 1) * len(servers) + SLACK
    return str(caught.value)


def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def why_of(handler: Handler, **options: Any) -> str:
    """Return the sentence about a server that does this with every connection; ``HERE`` stands for its address."""

    async def asked() -> str:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            sentence = await why(f"nats://127.0.0.1:{port}", **options)
        finally:
            server.close()
        return sentence.replace(f"127.0.0.1:{port}", "HERE")

    return asyncio.run(asked())


async def http_that_waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def greets_and_leaves(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    writer.close()


async def refuses_the_login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what nats-server says to a login that it does not know."""
    info = {"server_id": "X", "version": "2.10.0", "proto": 1, "headers": True, "auth_required": True, "max_payload": 1}
    writer.write(f"INFO {json.dumps(info)}\r\n".encode())
    await reader.readline()
    writer.write(b"-ERR 'Authorization Violation'\r\n")
    writer.close()


def test_a_port_that_refuses() -> None:
    port = unused_port()
    assert asyncio.run(why(f"nats://127.0.0.1:{port}")) == (
        f"Could not connect to NATS at nats://127.0.0.1:{port}: the connection was refused. "
        "Start nats-server there, or set servers (or NATS_URL) to where it is."
    )


def test_two_servers_that_refuse_are_both_named_without_their_logins() -> None:
    first, second = unused_port(), unused_port()
    sentence = asyncio.run(why(f"nats://u:secret@127.0.0.1:{first}", f"nats://token@127.0.0.1:{second}"))
    assert sentence.startswith(
        f"Could not connect to NATS at nats://***@127.0.0.1:{first}, nats://***@127.0.0.1:{second}: the connection was "
    )


@pytest.mark.parametrize("tls_first", [False, True])
def test_a_port_that_never_answers(tls_first: bool) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        assert asyncio.run(why(f"nats://127.0.0.1:{port}", connect_timeout=0.1, tls_first=tls_first)) == (
            f"Could not connect to NATS at nats://127.0.0.1:{port}: no answer within 0.1 s. "
            "Is it a NATS server, and not behind a firewall" + ("?" if tls_first else FIRST)
        )


def test_two_servers_that_never_answer_take_twice_as_long() -> None:
    with socket.socket() as silent, socket.socket() as quiet:
        for each in (silent, quiet):
            each.bind(("127.0.0.1", 0))
            each.listen()
        urls = [f"nats://127.0.0.1:{each.getsockname()[1]}" for each in (silent, quiet)]
        sentence = asyncio.run(why(*urls, connect_timeout=0.1))
        assert sentence.startswith(f"Could not connect to NATS at {', '.join(urls)}: no answer within 0.1 s. ")


def test_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # A resolver that cannot be reached would take its own time to say so.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert asyncio.run(why("nats://no-such-host.invalid:4222")) == (
        "Could not connect to NATS at nats://no-such-host.invalid:4222: the host name is unknown. "
        "Correct servers (or NATS_URL)."
    )


def test_a_web_server_waits_for_a_request() -> None:
    assert why_of(http_that_waits, connect_timeout=0.1) == (
        "Could not connect to NATS at nats://HERE: no answer within 0.1 s. "
        "Is it a NATS server, and not behind a firewall" + FIRST
    )


def test_a_server_that_speaks_something_else() -> None:
    assert why_of(greets_and_leaves) == (
        "Could not connect to NATS at nats://HERE: nats: empty response from server when expecting INFO message. "
        + QUESTION
    )


def test_tls_with_a_server_that_has_none() -> None:
    assert why_of(http_that_waits, tls_first=True, connect_timeout=0.5) == (
        "Could not connect to NATS at nats://HERE: TLS failed: the server does not begin with TLS. Leave out tls_first."
    )


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"user": "me", "password": "secret"}, "user 'me' or its password"),
        ({"token": "secret"}, "token"),
        ({"user_jwt": "secret"}, "JWT of the user"),
        ({}, "connection without a login (give user and password, token or creds)"),
    ],
)
def test_a_login_that_is_refused_is_named_and_not_shown(options: dict[str, Any], refused: str) -> None:
    assert why_of(refuses_the_login, **options) == (
        f"Could not connect to NATS at nats://HERE: the server refused the {refused}. Correct it, or ask for access."
    )


@pytest.mark.parametrize("options", [{"tls_ca": "ca"}, {"tls_cert": "cert", "tls_key": "key"}])
def test_files_that_are_no_certificates(tmp_path: Path, options: dict[str, str]) -> None:
    for name in options.values():
        (tmp_path / name).write_text("no certificate")
    paths = {option: str(tmp_path / name) for option, name in options.items()}
    sentence = asyncio.run(why(f"nats://127.0.0.1:{unused_port()}", **paths))
    assert sentence.startswith("tls_ca, tls_cert and tls_key must be PEM files of a certificate and its key: [")


def test_a_certificate_that_is_refused_when_the_alert_gets_lost() -> None:
    """In TLS 1.3 the server may cut the connection before its alert arrives."""
    settings = Settings(servers=("tls://h:4222",), tls_ca="ca", tls_cert="cert", tls_key="key")
    assert why_not(settings, [ConnectionResetError(104, "Connection reset by peer")]) == (
        "Could not connect to NATS at tls://h:4222: TLS failed: the server cut the connection. "
        "Check tls_cert and tls_key."
    )
