# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that want to know who comes, each in a way of its own, and all that is needed to sign in to them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.jetstream.governor.plugins.module_utils._connection import connected
from ansible_collections.jetstream.governor.plugins.module_utils._logins import credentials
from ansible_collections.jetstream.governor.plugins.module_utils._settings import resolve
from ansible_collections.jetstream.governor.tests.support.keys import Authority, Key, Operator
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

PASSWORD = "drowssap-fo-ada"
TOKEN = "nekot-fo-ydobon"


class Gates:
    """``server(name)`` starts one when it is first asked for, and ``close`` stops all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._servers = contextlib.ExitStack()
        self._running: dict[str, NatsServer] = {}
        self.operator = Operator()
        self.nkey = Key()
        self.jwt, self.seed = self.operator.user("ada")
        self.bearer, _seed = self.operator.user("bearer", bearer=True)
        self.authority = Authority(folder / "certificates")
        self.ca = str(self.authority.path)
        self.certificate, self.key = self.authority.issue("client")
        self._server_certificate = self.authority.issue("server", ("127.0.0.1", "localhost"))
        self.stranger = Authority(folder / "strangers").issue("stranger")

    def close(self) -> None:
        self._servers.close()

    def server(self, name: str) -> NatsServer:
        if name not in self._running:
            config = self._configs()[name]
            self._running[name] = self._servers.enter_context(NatsServer(self.folder / name, config))
        return self._running[name]

    def url(self, name: str, scheme: str = "nats") -> str:
        return self.server(name).url.replace("nats", scheme)

    def tls(self, more: str = "") -> str:
        certificate, key = self._server_certificate
        return f'tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{self.ca}" {more} }}'

    def _configs(self) -> dict[str, str]:
        user = f'authorization {{ users: [ {{ user: ada, password: "{PASSWORD}" }} ] }}'
        websocket = 'websocket { listen: "127.0.0.1:-1", %s }'
        return {
            "open": "",
            "user": user,
            "token": f'authorization {{ token: "{TOKEN}" }}',
            "nkey": f"authorization {{ users: [ {{ nkey: {self.nkey.public} }} ] }}",
            "jwt": self.operator.config,
            "tls": f"{self.tls()}\n{user}",
            "tls allowed": f"{self.tls()}\nallow_non_tls: true\n{user}",
            "tls first": f"{self.tls(', handshake_first: true')}\n{user}",
            "mutual": self.tls(", verify: true"),
            "mutual first": self.tls(", verify: true, handshake_first: true"),
            "mapped": f"{self.tls(', verify_and_map: true')}\nauthorization {{ users: [ {{ user: 'CN=client' }} ] }}",
            "ws": f"{user}\n{websocket % 'no_tls: true'}",
            "wss": f"{user}\n{websocket % self.tls()}",
        }

    def creds(self) -> str:
        """The path of a file of credentials."""
        path = self.folder / "ada.creds"
        path.write_text(credentials(self.jwt, self.seed))
        return str(path)


@contextlib.contextmanager
def gates(folder: Path) -> Iterator[Gates]:
    opened = Gates(folder)
    try:
        yield opened
    finally:
        opened.close()


async def who_am_i(options: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Connect as a task would with these options and in this environment, and ask the server who that was.

    Empty where nobody has to say who they are. CannotConnect and InvalidValue as they come.
    """
    async with connected(resolve(options, environ)) as js:
        answer = await js.nc.request("$SYS.REQ.USER.INFO", timeout=5)
        return str(json.loads(answer.data)["data"]["user"])
