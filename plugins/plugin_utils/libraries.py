# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""On the controller: is nats-py there?"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from ..module_utils.core.errors import GovernorError


class MissingLibrary(GovernorError):
    pass


def require_nats() -> None:
    """Raises MissingLibrary."""
    if find_spec("nats") is None:
        raise MissingLibrary(
            f"A governed task needs the Python package nats-py where ansible-playbook runs ({sys.executable}): install "
            "it there, or put it into the execution environment."
        )
