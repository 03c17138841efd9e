# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A waiter in a process of its own, to be killed: ``waiter.py URL GOVERNOR HOLDER``.

After its first try it tries again only when it is called; it releases its slot at once.
"""

from __future__ import annotations

import asyncio
import sys

import nats

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor


async def main() -> None:
    url, name, holder = sys.argv[1:]
    nc = await nats.connect(url)
    slot = await Governor(name, nc, interval=3600).start(holder)
    await slot.finish()
    await nc.close()


if __name__ == "__main__":
    asyncio.run(main())
