# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check for the Python packages of a connection on the controller, and import them for all workers at once."""

from __future__ import annotations

import contextlib
from importlib import import_module

from ..module_utils._libraries import require_to_connect
from ..module_utils._settings import Settings

# What is imported only where a connection is made, where a host's name is looked up, and where a holder has to wait.
_NEEDED = ("nats.aio.client", "encodings.idna", "..module_utils.core.waiter")


def require_here(settings: Settings) -> None:
    """Check for what a connection with these settings needs on the controller. Raises MissingLibrary."""
    require_to_connect(settings, "put it into the execution environment")


def preload() -> None:
    """Import once, in ansible-playbook itself, what each of its workers needs, since they are forks of it.

    The imports start no thread and open no file. What is missing is left to ``require_here`` to tell.
    """
    for module in _NEEDED:
        with contextlib.suppress(ImportError):
            import_module(module, __package__)
