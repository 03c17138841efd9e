# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleActionSkip, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Greets, fails or calls it off, in the ways that actions have."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        whom = self._task.args["whom"]
        if whom == "nobody":
            raise AnsibleActionFail("There is nobody to greet.", result={"rc": 7, "changed": True})
        if whom == "later":
            raise AnsibleActionSkip("Not now.", result={"when": "later"})
        if whom == "far away":
            raise AnsibleConnectionFailure("No way there.")
        task = self._task
        return {**result, "greeting": f"Hello {whom}", "changed": True, "seen": [task.action, task.check_mode]}
