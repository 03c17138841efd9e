# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect to NATS as the settings say, or tell in one sentence why that was not possible."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ._failures import why_not
from ._greeting import Unfit, check_greetings
from ._logins import credentials, jwt_and_seed
from ._nodes import recall_nodes, remember_nodes
from ._settings import Settings
from .core.errors import NotSent
from .core.jetstream import JetStream
from .core.timing import outcome

if TYPE_CHECKING:
    from nats.aio.client import Client

# Seconds to wait, before the connection is closed, for entries that are still being withdrawn in the background.
_SETTLE_WITHIN = 15.0

# Seconds that closing a connection may take.
_CLOSE_WITHIN = 2.0


class CannotConnect(NotSent):
    """There is no connection, so nothing was sent."""


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[JetStream]:
    """Connect, yield JetStream over the connection, and close it on the way out. Raises CannotConnect."""
    nc = await _connect(settings)
    js = JetStream(nc, domain=settings.js_domain, api_prefix=settings.js_api_prefix, timeout=settings.request_timeout)
    try:
        yield js
    finally:
        await js.wait_for_background(_SETTLE_WITHIN)
        remember_nodes(nc, settings)
        await _close(nc)


async def _connect(settings: Settings) -> Client:
    from nats.aio.client import Client
    from nats.errors import Error

    nc, errors = Client(), []
    check_greetings(nc, settings)
    nodes = len(settings.servers) + recall_nodes(nc, settings)

    async def on_error(exc: Exception) -> None:
        errors.append(exc)

    try:
        # Without this bound, nats-py would try a server that refuses for two minutes.
        await outcome(
            nc.connect(error_cb=on_error, **_options(settings)),
            (settings.connect_timeout + 1) * nodes,
        )
    except (Error, OSError, ValueError, asyncio.TimeoutError) as exc:
        await _close(nc)
        raise CannotConnect(why_not(settings, [exc, *errors])) from exc
    # The first connection fails quickly. One that is lost later is tried again for as long as the work goes on.
    nc.options["max_reconnect_attempts"] = -1
    nc.options["reconnect_time_wait"] = 0.5
    return nc


async def _close(nc: Client) -> None:
    with contextlib.suppress(Exception):
        await asyncio.wait_for(nc.close(), _CLOSE_WITHIN)


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "servers": [_with_port(server) for server in settings.servers],
        "name": f"jetstream.governor pid {os.getpid()} on {socket.gethostname()}",
        "connect_timeout": settings.connect_timeout,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "user": settings.user,
        "password": settings.password,
        "token": settings.token,
        "nkeys_seed_str": settings.nkey_seed,
        "tls_handshake_first": settings.tls_first,
        "tls_hostname": settings.tls_server_name,
        "inbox_prefix": settings.inbox_prefix,
        "tls": _tls(settings),
        **_jwt(settings),
    }
    return {option: value for option, value in options.items() if value is not None}


def _with_port(server: str) -> str:
    # Not all versions of nats-py add it to each of several.
    return server if urlsplit(server).port or server.startswith("ws") else f"{server.rstrip(':/')}:4222"


def _jwt(settings: Settings) -> dict[str, Any]:
    """Return the options of nats-py for a login with a JWT."""
    if settings.user_jwt and not settings.user_seed:
        jwt = settings.user_jwt.encode()
        # Whoever bears such a JWT may use it, so there is nothing to sign with.
        return {"user_jwt_cb": lambda: bytearray(jwt), "signature_cb": lambda _nonce: b""}
    if not (settings.user_jwt or settings.creds):
        return {}
    from nats.aio.client import RawCredentials

    class Credentials(RawCredentials):
        """Read for each connection, since a file may have been renewed; and whatever ends its lines."""

        @property
        def data(self) -> str:
            return _credentials(settings)

        @data.setter
        def data(self, _value: str) -> None:
            """Take nothing: it is always what it is read from."""

    return {"user_credentials": Credentials("")}


def _credentials(settings: Settings) -> str:
    """Return what nats-py takes for a file of credentials. Raises Unfit, also for a file that was right before."""
    if settings.user_jwt and settings.user_seed:
        return credentials(settings.user_jwt, settings.user_seed)
    try:
        with open(settings.creds or "", encoding="utf-8") as stream:
            found = jwt_and_seed(stream.read())
    except (OSError, ValueError) as exc:
        raise Unfit(f"the credentials cannot be read any more ({exc}).") from exc
    if found is None:
        raise Unfit(f"{settings.creds} holds no credentials any more. Write them again.")
    return credentials(*found)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.wants_tls:
        # None lets nats-py use the system's authorities, for a server that asks for TLS.
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
        if settings.tls_cert and settings.tls_key:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (ssl.SSLError, OSError) as exc:
        raise CannotConnect(
            f"tls_ca, tls_cert and tls_key must be PEM files of a certificate and its key: {exc}."
        ) from exc
    return context
