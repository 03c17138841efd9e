# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured: this collection's own core, with a queue and without, and with leases as by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import campaign_subject
from ansible_collections.jetstream.governor.plugins.module_utils.core.waiter import Waiter
from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Held


class _Noticed(Governor):
    """Calls ``refused`` when it begins to wait. As the reference does, it knows the subject and need not ask for it."""

    def __init__(self, name: str, nc: Client, refused: Callable[[], None]) -> None:
        super().__init__(name, nc, subject=campaign_subject(name))
        self._refused = refused

    def new_waiter(self, *args: Any) -> Waiter:
        self._refused()
        return super().new_waiter(*args)


class Ours(NamedTuple):
    queue: bool

    def __str__(self) -> str:
        return f"ours {'with' if self.queue else 'without'} a queue"

    async def enter(self, nc: Client, governor: str, holder: str, refused: Callable[[], None]) -> Held:
        slot = await _Noticed(governor, nc, refused).start(holder, lease=True)
        return Held(slot.seq, slot.finish)
