# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases that tests have the time for: their stream tells how long they are."""

from __future__ import annotations

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.names import LEASES_STREAM
from ansible_collections.jetstream.governor.tests.support.client import ask, until


async def set_lease(nc: Client, seconds: float) -> None:
    """Of all governors there; before anybody campaigns in them, since each connection asks once."""

    async def is_set() -> bool:
        try:
            config = (await ask(nc, f"STREAM.INFO.{LEASES_STREAM}"))["config"]
            wanted = {**config, "max_age": round(seconds * 1e9), "duplicate_window": 0}
            await ask(nc, f"STREAM.UPDATE.{LEASES_STREAM}", wanted)
        except (AssertionError, Error):
            # The servers of a young cluster have not all met yet.
            return False
        return True

    await until(is_set, 60, f"a lease of {seconds:g} s")
