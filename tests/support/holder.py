# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A holder in a process of its own, to be killed: ``python -m ...holder URL GOVERNOR HOLDER``.

It tells the sequence of its slot, and holds it until then.
"""

from __future__ import annotations

import asyncio
import sys

import nats

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor


async def main() -> None:
    url, name, holder = sys.argv[1:]
    nc = await nats.connect(url)
    slot = await Governor(name, nc).start(holder)
    print(slot.seq, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
