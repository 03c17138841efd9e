# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slots that a failed attempt has kept, for the attempts after it: they work under it, and do not wait for it.

ansible-core runs the retries of a task, and the items of its loop, in one process. What has failed releases the slot
when a retry of it succeeds. Another item does not: the host has failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..module_utils.core.slot import Slot
from ..module_utils.settings import Settings


@dataclass(frozen=True)
class Kept:
    """``since``: when it was entered, by the monotonic clock. ``item``: of which item of a loop, None without one."""

    slot: Slot
    since: float
    item: Any


class Attempt:
    """One run of a task on a host, for one ``item`` of its loop, under a governor of the server in ``settings``."""

    def __init__(self, task: str, host: str, item: Any, governor: str, settings: Settings) -> None:
        self._key = (task, host, governor, settings)
        self._item = item

    @property
    def kept(self) -> Kept | None:
        return _kept.get(self._key)

    @property
    def may_release(self) -> bool:
        """Whether nothing but this one's own failure has kept the slot."""
        kept = self.kept
        return kept is None or bool(kept.item == self._item)

    def keep(self, slot: Slot, since: float) -> None:
        """For the next attempts; what is kept already stays."""
        _kept.setdefault(self._key, Kept(slot, since, self._item))

    def forget(self) -> None:
        _kept.pop(self._key, None)


_kept: dict[tuple[str, str, str, Settings], Kept] = {}
