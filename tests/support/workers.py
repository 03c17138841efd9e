# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workers under a governor that record when they really worked."""

from __future__ import annotations

import asyncio
import time

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.tests.support.history import Interval


async def work(
    governor: Governor, holder: str, seconds: float, timeout: float | None, leave_over: Client | None = None
) -> Interval:
    """Enter, work for so many seconds, leave. The interval is the work's own: it lies within the time in the slot.

    ``leave_over``: another connection to release the slot over.
    For tests in which nobody evicts: the slot must still be there to be released.
    """
    slot = await governor.start(holder, timeout=timeout)
    try:
        start = time.monotonic()
        await asyncio.sleep(seconds)
        interval = Interval(start, time.monotonic())
    finally:
        given_back = await (slot.over(leave_over) if leave_over else slot).finish()
    assert given_back, f"slot {slot.seq} of {holder} was gone"
    return interval
