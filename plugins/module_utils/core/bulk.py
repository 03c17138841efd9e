# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read many entries at once with a consumer that is made for one reading.

This only saves requests: the caller reads one by one what is missing here. The consumer may be on a replica that does
not have the newest entries yet, and that still has some that are gone. Up to its last entry nothing is missing, because
all replicas apply all changes in the same order.
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

# Seconds after which the server deletes a consumer that is no longer used.
_FORGOTTEN_AFTER = 5.0


async def read_from(js: JetStream, stream: str, seq: int) -> list[Entry]:
    """Return entries of the stream from sequence ``seq`` on, oldest first.

    The newest of them, or all, are missing when they cannot be read in this way; no error is raised. An entry with a
    header that is not ASCII may come without any headers, because older versions of nats-py drop them all then.
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
    return await _pull(js, f"CONSUMER.MSG.NEXT.{stream}.{made['name']}", count) if count else []


async def _pull(js: JetStream, verb: str, count: int) -> list[Entry]:
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
                # A status message: the consumer has no more entries, or is gone.
                break
            found.append(_entry(message))
    except (NoMore, Error) as exc:
        js.logger.debug("%s", exc)
    finally:
        with contextlib.suppress(Error, asyncio.TimeoutError):
            await subscription.unsubscribe()
    return found


def _entry(message: Msg) -> Entry:
    metadata = message.metadata
    return Entry.of(metadata.sequence.stream, message.data, message.headers or {}, metadata.timestamp)
