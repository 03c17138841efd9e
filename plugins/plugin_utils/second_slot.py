# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that holds a slot for a host already, and asks for a second one: it could wait for itself without an end."""

from __future__ import annotations

from ..module_utils.core.durations import format_duration
from ..module_utils.core.entry import Entry
from ..module_utils.core.errors import GovernorError
from ..module_utils.core.names import Owner
from ..module_utils.core.stack import Stack
from ..module_utils.core.state import State


class HeldAlready(GovernorError):
    pass


async def refuse_second(stack: Stack, state: State, owner: Owner) -> None:
    """``state`` is the governor's as just read: where it is empty, nothing is asked.

    Raises HeldAlready where the owner's run holds a slot for the owner's host, or for all its hosts.
    """
    entry = None if state.surely_empty else await _of_same_run_and_host(stack, owner)
    if entry is not None:
        raise HeldAlready(
            f"Slot {entry.seq} of governor '{stack.name}' is held already by {entry.whose}, for "
            f"{format_duration(entry.age(state.now))}. This task would wait for it where all slots are taken, and "
            "count twice where not: release it before (governor_slot with state: released), or do without governed "
            "here."
        )


async def _of_same_run_and_host(stack: Stack, owner: Owner) -> Entry | None:
    def is_mine(entry: Entry) -> bool:
        return entry.run_id == owner.run_id and entry.host in (owner.host, "")

    # A user that may only acquire and release does without.
    return await stack.js.if_permitted(stack.find(is_mine))
