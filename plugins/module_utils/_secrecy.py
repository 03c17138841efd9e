# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must never be shown of the connection options, and how it is kept from being shown.

A value is shown in an error only if it looks like what belongs there, such as the path of a file: what somebody pasted
there instead may be the secret itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

NOT_SHOWN = "what is given, which is not shown because it may hold a secret"

# Options whose values are shown as long as they look like a path.
_FILES = ("creds", "tls_ca", "tls_cert", "tls_key")
_PATH = re.compile(r"((file|env)://|/|~\w*/|\.{1,2}/|\$\w+/|\$\{\w+\}/)[^\n]{0,1000}|[\w./ -]{1,100}\.\w{1,8}")
_NAME = re.compile(r"[\w. /-]{1,200}")

# A seed of any kind, a JWT, what a data: URL holds, and a key in PEM.
_SECRET = re.compile(
    r"\bS[A-Z][A-D][A-Z2-7]{55}\b|\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=;base64,)[\w+/=-]+"
    r"|-----BEGIN (?!CERTIFICATE)[^-]+-+.*?(-+END [^-]+-+|\Z)",
    re.DOTALL,
)
# Before the "@" of a URL.
_LOGIN = re.compile(r"(\w+://)[^\s,]*@")


def secrets_in_urls(urls: Iterable[str]) -> set[str]:
    """Return the passwords and tokens in these texts, each a URL or several joined by commas, valid or not.

    Those that are percent-encoded are returned as they are written, and as they are sent.
    """
    logins = (url.rpartition("@")[0] for given in urls for url in given.split(","))
    names = (login.partition("://")[2] or login for login in logins)
    # A login without a password is a token.
    written = {name.partition(":")[2] or name for name in names if name}
    return written | {unquote(secret) for secret in written}


def secrets_given(options: Mapping[str, Any], environ: Mapping[str, str]) -> set[str]:
    """Return what may be secret of a task's options that are not known to be: logins in URLs, what was pasted.

    A user without a password is a token.
    """
    given = options.get("servers") or ()
    secrets = secrets_in_urls([given] if isinstance(given, str) else given)
    if options.get("user") and not (options.get("password") or environ.get("NATS_PASSWORD")):
        secrets.add(options["user"])
    for option in (*_FILES, "context"):
        value = options.get(option) or ""
        if value and not (is_name(value) if option == "context" else is_path(value)):
            # Ansible looks for a secret as a whole, and what it shows may be one line of this one.
            secrets |= {value, value.strip(), *(line.strip() for line in value.splitlines() if len(line.strip()) > 20)}
    return secrets


def is_path(value: str) -> bool:
    """Tell whether the value looks like the path of a file, or like a URL that stands for one, and holds no secret."""
    return bool(_PATH.fullmatch(value)) and not _SECRET.search(value)


def is_name(value: str) -> bool:
    """Tell whether the value looks like a name, or like a path."""
    return is_path(value) or (bool(_NAME.fullmatch(value)) and not _SECRET.search(value))


def shown(path: str) -> str:
    """Return the value for an error's sentence, or words in its place if it does not look like a path."""
    return path if is_path(path) else NOT_SHOWN


def redact(text: str) -> str:
    """Return the text with the login of every URL in it hidden, and with it seeds, JWTs and keys."""
    return _SECRET.sub("***", _LOGIN.sub(r"\1***@", text))


def hide(secrets: Iterable[str]) -> None:
    """Have Ansible mask these secrets in all that it shows, which ansible-core can from 2.22 on."""
    try:
        from ansible.module_utils.secrets import (  # type: ignore[import-not-found, unused-ignore]
            register_secrets,
        )
    except ImportError:
        return
    register_secrets(sorted(secrets))
