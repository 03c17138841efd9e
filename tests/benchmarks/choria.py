# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference: how Choria campaigns for a slot, in bare requests.

Enter: publish the holder's name to the governor's subject. When the server refuses because the stream is full, try
again at the next tick of a clock that began to run with the first refusal. Leave: delete the entry by its sequence.
Choria's library ticks every 250 ms, its command line every 5 s; none of them varies its ticks unless it is given a
backoff policy, which Choria's own agents do.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Held

# Choria's own bounds are 1 s and 5 s. What the machine cannot answer in time shall be slow here, and not an error.
_ANSWER_WITHIN = 60.0

_FULL = 10077


class Reference(NamedTuple):
    """``interval``: seconds between ticks. ``varied``: each from 50 to 150 % of that, as a backoff policy would."""

    interval: float
    varied: bool = False

    @property
    def queue(self) -> bool:
        return False

    def __str__(self) -> str:
        every = f"{self.interval:g} s" if self.interval >= 1 else f"{self.interval * 1e3:g} ms"
        return f"reference {every}{' varied' if self.varied else ''}"

    async def enter(self, nc: Client, governor: str, holder: str, refused: Callable[[], None]) -> Held:
        loop = asyncio.get_running_loop()
        tick = 0.0
        while True:
            answer = await request(nc, subject(governor), holder.encode())
            if "error" not in answer:
                return Held(answer["seq"], partial(leave, nc, governor, answer["seq"]))
            if answer["error"].get("err_code") != _FULL:
                raise RuntimeError(f"{subject(governor)}: {answer['error']}")
            refused()
            tick = (tick or loop.time()) + self.interval * (0.5 + random.random() if self.varied else 1.0)
            await asyncio.sleep(tick - loop.time())


async def leave(nc: Client, governor: str, seq: int) -> None:
    deletion = {"seq": seq, "no_erase": True}
    answer = await request(nc, f"$JS.API.STREAM.MSG.DELETE.GOVERNOR_{governor}", json.dumps(deletion).encode())
    if "error" in answer:
        raise RuntimeError(f"could not leave {governor}: {answer['error']}")


async def request(nc: Client, where: str, payload: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await nc.request(where, payload, _ANSWER_WITHIN)).data)
    return answer


def subject(governor: str) -> str:
    return f"$GOVERNOR.campaign.{governor}"
