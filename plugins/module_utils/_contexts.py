# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contexts of the NATS CLI: where they are, which one is selected, and what the fields of one stand for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ._references import expand
from ._secrecy import NOT_SHOWN, is_name
from .core.errors import InvalidValue

# The option that each field of a context file stands for.
FIELDS = {
    "url": "servers",
    "user": "user",
    "password": "password",
    "token": "token",
    "creds": "creds",
    "nkey": "nkey_seed",
    "user_jwt": "user_jwt",
    "user_seed": "user_seed",
    "ca": "tls_ca",
    "cert": "tls_cert",
    "key": "tls_key",
    "tls_first": "tls_first",
    "jetstream_domain": "js_domain",
    "jetstream_api_prefix": "js_api_prefix",
    "inbox_prefix": "inbox_prefix",
}
PROXY = "NATS_SOCKS_PROXY"
# With these, the NATS CLI uses no proxy, also where the context has one.
NO_PROXY = ("none", "NONE", "-")
# Fields that change nothing of what is done here. A context with any other field is refused rather than half obeyed.
_WITHOUT_MEANING = ("name", "description", "color_scheme", "jetstream_event_prefix")


def selected_context(environ: Mapping[str, str]) -> str | None:
    """Return the name of the context that ``nats context select`` has selected; None for none."""
    try:
        with open(_selection(environ), encoding="utf-8") as stream:
            return stream.read().strip() or None
    except (OSError, ValueError):
        return None


def read_context(name: str, environ: Mapping[str, str], selected: bool = False) -> dict[str, Any]:
    """Return the options that a context stands for, by its name or the path of its file.

    ``selected`` is for the error's sentence. Raises InvalidValue for what cannot be read, is broken or not supported.
    """
    if not is_name(name):
        raise InvalidValue(f"context must be the name of a NATS context, or the path of its file, not {NOT_SHOWN}.")
    path, named = context_path(name, environ), f"'{name}'"
    if selected:
        named += f" (selected in {_selection(environ)})"
    try:
        with open(path, encoding="utf-8") as stream:
            fields = json.load(stream)
    except OSError as exc:
        raise InvalidValue(
            f"There is no NATS context {named}: {path} cannot be read ({exc.strerror})."
            + (" Select another one (nats context select), or unselect it." if selected else "")
        ) from exc
    except ValueError as exc:
        raise InvalidValue(f"The NATS context {named} is broken: {path} is not JSON ({exc}).") from exc
    if not isinstance(fields, dict):
        raise InvalidValue(f"The NATS context {named} is broken: {path} holds no JSON object.")
    if environ.get(PROXY) in NO_PROXY:
        fields.pop("socks_proxy", None)
    _check(named, path, fields)
    return {option: fields.get(key) for key, option in FIELDS.items()}


def is_path(context: str) -> bool:
    """Tell whether a context is given by the path of its file, and not by its name."""
    return context.endswith(".json") or os.sep in context


def context_path(name: str, environ: Mapping[str, str]) -> str:
    """Return the path of a context's file."""
    return expand(name, environ) if is_path(name) else os.path.join(_folder(environ), "context", f"{name}.json")


def _check(named: str, path: str, fields: Mapping[str, Any]) -> None:
    wrong = [key for key in FIELDS if not _fits(key, fields.get(key))]
    if wrong:
        raise InvalidValue(
            f"The NATS context {named} is broken: {path} has a wrong type of value for {', '.join(wrong)}."
        )
    unsupported = [key for key in fields if fields[key] and key not in FIELDS and key not in _WITHOUT_MEANING]
    if unsupported:
        raise InvalidValue(
            f"The NATS context {named} sets {', '.join(unsupported)}, which is not supported here. "
            "Make a context without, or give the options themselves."
        )


def _fits(key: str, value: Any) -> bool:
    return value is None or isinstance(value, bool if key == "tls_first" else str)


def _selection(environ: Mapping[str, str]) -> str:
    return os.path.join(_folder(environ), "context.txt")


def _folder(environ: Mapping[str, str]) -> str:
    return os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "nats")
