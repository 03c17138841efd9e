# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settle the connection options: from the task, then a context of the NATS CLI, then the environment.

An empty string, an empty list and an empty file count as not given, since AWX injects such values for credential fields
that were left empty.
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

# The environment variables of the NATS CLI, by the option that they stand for.
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

# The option that each field of a context file stands for.
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
# Fields that change where to connect to, or as whom. A context that has one is refused rather than half obeyed.
_CONTEXT_UNSUPPORTED = ("nsc", "user_jwt", "user_seed", "socks_proxy", "jetstream_api_prefix")

_FILES = ("creds", "tls_ca", "tls_cert", "tls_key")
_AUTH_METHODS = ("user", "token", "creds", "nkey_seed")
_SEED = re.compile(r"SU[A-Z2-7]{56}")
_CREDS = re.compile(rf"BEGIN NATS USER JWT.*BEGIN USER NKEY SEED[^\n]*\n{_SEED.pattern}\n", re.DOTALL)


@dataclass(frozen=True)
class Settings:
    """What to connect to, and how. Timeouts are in seconds; None is what was not given."""

    servers: tuple[str, ...] = field(default=(DEFAULT_SERVER,), repr=False)  # since a URL may hold a login
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
        """Return what must never be shown, logins in URLs included."""
        given = {secret for secret in (self.password, self.token, self.nkey_seed) if secret}
        return given | secrets_in_urls(self.servers)


def resolve(options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the settings that a task's options and the environment come to.

    Ways to authenticate are not mixed: the first source that gives one decides. Raises InvalidValue for values that
    are wrong or do not go together, and for files that cannot be read.
    """
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
            # It is a seed itself, or a context, which is complained of when it is read.
            return False
        why = getattr(exc, "strerror", exc)
        raise InvalidValue(f"{option} must be a file that can be read, not {path} ({why}).") from exc


def _auth_method(sources: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the way to authenticate of the first source that gives one; None where no source does."""
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
        # What is not a URL has no part that is known to be the password, so nothing of it is shown. A password with a
        # comma even makes two servers of one.
        shown = "what is given, which is not shown because it holds a login" if has_login else server
        raise InvalidValue(f"servers must be like nats://host:4222 or tls://host:4222, not {shown}.")
    return server


def secrets_in_urls(urls: Iterable[str]) -> set[str]:
    """Return the passwords and tokens in these texts, each a URL or several joined by commas, valid or not."""
    logins = (url.rpartition("@")[0] for given in urls for url in given.split(","))
    names = (login.partition("://")[2] or login for login in logins)
    # A login without a password is a token.
    return {name.partition(":")[2] or name for name in names if name}


def redact(text: str) -> str:
    """Return the text with the credentials of every URL in it hidden."""
    return re.sub(r"(\w+://)[^\s,]*@", r"\1***@", text)


def _seed(value: str) -> str:
    """Return the nkey seed: ``value`` itself, or what the file of that path holds."""
    if _SEED.fullmatch(value.strip()):
        return value.strip()
    try:
        with open(os.path.expanduser(value), encoding="utf-8") as stream:
            match = _SEED.search(stream.read())
    except (OSError, ValueError):
        match = None
    if match is None:
        # The value is not shown, since it may be a mistyped seed.
        raise InvalidValue("nkey_seed must be a user seed (SU...) or the path of a file that holds one.")
    return match.group()


def _check_creds(path: str) -> None:
    # nats-py reads the file while it connects, and then fails on a broken one with some error of Python's.
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
