# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases that are short enough for a test."""

from __future__ import annotations

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.leases import Leases
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import LEASES_STREAM
from ansible_collections.jetstream.governor.tests.support.client import ask


async def shorten_leases(nc: Client, seconds: float, replicas: int = 1) -> None:
    """Let signs of life last for so long. Makes the stream of leases where there is none."""
    await Leases(JetStream(nc)).make(replicas, "Could not shorten the leases")
    config = (await ask(nc, f"STREAM.INFO.{LEASES_STREAM}"))["config"]
    shorter = {"max_age": round(seconds * 1e9), "duplicate_window": round(min(seconds, 1) * 1e9)}
    await ask(nc, f"STREAM.UPDATE.{LEASES_STREAM}", {**config, **shorter})
