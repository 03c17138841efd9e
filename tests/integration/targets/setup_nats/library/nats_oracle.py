#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What JetStream itself says about streams and their messages. For tests: it shares no code with the collection."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import nats
from ansible.module_utils.basic import AnsibleModule

ABSENT, NO_MESSAGE = 10059, 10037


async def ask(nc: Any, verb: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    payload = b"" if request is None else json.dumps(request).encode()
    answer: dict[str, Any] = json.loads((await nc.request(f"$JS.API.{verb}", payload, timeout=10)).data)
    return answer


async def stream(nc: Any, name: str) -> dict[str, Any] | None:
    """The stream's ``config`` and ``state`` as the server has them, and its ``messages``; None when there is none.

    Without the number of consumers: one that has read many entries at once is forgotten some seconds later.
    """
    info = await ask(nc, f"STREAM.INFO.{name}")
    if "error" in info:
        if info["error"]["err_code"] == ABSENT:
            return None
        raise ValueError(f"{name}: {info['error']}")
    state = info["state"]
    sequences = range(state["first_seq"], state["last_seq"] + 1) if state["messages"] else ()
    messages = [await message(nc, name, seq) for seq in sequences]
    return {
        "config": info["config"],
        "state": {key: value for key, value in state.items() if key != "consumer_count"},
        "created": info["created"],
        "messages": [each for each in messages if each is not None],
    }


async def message(nc: Any, name: str, seq: int) -> dict[str, Any] | None:
    answer = await ask(nc, f"STREAM.MSG.GET.{name}", {"seq": seq})
    if "error" in answer:
        if answer["error"]["err_code"] == NO_MESSAGE:
            return None
        raise ValueError(f"{name} {seq}: {answer['error']}")
    found = answer["message"]
    lines = base64.b64decode(found.get("hdrs", "")).decode().split("\r\n")[1:]
    return {
        "seq": found["seq"],
        "subject": found["subject"],
        "data": base64.b64decode(found.get("data", "")).decode(),
        "headers": {key: value.strip() for key, _colon, value in (line.partition(":") for line in lines if line)},
        "time": found["time"],
    }


async def look(url: str, names: list[str]) -> dict[str, Any]:
    nc = await nats.connect(url)
    try:
        return {name: await stream(nc, name) for name in names}
    finally:
        await nc.close()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "streams": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, streams=asyncio.run(look(module.params["url"], module.params["streams"])))


if __name__ == "__main__":
    main()
