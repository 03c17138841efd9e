# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why there is no connection, in one sentence."""

from __future__ import annotations

import asyncio
import socket
import ssl

from ._greeting import Unfit
from ._secrecy import redact
from ._settings import Settings

_CERTIFICATE_WANTED = "the server asks for a client's certificate. Give tls_cert and tls_key."


def why_not(settings: Settings, errors: list[BaseException]) -> str:
    """Return the sentence about the errors of all tries to connect, in their order."""
    error = _most_telling(errors)
    return f"Could not connect to NATS at {redact(', '.join(settings.servers))}: {_reason(settings, error)}"


def _most_telling(errors: list[BaseException]) -> BaseException:
    """Return a refused login or what is unfit if there is one, then what TLS says, else the last error.

    After refusing, the server cuts the connection, and the error of that may come later.
    """
    refused = [error for error in errors if "authorization" in str(error).lower() or isinstance(error, Unfit)]
    of_tls = [error for error in errors if isinstance(error, ssl.SSLError)]
    return (refused or of_tls or errors)[-1]


def _reason(settings: Settings, error: BaseException) -> str:
    text = redact(str(error)) or type(error).__name__
    reason = f"{text}. Is it a NATS server, and does it ask for TLS or a login?"
    if isinstance(error, Unfit):
        reason = text
    elif "authorization" in text.lower():
        reason = f"the server refused the {_identity(settings)}. Correct it, or ask for access."
    elif isinstance(error, ssl.SSLError):
        reason = _tls_reason(settings, error, text)
    elif isinstance(error, asyncio.TimeoutError):
        first = "" if settings.tls_first else ", and does it begin with TLS (tls_first)"
        seconds = f"{settings.connect_timeout:g} s"
        reason = f"no answer within {seconds}. Is it a NATS server, and not behind a firewall{first}?"
    elif isinstance(error, socket.gaierror):
        reason = "the host name is unknown. Correct servers (or NATS_URL)."
    elif isinstance(error, ConnectionRefusedError):
        reason = "the connection was refused. Start nats-server there, or set servers (or NATS_URL) to where it is."
    elif settings.tls_cert and isinstance(error, ConnectionResetError):
        # In TLS 1.3 the server may find out after the client's handshake, and the alert may get lost.
        reason = "TLS failed: the server cut the connection. Check tls_cert and tls_key."
    elif settings.tls_first and not settings.tls_cert:
        # Likewise; or it just ends the connection.
        reason = f"{text}. Does the server ask for a client's certificate (tls_cert and tls_key)?"
    return reason


def _tls_reason(settings: Settings, error: ssl.SSLError, text: str) -> str:
    # Of aiohttp's error, it is the cause that says what is wrong.
    error = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    what = getattr(error, "verify_message", "") or (error.reason or text).replace("_", " ").lower()
    if "certificate required" in what and not settings.tls_cert:
        return _CERTIFICATE_WANTED
    if settings.tls_first and what in ("wrong version number", "record layer failure"):
        return "TLS failed: the server does not begin with TLS. Leave out tls_first."
    if "alert" in what:
        return f"TLS failed: the server refused it ({what}). Check tls_cert and tls_key."
    return f"TLS failed: {what}. Check tls_ca, tls_cert and tls_server_name."


def _identity(settings: Settings) -> str:
    if settings.user:
        return f"user '{settings.user}' or its password"
    if settings.token:
        return "token"
    if settings.creds:
        return f"credentials in {settings.creds}"
    if settings.user_jwt:
        return "JWT of the user"
    if settings.nkey_seed:
        return "nkey"
    return "connection without a login (give user and password, token or creds)"
