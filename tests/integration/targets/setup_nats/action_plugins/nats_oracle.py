# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import asyncio
import json
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.jetstream.governor.tests.support.oracle import look


class ActionModule(ActionBase):
    """What JetStream itself says about ``streams``, at ``url``. No module has to be packed for it."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        # Tagged values of ansible-core 2.19 and later are no plain str and list to other libraries.
        args = json.loads(json.dumps(self._task.args))
        return {**result, "streams": asyncio.run(look(args["url"], args["streams"]))}
