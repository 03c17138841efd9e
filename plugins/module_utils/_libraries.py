# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that the Python packages are there that a task needs, and new enough.

If not, one sentence names the package and the Python that lacks it.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module, metadata
from platform import node

from ._settings import Settings
from .core.errors import GovernorError

# The oldest nats-py that can do all that is used here. Older ones take each nats-server for the first of its minor
# version, and 2.10.0 would be unsafe.
NATS_PY = "2.10.0"

# What modules advise, which run where their task runs.
ELSEWHERE = (
    "run the task where it is, on the controller (delegate_to: localhost), if need be with "
    'ansible_python_interpreter: "{{ ansible_playbook_python }}"'
)


class MissingLibrary(GovernorError):
    """This Python lacks a package, or has a broken or too old one."""


def require_to_connect(settings: Settings, otherwise: str) -> None:
    """Check for what a connection with these settings needs; ``otherwise`` is as in ``require``.

    Raises MissingLibrary.
    """
    require("nats", "nats-py", "A connection to NATS", otherwise, NATS_PY)
    if settings.creds or settings.nkey_seed or settings.user_seed:
        require("nkeys", "nkeys", "A login with a seed (creds, nkey_seed or user_seed)", otherwise)
    if settings.over_websocket:
        require("aiohttp", "aiohttp", "A connection over WebSocket (ws:// or wss://)", otherwise)


def require(library: str, package: str, purpose: str, otherwise: str, at_least: str | None = None) -> None:
    """Check that ``library`` can be imported, and that its ``package`` is ``at_least`` of that version (None: any).

    ``purpose`` begins the sentence of the error, as in "The option query needs ...". ``otherwise`` ends it: what to do
    where the package cannot be installed. Raises MissingLibrary.
    """
    fault = _fault(library, package, at_least)
    if fault is not None:
        wanted = f"{package} {at_least} or newer" if at_least else package
        raise MissingLibrary(f"{purpose} needs the Python package {wanted}, {fault}: install it there, or {otherwise}.")


def _fault(library: str, package: str, at_least: str | None) -> str | None:
    here = f"{sys.executable} on {node()}"
    try:
        import_module(library)
        found = metadata.version(package) if at_least else None
    except metadata.PackageNotFoundError:
        # What was imported is something else of that name, such as a folder on the path.
        return f"which {here} lacks"
    except ImportError as exc:
        return f"which {here} lacks" if exc.name == library else f"which {here} cannot load ({exc})"
    old = found is not None and at_least is not None and _numbers(found) < _numbers(at_least)
    return f"and {here} has {found}" if old else None


def _numbers(version: str) -> list[int]:
    # Ansible's LooseVersion cannot compare 2.10rc1 with 2.10.0.
    return [int(number) for number in re.findall(r"\d+", version)]
