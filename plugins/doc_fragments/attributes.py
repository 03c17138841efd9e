# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Attributes that all modules of the collection share."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/jetstream.governor.governor) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - jetstream.governor.governor
  async:
    description: Supports being used with the C(async) keyword.
    support: full
  platform:
    description: Target OS families that can be operated against.
    support: full
    platforms: posix
"""
