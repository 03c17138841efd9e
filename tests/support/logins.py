# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of logins: each form of each way to sign in, of which each lets one in at one of the gates."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.jetstream.governor.plugins.module_utils._logins import credentials
from ansible_collections.jetstream.governor.tests.support.gates import PASSWORD, TOKEN, Gates

ENCODED = PASSWORD.replace("a", "%61")


class Login(NamedTuple):
    """The gate that wants it, the options, and what the environment holds besides.

    What stands in braces is only known when there are gates.
    """

    gate: str
    options: Mapping[str, str]
    secret: str = ""
    """Of the variable SECRET. GATES is their folder."""


def data(text: str) -> str:
    return f"data:;base64,{base64.b64encode(text.encode()).decode()}"


LOGINS = {
    "password": Login("user", {"user": "ada", "password": PASSWORD}),
    "password-in-url": Login("user", {"servers": f"nats://ada:{PASSWORD}@{{address}}"}),
    "password-encoded-in-url": Login("user", {"servers": f"nats://%61da:{ENCODED}@{{address}}"}),
    "password-of-env": Login("user", {"user": "ada", "password": "env://SECRET"}, PASSWORD),
    "password-of-data": Login("user", {"user": "ada", "password": data(PASSWORD)}),
    "token": Login("token", {"token": TOKEN}),
    "token-as-user": Login("token", {"user": TOKEN}),
    "token-as-user-of-env": Login("token", {"user": "env://SECRET"}, TOKEN),
    "token-in-url": Login("token", {"servers": f"nats://{TOKEN}@{{address}}"}),
    "token-of-file": Login("token", {"token": "file://{folder}/ada.token"}),
    "creds": Login("jwt", {"creds": "{creds}"}),
    "creds-with-crlf": Login("jwt", {"creds": "{folder}/crlf.creds"}),
    "creds-of-file": Login("jwt", {"creds": "file://{creds}"}),
    "creds-in-variable": Login("jwt", {"creds": "$GATES/ada.creds"}),
    "creds-of-env": Login("jwt", {"creds": "env://SECRET"}, "{pair}"),
    "creds-of-data": Login("jwt", {"creds": "{pair_as_data}"}),
    "jwt": Login("jwt", {"user_jwt": "{jwt}", "user_seed": "{seed}"}),
    "jwt-of-files": Login("jwt", {"user_jwt": "file://{folder}/ada.jwt", "user_seed": "file://{folder}/ada.seed"}),
    "bearer": Login("jwt", {"user_jwt": "{bearer}"}),
    "nkey": Login("nkey", {"nkey_seed": "{nkey}"}),
    "nkey-of-file": Login("nkey", {"nkey_seed": "{folder}/ada.nk"}),
    "nkey-of-env": Login("nkey", {"nkey_seed": "env://SECRET"}, "{nkey}"),
    "nkey-of-data": Login("nkey", {"nkey_seed": "{nkey_as_data}"}),
    "nkey-in-variable": Login("nkey", {"nkey_seed": "${{GATES}}/ada.nk"}),
    "certificate": Login("mapped", {"tls_ca": "{ca}", "tls_cert": "{certificate}", "tls_key": "{key}"}),
}


def options_of(name: str, at: Gates) -> dict[str, Any]:
    """All options of the login."""
    login = LOGINS[name]
    url, known = at.url(login.gate), _known(at)
    address = url.removeprefix("nats://")
    given = {option: value.format(address=address, **known) for option, value in login.options.items()}
    return {"servers": url, **given}


def environ_of(name: str, at: Gates) -> dict[str, str]:
    """What the environment must hold for it."""
    return {"GATES": str(at.folder), "SECRET": LOGINS[name].secret.format(**_known(at))}


def _known(at: Gates) -> dict[str, str]:
    pair = credentials(at.jwt, at.seed)
    files = {
        "crlf.creds": pair.replace("\n", "\r\n"),
        "ada.jwt": at.jwt,
        "ada.seed": at.seed,
        "ada.nk": f"# mine\r\n{at.nkey.seed}\r\n",
        "ada.token": TOKEN,
    }
    for name, text in files.items():
        (at.folder / name).write_text(text, newline="")
    return {
        "folder": str(at.folder),
        "creds": at.creds(),
        "pair": pair,
        "pair_as_data": data(files["crlf.creds"]),
        "jwt": at.jwt,
        "seed": at.seed,
        "bearer": at.bearer,
        "nkey": at.nkey.seed,
        "nkey_as_data": data(at.nkey.seed),
        "ca": at.ca,
        "certificate": at.certificate,
        "key": at.key,
    }
