# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Lets its run end in a way: ``how`` is ``end``, ``unreachable``, ``SIGINT`` or ``SIGTERM``.

    A signal goes to ansible-playbook, from its first host, while all are at work.
    """

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        how, known = self._task.args["how"], task_vars or {}
        if how == "unreachable":
            raise AnsibleConnectionFailure("as if it had crashed")
        if how != "end":
            playbook = os.getppid()
            # By then all workers sleep here. When ansible-core ends one that is writing to its queue, the lock of the
            # queue goes with it, and ansible-playbook hangs.
            time.sleep(1)
            if known["inventory_hostname"] == known["ansible_play_hosts"][0]:
                os.kill(playbook, signal.Signals[how])
            _sleep_beside(playbook)
        return result


def _sleep_beside(playbook: int) -> None:
    """Sleep until the process is gone, which ends its workers itself, except for SIGTERM before ansible-core 2.19."""
    for _each in range(600):
        if os.getppid() != playbook:
            return
        time.sleep(0.1)
