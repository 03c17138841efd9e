#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes streams and messages as others would make them. For tests: it shares no code with the collection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats
from ansible.module_utils.basic import AnsibleModule


async def request(nc: Any, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await nc.request(subject, payload, timeout=30, headers=headers)).data)
    if "error" in answer:
        raise ValueError(f"{subject}: {answer['error']}")
    return answer


async def put(url: str, params: dict[str, Any]) -> list[int]:
    """Delete streams, create streams, publish messages, in this order. The sequences of the messages."""
    nc = await nats.connect(url)
    try:
        for name in params["absent"]:
            await request(nc, f"$JS.API.STREAM.DELETE.{name}", b"")
        creations = (
            request(nc, f"$JS.API.STREAM.CREATE.{config['name']}", json.dumps(config).encode())
            for config in params["streams"]
        )
        await asyncio.gather(*creations)
        messages = params["messages"]
        return [
            (await request(nc, each["subject"], each["data"].encode(), each.get("headers")))["seq"] for each in messages
        ]
    finally:
        await nc.close()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "absent": {"type": "list", "elements": "str", "default": []},
            "streams": {"type": "list", "elements": "dict", "default": []},
            "messages": {"type": "list", "elements": "dict", "default": []},
        },
    )
    module.exit_json(changed=True, seqs=asyncio.run(put(module.params["url"], module.params)))


if __name__ == "__main__":
    main()
