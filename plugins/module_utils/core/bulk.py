# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read many entries at once, by a consumer that lives for one reading. An accelerator: what it misses is read singly.

A replica may serve it that does not have the newest entries yet, and has some that are gone. Up to its last entry
nothing is missing, since replicas apply everything in one order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from .entry import Entry
from .errors import GovernorError
from .jetstream import JetStream

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# Seconds after which the server removes a consumer that nobody asks any more.
_FORGOTTEN_AFTER = 5.0


async def read_from(js: JetStream, stream: str, seq: int) -> list[Entry]:
    """Entries from that sequence on, oldest first; fewer, or none, where they cannot be had in this way.

    Headers that are not ASCII may be missing: older versions of nats-py drop them all then.
    """
    try:
        return await _consume(js, stream, seq)
    except GovernorError as exc:
        js.logger.debug("%s", exc)
        return []


async def _consume(js: JetStream, stream: str, seq: int) -> list[Entry]:
    config = {
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": seq,
        "ack_policy": "none",
        "mem_storage": True,
        "inactive_threshold": round(_FORGOTTEN_AFTER * 1e9),
        "num_replicas": 1,
    }
    what = f"Could not read the entries of stream {stream} at once"
    made = await js.call(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config}, what=what)
    count = int(made.get("num_pending", 0))
    return await _pulled(js, f"CONSUMER.MSG.NEXT.{stream}.{made['name']}", count) if count else []


async def _pulled(js: JetStream, verb: str, count: int) -> list[Entry]:
    from nats.errors import Error
    from nats.errors import TimeoutError as NoMore

    found: list[Entry] = []
    inbox = js.nc.new_inbox()
    subscription = await js.nc.subscribe(inbox, pending_msgs_limit=count + 2)
    try:
        request = {"batch": count, "no_wait": True}
        await js.nc.publish(js.api_subject(verb), json.dumps(request).encode(), reply=inbox)
        while len(found) < count:
            message = await subscription.next_msg(js.timeout)
            if not message.reply:
                # A status: it has no more, or is gone.
                break
            found.append(_entry(message))
    except (NoMore, Error) as exc:
        js.logger.debug("%s", exc)
    finally:
        with contextlib.suppress(Error, asyncio.TimeoutError):
            await subscription.unsubscribe()
    return found


def _entry(message: Msg) -> Entry:
    told = message.metadata
    return Entry.of(told.sequence.stream, message.data, message.headers or {}, told.timestamp)
