# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the connection options come from: the task, a NATS CLI context, the environment, in this order.

An empty string, an empty list and an empty file count as not given: AWX injects such for credential fields that were
left empty.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .core.durations import parse_duration
from .core.errors import InvalidValue

DEFAULT_SERVER = "nats://127.0.0.1:4222"
DEFAULT_TIMEOUT = "5s"

# The NATS CLI's environment variables.
ENVIRONMENT = {
    "servers": "NATS_URL",
    "context": "NATS_CONTEXT",
    "user": "NATS_USER",
    "password": "NATS_PASSWORD",
    "token": "NATS_TOKEN",
    "creds": "NATS_CREDS",
    "nkey_seed": "NATS_NKEY",
    "tls_ca": "NATS_CA",
    "tls_cert": "NATS_CERT",
    "tls_key": "NATS_KEY",
    "request_timeout": "NATS_TIMEOUT",
}

# The fields of a NATS CLI context file, and the options that they are here.
_CONTEXT_FIELDS = {
    "url": "servers",
    "user": "user",
    "password": "password",
    "token": "token",
    "creds": "creds",
    "nkey": "nkey_seed",
    "ca": "tls_ca",
    "cert": "tls_cert",
    "key": "tls_key",
    "tls_first": "tls_first",
    "jetstream_domain": "js_domain",
    "inbox_prefix": "inbox_prefix",
}
# Fields that change where or as whom one connects: leaving them out in silence would be wrong.
_CONTEXT_UNSUPPORTED = ("nsc", "user_jwt", "user_seed", "socks_proxy", "jetstream_api_prefix")

_FILES = ("creds", "tls_ca", "tls_cert", "tls_key")
_AUTH_METHODS = ("user", "token", "creds", "nkey_seed")
_SEED = re.compile(r"SU[A-Z2-7]{56}")
_CREDS = re.compile(rf"BEGIN NATS USER JWT.*BEGIN USER NKEY SEED[^\n]*\n{_SEED.pattern}\n", re.DOTALL)


@dataclass(frozen=True)
class Settings:
    """What to connect to and how. Timeouts in seconds; None and empty: not given. ``secrets`` must never be shown."""

    servers: tuple[str, ...] = field(default=(DEFAULT_SERVER,), repr=False)  # a URL may hold a login
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    creds: str | None = None
    nkey_seed: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_first: bool = False
    tls_server_name: str | None = None
    js_domain: str | None = None
    inbox_prefix: str | None = None
    connect_timeout: float = 5.0
    request_timeout: float = 5.0

    @property
    def secrets(self) -> set[str]:
        given = {secret for secret in (self.password, self.token, self.nkey_seed) if secret}
        return given | secrets_in_urls(self.servers)


def resolve(options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from a task's options and the environment. Raises InvalidValue."""
    task = _given(options)
    environment = _given({option: environ.get(name, "") for option, name in ENVIRONMENT.items()})
    named = task.get("context") or environment.get("context")
    context = _given(_read_context(named, environ)) if named else {}
    sources = {"the task": task, f"context '{named}'": context, "the environment": environment}
    found: dict[str, Any] = {}
    for source in sources.values():
        for option, value in source.items():
            found.setdefault(option, value)
    method = _auth_method(sources)
    for other in _AUTH_METHODS:
        if other != method:
            found.pop(other, None)
    if "password" in task and method is None:
        raise InvalidValue("password needs user.")
    if method != "user":
        found.pop("password", None)
    return _settings(found)


def _settings(found: dict[str, Any]) -> Settings:
    found.pop("context", None)
    found["servers"] = _servers(found.get("servers", DEFAULT_SERVER))
    for option in ("connect_timeout", "request_timeout"):
        found[option] = parse_duration(found.get(option, DEFAULT_TIMEOUT), option)
        if not found[option]:
            raise InvalidValue(f"{option} must be longer than 0 s.")
    if bool(found.get("tls_cert")) != bool(found.get("tls_key")):
        raise InvalidValue("tls_cert and tls_key belong together: give both, or neither.")
    if found.get("nkey_seed"):
        found["nkey_seed"] = _seed(found["nkey_seed"])
    if found.get("creds"):
        _check_creds(found["creds"])
    return Settings(**{option: value for option, value in found.items() if option in Settings.__dataclass_fields__})


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    given = {option: value for option, value in options.items() if not _is_nothing(value)}
    for option in (*_FILES, "nkey_seed", "context"):
        if option in given and _is_empty_file(option, given[option]):
            del given[option]
    return given


def _is_nothing(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, list) and not any(item.strip() for item in value))


def _is_empty_file(option: str, path: str) -> bool:
    if option == "context" and not _is_path(path):
        return False
    try:
        return os.path.getsize(os.path.expanduser(path)) == 0
    except (OSError, ValueError) as exc:
        if option not in _FILES:
            # The seed itself, or a context that reading it will complain of.
            return False
        why = getattr(exc, "strerror", exc)
        raise InvalidValue(f"{option} must be a file that can be read, not {path} ({why}).") from exc


def _auth_method(sources: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The one way to authenticate of the first source that gives any; the ways of two sources are not mixed."""
    for source, options in sources.items():
        methods = [method for method in _AUTH_METHODS if method in options]
        if len(methods) > 1:
            raise InvalidValue(f"{source} gives {' and '.join(methods)}: choose one way to authenticate.")
        if methods:
            return methods[0]
    return None


def _servers(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else [part for item in value for part in item.split(",")]
    servers = tuple(part.strip() for part in parts if part.strip())
    has_login = any("@" in server for server in servers)
    return tuple(_server(server, has_login) for server in servers) or (DEFAULT_SERVER,)


def _server(server: str, has_login: bool) -> str:
    server = server if "://" in server else f"nats://{server}"
    try:
        url = urlsplit(server)
        valid = url.scheme in ("nats", "tls") and bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid:
        # In what is no URL, a password may look like anything, also like two servers when it has a comma.
        shown = "what is given, which is not shown because it holds a login" if has_login else server
        raise InvalidValue(f"servers must be like nats://host:4222 or tls://host:4222, not {shown}.")
    return server


def secrets_in_urls(urls: Iterable[str]) -> set[str]:
    """The passwords and tokens in URLs or in lists of them with commas, also in such as are no valid servers."""
    logins = (url.rpartition("@")[0] for given in urls for url in given.split(","))
    names = (login.partition("://")[2] or login for login in logins)
    # A login without a password is a token.
    return {name.partition(":")[2] or name for name in names if name}


def redact(text: str) -> str:
    """The text with the credentials of every URL in it hidden."""
    return re.sub(r"(\w+://)[^\s,]*@", r"\1***@", text)


def _seed(value: str) -> str:
    """The nkey seed itself, from itself or from the file that holds it."""
    if _SEED.fullmatch(value.strip()):
        return value.strip()
    try:
        with open(os.path.expanduser(value), encoding="utf-8") as stream:
            match = _SEED.search(stream.read())
    except (OSError, ValueError):
        match = None
    if match is None:
        # The value may be a mistyped seed: it is not shown.
        raise InvalidValue("nkey_seed must be a user seed (SU...) or the path of a file that holds one.")
    return match.group()


def _check_creds(path: str) -> None:
    # nats-py reads the file in the middle of connecting, and fails on a broken one with whatever Python makes of it.
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError as exc:
        raise InvalidValue(f"creds must be a file that can be read, not {path} ({exc.strerror}).") from exc
    if not _CREDS.search(text):
        raise InvalidValue(
            f"creds must be a file with the JWT and the nkey seed of a user, as nsc makes it, not {path}."
        )


def _read_context(name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    path = _context_path(name, environ)
    try:
        with open(path, encoding="utf-8") as stream:
            fields = json.load(stream)
    except OSError as exc:
        raise InvalidValue(f"There is no NATS context '{name}': {path} cannot be read ({exc.strerror}).") from exc
    except ValueError as exc:
        raise InvalidValue(f"The NATS context '{name}' is broken: {path} is not JSON ({exc}).") from exc
    if not isinstance(fields, dict):
        raise InvalidValue(f"The NATS context '{name}' is broken: {path} holds no JSON object.")
    wrong = [key for key in _CONTEXT_FIELDS if not _fits(key, fields.get(key))]
    if wrong:
        raise InvalidValue(
            f"The NATS context '{name}' is broken: {path} has a wrong type of value for {', '.join(wrong)}."
        )
    unsupported = [key for key in _CONTEXT_UNSUPPORTED if fields.get(key)]
    if unsupported:
        raise InvalidValue(
            f"The NATS context '{name}' sets {', '.join(unsupported)}, which is not supported here. "
            "Make a context without, or give the options themselves."
        )
    return {option: fields.get(key) for key, option in _CONTEXT_FIELDS.items()}


def _fits(key: str, value: Any) -> bool:
    return value is None or isinstance(value, bool if key == "tls_first" else str)


def _is_path(context: str) -> bool:
    return context.endswith(".json") or os.sep in context


def _context_path(name: str, environ: Mapping[str, str]) -> str:
    if _is_path(name):
        return os.path.expanduser(name)
    base = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "nats", "context", f"{name}.json")
