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

from .core.errors import NotSent
from .core.jetstream import JetStream
from .settings import Settings, redact

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
    js = JetStream(nc, domain=settings.js_domain, timeout=settings.request_timeout)
    try:
        yield js
    finally:
        await js.wait_for_background(_SETTLE_WITHIN)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(nc.close(), _CLOSE_WITHIN)


async def _connect(settings: Settings) -> Client:
    from nats.aio.client import Client
    from nats.errors import Error

    nc, errors = Client(), []

    async def on_error(exc: Exception) -> None:
        errors.append(exc)

    try:
        # Without this bound, nats-py would try a server that refuses for two minutes.
        await asyncio.wait_for(
            nc.connect(error_cb=on_error, **_options(settings)),
            (settings.connect_timeout + 1) * len(settings.servers),
        )
    except (Error, OSError, ValueError, asyncio.TimeoutError) as exc:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(nc.close(), _CLOSE_WITHIN)
        raise CannotConnect(_sentence(settings, _most_telling([exc, *errors]))) from exc
    # The first connection fails quickly. One that is lost later is tried again for as long as the work goes on.
    nc.options["max_reconnect_attempts"] = -1
    nc.options["reconnect_time_wait"] = 0.5
    return nc


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "servers": list(settings.servers),
        "name": f"jetstream.governor pid {os.getpid()} on {socket.gethostname()}",
        "connect_timeout": settings.connect_timeout,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "user": settings.user,
        "password": settings.password,
        "token": settings.token,
        "nkeys_seed_str": settings.nkey_seed,
        "user_credentials": os.path.expanduser(settings.creds) if settings.creds else None,
        "tls_handshake_first": settings.tls_first,
        "tls_hostname": settings.tls_server_name,
        "inbox_prefix": settings.inbox_prefix,
        "tls": _tls(settings),
    }
    return {option: value for option, value in options.items() if value is not None}


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not (settings.tls_ca or settings.tls_cert or settings.tls_first):
        # None lets nats-py use the system's authorities, for a tls:// server and for one that asks for TLS.
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca and os.path.expanduser(settings.tls_ca))
        if settings.tls_cert and settings.tls_key:
            context.load_cert_chain(os.path.expanduser(settings.tls_cert), os.path.expanduser(settings.tls_key))
    except (ssl.SSLError, OSError) as exc:
        raise CannotConnect(
            f"tls_ca, tls_cert and tls_key must be PEM files of a certificate and its key: {exc}."
        ) from exc
    return context


def _most_telling(errors: list[BaseException]) -> BaseException:
    """Return a refused login if there is one, else the last error.

    After refusing a login the server cuts the connection, and the error of that may come later.
    """
    refused = [error for error in errors if "authorization" in str(error).lower()]
    return (refused or errors)[-1]


def _sentence(settings: Settings, error: BaseException) -> str:
    where = redact(", ".join(settings.servers))
    return f"Could not connect to NATS at {where}: {_reason(settings, error)}"


def _reason(settings: Settings, error: BaseException) -> str:
    text = redact(str(error))
    if "authorization" in text.lower():
        return f"the server refused the {_identity(settings)}. Correct it, or ask for access."
    if isinstance(error, ssl.SSLError):
        return (
            f"TLS failed: {getattr(error, 'verify_message', '') or text}. Check tls_ca, tls_cert and tls_server_name."
        )
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {settings.connect_timeout:g} s. Is it a NATS server, and not behind a firewall?"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown. Correct servers (or NATS_URL)."
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused. Start nats-server there, or set servers (or NATS_URL) to where it is."
    return f"{text or type(error).__name__}. Is it a NATS server, and does it ask for TLS or a login?"


def _identity(settings: Settings) -> str:
    if settings.user:
        return f"user '{settings.user}' or its password"
    if settings.token:
        return "token"
    if settings.creds:
        return f"credentials in {settings.creds}"
    if settings.nkey_seed:
        return "nkey"
    if any("@" in server for server in settings.servers):
        return "login in the URL"
    return "connection without a login (give user and password, token or creds)"
