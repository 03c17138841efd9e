# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only the controller knows: which run this is, and how its play goes about its hosts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible import constants


def run_id(task_vars: Mapping[str, Any]) -> str:
    """AWX's job id where there is one, else an id of this ansible-playbook process, the same in all its workers.

    ansible-core makes one temporary directory a process, called after its pid and a random part; workers inherit it.
    """
    job = task_vars.get("awx_job_id")
    if job:
        return f"awx-{job}"
    directory = os.path.basename(constants.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]  # set when it is loaded
    return f"{socket.gethostname()}-{directory.replace('ansible-local-', '')}"


def play_facts(task: Any, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """For the guard: see ``guard.Play``. A task that runs once waits for one host alone."""
    strategy = str(task.get_play().strategy)
    # free and host_pinned know no run_once: ansible-core warns that it runs the task on every host all the same.
    once = task.run_once and not strategy.endswith(("free", "host_pinned"))
    return {
        "strategy": strategy,
        "batch": 1 if once else len(task_vars.get("ansible_play_batch") or []),
        "forks": int(task_vars["ansible_forks"]),
        "throttle": int(task.throttle or 0),
    }
