# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of the collection's modules, each described once; a module adds what it supports, and details.

    The support that stands here is that of every module that does not say otherwise.
    """

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
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
  idempotent:
    description: When run twice with the same arguments, the second run changes nothing.
  platform:
    description: Target OS families that can be operated against.
    support: full
    platforms: posix
"""

    # For modules that have an action plugin.
    ACTION = r"""
options: {}
attributes:
  action:
    description: Has an action plugin of the same name, which runs on the controller.
    support: full
"""
