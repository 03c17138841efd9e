# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse a second slot to a host that holds one already in the same run: it could wait for itself for ever."""

from __future__ import annotations

from ..module_utils.core.durations import format_duration
from ..module_utils.core.entry import Entry
from ..module_utils.core.errors import GovernorError
from ..module_utils.core.names import Owner
from ..module_utils.core.stack import Stack
from ..module_utils.core.state import State


class HeldAlready(GovernorError):
    """The run holds a slot already, for the same host or as a whole."""


async def refuse_second(stack: Stack, state: State, owner: Owner) -> None:
    """Raise HeldAlready if the owner's run holds a slot for the owner's host, or as a whole.

    It is the ``admit`` of ``Governor.start``, but for the owner. ``state`` is the governor's as just read. Nothing more
    is read where it shows that nobody holds a slot.
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

    # A NATS user who may only acquire and release slots goes without this check.
    return await stack.js.if_permitted(stack.find(is_mine))
