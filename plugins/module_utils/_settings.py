# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settle the connection options: from the task, the environment and a context of the NATS CLI.

The order is that of the CLI, the task standing for its command line: the environment comes before the context. There is
one difference. A context that the task itself names comes before the environment, since in Ansible what a task says is
not changed by the environment that it happens to run in.

An empty string, an empty list and an empty file count as not given, since AWX injects such values for credential fields
that were left empty.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as a_field
from typing import Any

from ._contexts import NO_PROXY, PROXY, context_path, is_path, read_context, selected_context
from ._logins import NEEDS, WAYS, choose_login
from ._references import path_of, unreadable
from ._secrecy import hide, secrets_given
from ._servers import DEFAULT_SERVER, parse_servers
from .core.durations import parse_duration
from .core.errors import InvalidValue

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
    "user_jwt": "NATS_JWT",
    "user_seed": "NATS_SEED",
    "tls_ca": "NATS_CA",
    "tls_cert": "NATS_CERT",
    "tls_key": "NATS_KEY",
    "request_timeout": "NATS_TIMEOUT",
}

_TLS_FILES = ("tls_ca", "tls_cert", "tls_key")
_TLS_OPTIONS = (*_TLS_FILES, "tls_first", "tls_server_name")
_MAY_BE_FILES = (*_TLS_FILES, "creds", "nkey_seed", "context")
_SUBJECT = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")


@dataclass(frozen=True)
class Settings:
    """What to connect to, and how. Timeouts are in seconds; None is what was not given.

    ``creds`` is the path of a file. Without ``user_seed``, ``user_jwt`` is a bearer's.
    """

    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    user: str | None = None
    password: str | None = a_field(default=None, repr=False)
    token: str | None = a_field(default=None, repr=False)
    creds: str | None = None
    nkey_seed: str | None = a_field(default=None, repr=False)
    user_jwt: str | None = a_field(default=None, repr=False)
    user_seed: str | None = a_field(default=None, repr=False)
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_first: bool = False
    tls_server_name: str | None = None
    js_domain: str | None = None
    js_api_prefix: str | None = None
    inbox_prefix: str | None = None
    connect_timeout: float = 5.0
    request_timeout: float = 5.0

    @property
    def secrets(self) -> set[str]:
        """Return what must never be shown."""
        given = (self.password, self.token, self.nkey_seed, self.user_jwt, self.user_seed)
        return {secret for secret in given if secret}

    @property
    def over_websocket(self) -> bool:
        """Tell whether the servers are reached over WebSocket."""
        return self.servers[0].startswith("ws")

    @property
    def wants_tls(self) -> bool:
        """Tell whether TLS was asked for, by the URL of one server or by an option."""
        by_url = any(server.startswith(("tls://", "wss://")) for server in self.servers)
        return by_url or any(getattr(self, option) for option in _TLS_OPTIONS)


def resolve(options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the settings that a task's options, the environment and a context come to.

    Ways to authenticate are not mixed: the first source that gives one decides. Raises InvalidValue for values that
    are wrong or do not go together, and for files that cannot be read. Secrets are made known to Ansible, where it has
    a way to be told.
    """
    hide(secrets_given(options, environ))
    if environ.get(PROXY, "") not in ("", *NO_PROXY):
        raise InvalidValue(f"The environment variable {PROXY} is set, but proxies are not supported here. Unset it.")
    sources = _sources(options, environ)
    found: dict[str, Any] = {}
    for source in sources.values():
        for option, value in source.items():
            found.setdefault(option, value)
    _one_api(found, sources)
    for option in (*WAYS, *NEEDS):
        found.pop(option, None)
    settings = _settings({**found, **choose_login(sources, environ)}, environ)
    hide(settings.secrets)
    return settings


def _sources(options: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the options of each source, by the words for it, in the order in which they count."""
    task = _given(options, environ)
    environment = _given({option: environ.get(name, "") for option, name in ENVIRONMENT.items()}, environ)
    named = task.get("context") or environment.get("context")
    name = named or selected_context(environ)
    sources = {"the task": task, "the environment": environment}
    if name:
        context = {f"context '{name}'": _given(read_context(name, environ, selected=named is None), environ)}
        sources = {"the task": task, **context, **sources} if "context" in task else {**sources, **context}
    return sources


def _given(options: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    given = {option: value for option, value in options.items() if not _is_nothing(value)}
    for option in _MAY_BE_FILES:
        if option in given and _is_empty_file(option, given[option], environ):
            del given[option]
    return given


def _is_nothing(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, list) and not any(item.strip() for item in value))


def _is_empty_file(option: str, value: str, environ: Mapping[str, str]) -> bool:
    if option == "context":
        path = context_path(value, environ) if is_path(value) else None
    else:
        path = path_of(value, environ)
    try:
        return path is not None and os.path.getsize(path) == 0
    except (OSError, ValueError):
        # It is a seed itself, or it is complained of when it is read.
        return False


def _one_api(found: dict[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the domain or the API prefix of the first source that gives either. Raises InvalidValue for both of one."""
    for name, source in sources.items():
        given = [option for option in ("js_domain", "js_api_prefix") if option in source]
        if len(given) > 1:
            raise InvalidValue(f"{name} gives js_domain and js_api_prefix: a domain is a prefix, so give one of them.")
        if given:
            found.pop("js_api_prefix" if given == ["js_domain"] else "js_domain", None)
            return


def _settings(found: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    found["servers"] = parse_servers(found.get("servers", DEFAULT_SERVER))
    for option in ("connect_timeout", "request_timeout"):
        found[option] = parse_duration(found.get(option, DEFAULT_TIMEOUT), option)
        if not found[option]:
            raise InvalidValue(f"{option} must be longer than 0 s.")
    for option in _TLS_FILES:
        if option in found:
            found[option] = _readable(option, found[option], environ)
    if bool(found.get("tls_cert")) != bool(found.get("tls_key")):
        raise InvalidValue("tls_cert and tls_key belong together: give both, or neither.")
    for option in ("inbox_prefix", "js_api_prefix"):
        if not _SUBJECT.fullmatch(found.get(option, "x")):
            raise InvalidValue(
                f"{option} must be the beginning of a subject, like _INBOX.mine, without wildcards, blanks and a dot "
                f"at its end, not '{found[option]}'."
            )
    settings = Settings(**{option: value for option, value in found.items() if option in Settings.__dataclass_fields__})
    if settings.over_websocket:
        _check_websocket(settings)
    return settings


def _readable(option: str, value: str, environ: Mapping[str, str]) -> str:
    path = path_of(value, environ)
    if path is None:
        raise InvalidValue(f"{option} must be the path of a file, or file:// and it. Other URLs are not supported.")
    try:
        os.stat(path)
    except (OSError, ValueError) as exc:
        raise unreadable(option, path, exc) from exc
    return path


def _check_websocket(settings: Settings) -> None:
    """Refuse what would be ignored over WebSocket. Raises InvalidValue."""
    for option in ("tls_first", "tls_server_name"):
        if getattr(settings, option):
            raise InvalidValue(f"{option} has no meaning for wss:// and ws://. Leave it out, or use tls://.")
    if settings.wants_tls and any(server.startswith("ws://") for server in settings.servers):
        raise InvalidValue("servers has ws://, which is without TLS, but TLS is asked for. Write wss://.")
