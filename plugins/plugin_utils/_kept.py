# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slots that failed attempts have kept for the attempts after them, which work under such a slot without a wait.

ansible-core runs the retries of a task, and the items of its loop, in one process. The slot is released when a retry of
the item that has failed succeeds. The success of another item does not release it, since the host has failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..module_utils._settings import Settings
from ..module_utils.core.slot import Slot


@dataclass(frozen=True)
class Kept:
    """A slot that was kept, acquired at ``since`` by the monotonic clock, for an ``item`` of a loop (None without)."""

    slot: Slot
    since: float
    item: Any


class Attempt:
    """One try of a task on a host, for one item of its loop, under a governor of one server."""

    def __init__(self, task: str, host: str, item: Any, governor: str, settings: Settings) -> None:
        """Make it; ``task`` is the id of the task, and ``item`` is None without a loop."""
        self._key = (task, host, governor, settings)
        self._item = item

    @property
    def kept(self) -> Kept | None:
        """Return what an attempt of this task on this host has kept, whatever its item; None for nothing."""
        return _kept.get(self._key)

    @property
    def may_release(self) -> bool:
        """Tell whether this attempt's success releases the slot: it is not kept for another item."""
        kept = self.kept
        return kept is None or bool(kept.item == self._item)

    def keep(self, slot: Slot, since: float) -> None:
        """Keep the slot, acquired at ``since``, for the next attempts, unless one is kept already."""
        _kept.setdefault(self._key, Kept(slot, since, self._item))

    def forget(self) -> None:
        """Keep no slot any more."""
        _kept.pop(self._key, None)


_kept: dict[tuple[str, str, str, Settings], Kept] = {}
