# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured: this collection's own core, with a queue and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import campaign_subject
from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Held


class Ours(NamedTuple):
    queue: bool

    def __str__(self) -> str:
        return f"ours {'with' if self.queue else 'without'} a queue"

    async def enter(self, nc: Client, governor: str, holder: str, refused: Callable[[], None]) -> Held:
        # As the reference does, it knows the subject and need not ask for it.
        campaign = Governor(governor, nc, subject=campaign_subject(governor), on_refused=lambda _waiting: refused())
        slot = await campaign.start(holder)
        return Held(slot.seq, slot.finish)
