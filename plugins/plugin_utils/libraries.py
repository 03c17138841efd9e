# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""On the controller: are the Python packages there that a connection needs?"""

from __future__ import annotations

from ..module_utils.libraries import require_to_connect
from ..module_utils.settings import Settings


def require_here(settings: Settings) -> None:
    """Raises MissingLibrary."""
    require_to_connect(settings, "put it into the execution environment")
