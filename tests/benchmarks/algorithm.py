# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all algorithms have in common that are compared here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from nats.aio.client import Client


class Held(NamedTuple):
    """A slot: its sequence, and how to release it."""

    seq: int
    leave: Callable[[], Awaitable[object]]


class Algorithm(Protocol):
    """Its words are the heading of its column. It is sent to other processes, so it is a plain value."""

    @property
    def queue(self) -> bool:
        """Whether the governor is to have a queue."""

    async def enter(self, nc: Client, governor: str, holder: str, refused: Callable[[], None]) -> Held:
        """Wait for a slot, for ever; ``refused`` is called each time that the governor was full."""
