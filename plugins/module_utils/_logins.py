# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to log in: which source's is taken, and what a seed and a file of credentials must look like."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from ._references import content_of, path_of, read, text_of
from ._secrecy import shown
from ._servers import login_of
from .core.errors import InvalidValue

# The options of which each is a way to log in of its own.
WAYS = ("user", "token", "creds", "nkey_seed", "user_jwt")
# Those that are nothing without one of the ways.
NEEDS = {"password": "user", "user_seed": "user_jwt"}

# What follows the third letter is the same for seeds of all kinds.
_SEED = re.compile(r"\bSU[A-D][A-Z2-7]{55}\b")
_JWT = r"[\w-]+\.[\w-]+\.[\w-]+"
_CREDS = re.compile(rf"BEGIN NATS USER JWT-*\s+({_JWT})\s.*BEGIN USER NKEY SEED-*\s+({_SEED.pattern})\s", re.DOTALL)

Sources = Mapping[str, Mapping[str, Any]]


def choose_login(sources: Sources, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the login of the first source that gives one, as fields of ``Settings``; nothing where no source does.

    Ways to log in are never mixed. A login in the URLs of a source counts as its own way, after its options. Raises
    InvalidValue.
    """
    for name, source in sources.items():
        ways = [way for way in WAYS if way in source]
        if len(ways) > 1:
            raise InvalidValue(f"{name} gives {' and '.join(ways)}: choose one way to authenticate.")
        if ways:
            return _login(ways[0], source[ways[0]], sources, environ)
        in_urls = login_of(source["servers"]) if name == _giver("servers", sources) else None
        if in_urls:
            return in_urls
    for option, way in NEEDS.items():
        if _giver(option, sources):
            raise InvalidValue(f"{option} needs {way}.")
    return {}


def credentials(jwt: str, seed: str) -> str:
    """Return what a file of credentials holds."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def jwt_and_seed(text: str) -> tuple[str, str] | None:
    """Return the JWT and the seed of what a file of credentials holds, whatever ends its lines, or None."""
    found = _CREDS.search(f"{text}\n")
    return (found[1], found[2]) if found and _is_seed(found[2]) else None


def _login(way: str, value: str, sources: Sources, environ: Mapping[str, str]) -> dict[str, Any]:
    if way == "user":
        password = _partner("password", way, value, sources)
        if password is None:
            # As in the NATS CLI.
            return {"token": text_of("user", value, environ).strip()}
        return {"user": value, "password": text_of("password", password, environ)}
    if way == "creds":
        return _creds(value, environ)
    if way == "nkey_seed":
        return {"nkey_seed": _seed(value, environ)}
    text = text_of(way, value, environ).strip()
    if way == "token":
        return {"token": text}
    return _jwt(text, _partner("user_seed", way, value, sources), environ)


def _jwt(jwt: str, seed: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    if not re.fullmatch(_JWT, jwt):
        raise InvalidValue("user_jwt must be the JWT of a user (eyJ...), or a URL that stands for it; it is not shown.")
    if seed is None:
        return {"user_jwt": jwt}
    seed = text_of("user_seed", seed, environ).strip()
    if not _is_seed(seed):
        raise InvalidValue("user_seed must be a user seed (SU...), or a URL that stands for it, with no typing error.")
    return {"user_jwt": jwt, "user_seed": seed}


def _partner(option: str, way: str, value: str, sources: Sources) -> str | None:
    """Return what goes with a way to log in: of the first source that has it, and has no other login of its own."""
    own = (source for source in sources.values() if source.get(way, value) == value)
    return next((str(source[option]) for source in own if option in source), None)


def _giver(option: str, sources: Sources) -> str | None:
    return next((name for name, source in sources.items() if option in source), None)


def _creds(value: str, environ: Mapping[str, str]) -> dict[str, str]:
    path = path_of(value, environ)
    found = jwt_and_seed(read("creds", path) if path else content_of("creds", value, environ))
    if found is None:
        raise InvalidValue(
            f"creds must be a file with the JWT and the nkey seed of a user, as nsc makes it, not {shown(value)}."
        )
    # A file is read again for each connection, since it may have been renewed.
    return {"creds": path} if path else dict(zip(("user_jwt", "user_seed"), found))


def _seed(value: str, environ: Mapping[str, str]) -> str:
    """Return the nkey seed: ``value`` itself, or what the file or the URL holds. It is never shown."""
    if _is_seed(value.strip()):
        return value.strip()
    path = path_of(value, environ)
    try:
        found = _SEED.search(read("nkey_seed", path) if path else content_of("nkey_seed", value, environ))
    except InvalidValue:
        if path is None:
            raise
        found = None
    if found is None or not _is_seed(found[0]):
        # The value is not shown, since it may be a mistyped seed.
        raise InvalidValue(
            "nkey_seed must be a user seed (SU...) without a typing error, or the path of a file that holds one, or a "
            "URL of the kind file://, env:// or data:;base64,."
        )
    return found[0]


def _is_seed(text: str) -> bool:
    """Tell whether this is the seed of a user: its last two bytes are a checksum of the others."""
    if not _SEED.fullmatch(text):
        return False
    raw = base64.b32decode(text + "=" * (-len(text) % 8))
    return binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")
