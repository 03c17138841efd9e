# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A waiter in a process of its own, to be killed: ``waiter.py URL GOVERNOR HOLDER``.

After its first try it tries again only when it is called; it releases its slot at once. It writes a line when it has
had its first look at the queue.
"""

from __future__ import annotations

import asyncio
import sys

import nats

from ansible_collections.jetstream.governor.tests.support.client import until
from ansible_collections.jetstream.governor.tests.support.queue import Watched


async def main() -> None:
    url, name, holder = sys.argv[1:]
    nc = await nats.connect(url)
    governor = Watched(name, nc, interval=3600)
    starting = asyncio.ensure_future(governor.start(holder))
    await until(lambda: bool(governor.waits) and governor.all_know_their_position, 60, "it has had its first look")
    print("looked", flush=True)
    await (await starting).finish()
    await nc.close()


if __name__ == "__main__":
    asyncio.run(main())
