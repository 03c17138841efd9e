# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that stand for others, as in the NATS CLI: file://, env:// and data: URLs, $VARIABLES and ~ in paths."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping

from ._secrecy import shown
from .core.errors import InvalidValue

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://|(data):", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
# What the NATS CLI asks other programs for.
_OF_OTHERS = ("op", "nsc")


def path_of(value: str, environ: Mapping[str, str]) -> str | None:
    """Return the path that the value is, without ``file://``, and with its variables and ``~`` replaced.

    None where the value is a URL of another kind.
    """
    scheme = _scheme(value)
    if scheme not in ("", "file"):
        return None
    return expand(value[len("file://") :] if scheme else value, environ)


def expand(path: str, environ: Mapping[str, str]) -> str:
    """Return the path with its variables and ``~`` replaced. A variable that is not set stays as it is."""
    return os.path.expanduser(_VARIABLE.sub(lambda name: environ.get(name[1] or name[2], name[0]), path))


def text_of(option: str, value: str, environ: Mapping[str, str]) -> str:
    """Return the text that the value is, or stands for, without the end of its line. Raises InvalidValue."""
    scheme = _scheme(value)
    if scheme in ("env", "data", *_OF_OTHERS):
        return content_of(option, value, environ)
    if scheme == "file":
        return read(option, expand(value[len("file://") :], environ)).rstrip("\r\n")
    return value


def content_of(option: str, value: str, environ: Mapping[str, str]) -> str:
    """Return what an ``env://`` or ``data:`` URL stands for. Raises InvalidValue, also for other URLs."""
    scheme = _scheme(value)
    if scheme == "env":
        name = value[len("env://") :]
        if not environ.get(name):
            # Ansible hides the whole value, as it hides every password.
            raise InvalidValue(f"{option} is to come from the environment variable {name}, which is not set. Set it.")
        return environ[name].rstrip("\r\n")
    if scheme == "data":
        return _decoded(option, value[len("data:") :]).rstrip("\r\n")
    raise InvalidValue(
        f"{option} is a URL of the kind {scheme}://, which is not supported here. Give the path of a file, or a URL "
        "of the kind file://, env:// or data:;base64,."
    )


def read(option: str, path: str) -> str:
    """Return the text in the file. Raises InvalidValue if it cannot be read, or is no text."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError) as exc:
        raise unreadable(option, path, exc) from exc


def unreadable(option: str, path: str, why: Exception) -> InvalidValue:
    """Return the error about a file that cannot be read."""
    reason = getattr(why, "strerror", None) or ("it is no text" if isinstance(why, UnicodeError) else str(why))
    return InvalidValue(f"{option} must be a file that can be read, not {shown(path)} ({reason}).")


def _decoded(option: str, rest: str) -> str:
    kinds, comma, payload = rest.partition(",")
    try:
        if comma and "base64" in [kind.strip() for kind in kinds.split(";")]:
            return base64.b64decode(payload, validate=True).decode()
    except (binascii.Error, UnicodeError):
        pass
    raise InvalidValue(
        f"{option} is a data: URL that cannot be read, and is not shown. It must be data:;base64, and then what the "
        "file holds, in base64."
    )


def _scheme(value: str) -> str:
    found = _SCHEME.match(value)
    return (found[1] or found[2]).lower() if found else ""
