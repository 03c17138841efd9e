# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What JetStream itself says about streams and their messages, and both made as others make them.

It shares no code with the collection: so what both say is so.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import nats
from nats.aio.client import Client

Json = dict[str, Any]

_ABSENT, _NO_MESSAGE = 10059, 10037


async def look(url: str, names: list[str]) -> dict[str, Json | None]:
    """Streams by their names: ``config``, ``state`` and ``created`` as the server has them, and ``messages``.

    None where there is none. Without the number of consumers: one that has read many entries at once is forgotten some
    seconds later.
    """
    nc = await nats.connect(url)
    try:
        return {name: await _stream(nc, name) for name in names}
    finally:
        await nc.close()


async def put(url: str, absent: list[str], streams: list[Json], messages: list[Json]) -> list[int]:
    """Delete streams, create streams, publish messages, in this order. The sequences of the messages."""
    nc = await nats.connect(url)
    try:
        for name in absent:
            await _ask(nc, f"$JS.API.STREAM.DELETE.{name}", b"")
        await asyncio.gather(
            *(_ask(nc, f"$JS.API.STREAM.CREATE.{each['name']}", json.dumps(each).encode()) for each in streams)
        )
        stored = [await _ask(nc, each["subject"], each["data"].encode(), each.get("headers")) for each in messages]
        return [answer["seq"] for answer in stored]
    finally:
        await nc.close()


async def _ask(nc: Client, subject: str, payload: bytes, headers: dict[str, str] | None = None, gone: int = 0) -> Json:
    """The server's answer; ValueError with what else it says. ``gone``: the error that means, nothing is there."""
    answer: Json = json.loads((await nc.request(subject, payload, timeout=30, headers=headers)).data)
    if "error" not in answer:
        return answer
    if answer["error"].get("err_code") == gone:
        return {}
    raise ValueError(f"{subject}: {answer['error']}")


async def _stream(nc: Client, name: str) -> Json | None:
    info = await _ask(nc, f"$JS.API.STREAM.INFO.{name}", b"", gone=_ABSENT)
    if not info:
        return None
    state = info["state"]
    sequences = range(state["first_seq"], state["last_seq"] + 1) if state["messages"] else ()
    messages = [await _message(nc, name, seq) for seq in sequences]
    return {
        "config": info["config"],
        "state": {key: value for key, value in state.items() if key != "consumer_count"},
        "created": info["created"],
        "messages": [each for each in messages if each is not None],
    }


async def _message(nc: Client, name: str, seq: int) -> Json | None:
    request = json.dumps({"seq": seq}).encode()
    answer = await _ask(nc, f"$JS.API.STREAM.MSG.GET.{name}", request, gone=_NO_MESSAGE)
    if not answer:
        return None
    found = answer["message"]
    lines = base64.b64decode(found.get("hdrs", "")).decode().split("\r\n")[1:]
    return {
        "seq": found["seq"],
        "subject": found["subject"],
        "data": base64.b64decode(found.get("data", "")).decode(),
        "headers": {key: value.strip() for key, _colon, value in (line.partition(":") for line in lines if line)},
        "time": found["time"],
    }
