# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What JetStream itself says of a governor's queue, past the code under test."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.waiter import Waiter
from ansible_collections.jetstream.governor.tests.support.client import Json, ask, until


class Watched(Governor):
    """A governor that keeps the waits of those who campaign in it: they know their positions after a look."""

    def __init__(self, name: str, nc: Client, **options: Any) -> None:
        super().__init__(name, nc, **options)
        self.waits: list[Waiter] = []

    def new_waiter(self, *args: Any) -> Waiter:
        self.waits.append(super().new_waiter(*args))
        return self.waits[-1]

    @property
    def all_know_their_position(self) -> bool:
        return all(each.position_in(QueueState(1, 0)) for each in self.waits)


async def consumer(nc: Client, name: str) -> Json:
    return await ask(nc, f"CONSUMER.INFO.GOVQUEUE_{name}.queue")


async def wake_ups(nc: Client, name: str) -> int:
    """How many were raised and not made use of."""
    return int((await ask(nc, f"STREAM.INFO.GOVQUEUE_{name}"))["state"]["messages"])


async def wait_for_queue(nc: Client, name: str, count: int, seconds: float = 10) -> None:
    """Wait until so many are in the queue."""

    async def there() -> bool:
        return bool((await consumer(nc, name))["num_waiting"] == count)

    await until(there, seconds, f"{count} are in the queue of {name}")
