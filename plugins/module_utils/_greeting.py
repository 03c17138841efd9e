# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says of itself when a connection begins, and whether a login may be sent to it.

nats-py upgrades to TLS only where the server requires it, whatever was asked for. So its greeting is looked at before
nats-py acts on it, at the first connection and at each later one, and TLS that is merely offered is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._settings import Settings

if TYPE_CHECKING:
    from nats.aio.client import Client


class Unfit(ConnectionError):
    """A server, or a login, is not what was asked for; the text says why.

    nats-py takes it for a failed connection, and goes on to another server.
    """


def check_greetings(nc: Client, settings: Settings) -> None:
    """From now on look at each greeting (INFO) before anything is sent. nats-py has no public place to do so."""
    # Up to some version it is no coroutine; so what it returns is passed on.
    handle: Any = nc._process_info

    def process_info(info: dict[str, Any], initial_connection: bool = False) -> Any:
        if settings.over_websocket:
            # nats-py would take these addresses for nats://, and leave TLS out.
            info.pop("connect_urls", None)
        elif initial_connection:
            _check(info, settings)
        return handle(info, initial_connection=initial_connection)

    nc._process_info = process_info  # type: ignore[method-assign]


def _check(info: dict[str, Any], settings: Settings) -> None:
    """Raise Unfit; or change the greeting so that nats-py begins with TLS."""
    if settings.wants_tls and info.get("tls_available"):
        info["tls_required"] = True
    if settings.wants_tls and not settings.tls_first and not info.get("tls_required"):
        raise Unfit(
            "the server has no TLS, but TLS is asked for (by tls:// or a tls_* option), so no login was sent. Correct "
            "the server, or leave those out."
        )
    if info.get("tls_required") and info.get("tls_verify") and not settings.tls_cert:
        raise Unfit("the server asks for a client's certificate. Give tls_cert and tls_key.")
