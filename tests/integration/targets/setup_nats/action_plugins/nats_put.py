# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import asyncio
import json
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.jetstream.governor.tests.support.oracle import put


class ActionModule(ActionBase):
    """Streams and messages made at ``url`` as others would make them: ``absent``, ``streams`` and ``messages``."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        # Tagged values of ansible-core 2.19 and later are no plain str and list to other libraries.
        args = json.loads(json.dumps(self._task.args))
        given = {name: args.get(name, []) for name in ("absent", "streams", "messages")}
        return {**result, "changed": True, "seqs": asyncio.run(put(args["url"], **given))}
