# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URLs of servers: what they may be, and the login that they may hold."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from .core.errors import InvalidValue

DEFAULT_SERVER = "nats://127.0.0.1:4222"

# Schemes, and the same without TLS. Servers are all of one kind or all of the other.
_PLAIN = {"nats": "nats", "tls": "nats", "ws": "ws", "wss": "ws"}


def parse_servers(value: Any) -> tuple[str, ...]:
    """Return the URLs without their logins, of a list or of a text with commas. Raises InvalidValue."""
    given = _split(value)
    has_login = any("@" in server for server in given)
    servers = tuple(_server(server, has_login) for server in given) or (DEFAULT_SERVER,)
    if len({_PLAIN[urlsplit(server).scheme] for server in servers}) > 1:
        raise InvalidValue("servers mixes WebSocket (ws://, wss://) with nats:// or tls://. Give URLs of one kind.")
    return servers


def login_of(value: Any) -> dict[str, str] | None:
    """Return the login in the URLs, as fields of ``Settings``; None where there is none. Raises InvalidValue."""
    urls = [_with_scheme(server) for server in _split(value) if "@" in server]
    written = {url.partition("://")[2].rpartition("@")[0] for url in urls}
    if len(written) > 1:
        raise InvalidValue(
            "servers holds different logins. The nodes of a cluster have the same users: give one login, best by user "
            "and password, token or creds."
        )
    if not written:
        return None
    user, colon, password = written.pop().partition(":")
    # Without a password it is a token.
    return {"user": unquote(user), "password": unquote(password)} if colon else {"token": unquote(user)}


def _split(value: Any) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else [part for item in value for part in item.split(",")]
    return [part.strip() for part in parts if part.strip()]


def _with_scheme(server: str) -> str:
    return server if "://" in server else f"nats://{server}"


def _server(server: str, has_login: bool) -> str:
    whole = _with_scheme(server)
    try:
        url = urlsplit(whole)
        valid = url.scheme in _PLAIN and bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid:
        # What is not a URL has no part that is known to be the password, so nothing of it is shown. A password with a
        # comma even makes two servers of one.
        shown = "what is given, which is not shown because it holds a login" if has_login else whole
        raise InvalidValue(f"servers must be like nats://host:4222, tls://host:4222 or wss://host:443, not {shown}.")
    scheme, _colon, rest = whole.partition("://")
    return f"{scheme.lower()}://{rest.rpartition('@')[2]}"
